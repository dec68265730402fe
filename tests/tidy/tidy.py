#!/usr/bin/env python3
"""Checks what the compiler does not: ranks of folders, owners of dependencies, names, layout, links.

    tests/tidy/tidy.py [ROOT]      prints one line per violation, path:line: what; exit status 1 where there is any

Each rule is a function below with what it wants in its first line. tidy_test.py plants a violation of each.
"""
import os
import re
import sys

FILE_LINES = 600
SOURCES = (".h", ".cc", ".c")
TEXTS = SOURCES + (".py", ".sh", ".proto", ".cmake", ".txt", ".md", ".json", ".toml", ".yaml")
TOP = ("registryd", "client", "cli", "tests", "proto", "deploy", "docs", "cmake")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# What an include of a foreign header looks like, and the only places that may have one.
DEPENDENCIES = [
    ("RocksDB", r"rocksdb/", r"registryd/storage/|tests/unit/storage/"),
    ("libraft", r"raft\.h$|raft/", r"registryd/consensus/[^/]+\.c$"),
    ("gRPC", r"grpc(pp)?/|.*\.grpc\.pb\.h$",
     r"registryd/(consensus|api)/|client/(src|grpc|testing|examples|probes)/|tests/"),
    ("spdlog", r"spdlog/", r"registryd/base/[^/]+\.cc$"),
    ("prometheus-cpp", r"prometheus/", r"registryd/base/[^/]+\.cc$"),
    ("CLI11", r"CLI/", r"registryd/server/|cli/"),
    ("toml++", r"toml\+\+/|toml\.hpp", r"registryd/server/|cli/"),
    ("Boost.Beast", r"boost/(beast|asio)", r"registryd/gateway/http/|client/probes/|tests/"),
    ("ldns", r"ldns/", r"registryd/gateway/dns/|tests/"),
]

# Who must not see whom: (files, includes, why).
FORBIDDEN = [
    (r"registryd/(base|core)/", r".*\.pb\.h$|google/protobuf/", "base and core know no protobuf"),
    (r"registryd/", r"(cli|tests)/", "registryd/ uses neither cli/ nor tests/"),
    (r"registryd/(?!checks/)", r"client/|registry/(?!v1/)", "registryd/ does not use client/"),
    (r"client/include/", r".*\.pb\.h$|google/protobuf/|grpc", "public headers need no gRPC and no protobuf"),
    (r"client/(?!testing/)", r"registryd/", "client/ uses proto/ only"),
    (r"client/testing/", r"registryd/(?!(base|core|wire)/)", "client/testing uses core and wire only"),
    (r"client/probes/", r"client/(?!probes/)|registry/", "probes know nothing of the registry"),
    (r"client/", r"(cli|tests)/", "client/ uses neither cli/ nor tests/"),
    (r"cli/", r"registryd/|.*\.pb\.h$|client/(?!probes/probe)|tests/",
     "cli/ uses the client's public headers only, and the probes"),
]

BANNED_NAMES = {"util", "utils", "manager", "misc", "v2"}

CLOCK_CALLS = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock)\s*::\s*now|\bgettimeofday\s*\(|\bclock_gettime\s*\("
    r"|\bstd::time\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|\babsl::Now\s*\(|\bGetCurrentTimeNanos\s*\(")
WALL_CALLS = re.compile(
    r"\bsystem_clock\s*::\s*now|\bgettimeofday\s*\(|\bCLOCK_REALTIME\b|\bstd::time\s*\("
    r"|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|\babsl::Now\s*\(")
SLEEPS = re.compile(r"\bsleep_(for|until)\b|\b(u|nano)?sleep\s*\(|\bSleepFor\s*\(|\btime\.sleep\b"
                    r"|(^|[;&|]|\bdo\b)\s*sleep\s+[0-9.$]")


class Tree:
    """The project's files, read once."""

    def __init__(self, root):
        self.root = root
        self.lines = {}
        self.problems = []
        for folder, folders, files in os.walk(root):
            relative = os.path.relpath(folder, root)
            folders[:] = sorted(f for f in folders if not self.skipped(relative, f))
            for name in sorted(files):
                path = os.path.normpath(os.path.join(relative, name))
                if path == "compile_commands.json":
                    continue
                if path.endswith(TEXTS) or self.starts_with_shebang(path):
                    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
                        self.lines[path] = f.read().split("\n")
        self.ranks = self.read_ranks()

    @staticmethod
    def skipped(relative, folder):
        return folder in (".git", "__pycache__") or (relative == "." and folder in ("build", "registry-data"))

    def starts_with_shebang(self, path):
        if "." in os.path.basename(path):
            return False
        with open(os.path.join(self.root, path), "rb") as f:
            return f.read(2) == b"#!"

    def read_ranks(self):
        ranks = {}
        for line in self.lines.get("tests/tidy/ranks.txt", []):
            words = line.split("#")[0].split()
            if words:
                ranks[words[0]] = int(words[1])
        return ranks

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def sources(self, *prefixes):
        for path, lines in self.lines.items():
            if path.endswith(SOURCES) and (not prefixes or path.startswith(prefixes)):
                yield path, lines

    def report(self, path, line, what):
        self.problems.append(f"{path}:{line}: {what}")


def includes(lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def code(line):
    """The line without its comment and its string literals."""
    return re.sub(r"//.*", "", re.sub(r'"(\\.|[^"\\])*"', '""', line))


def check_ranks(tree):
    """An #include points only to a smaller rank or to its own folder, and every folder has a rank."""
    for path, lines in tree.sources("registryd/"):
        folder = path.split("/")[1]
        if folder not in tree.ranks:
            tree.report(path, 1, f"folder {folder} has no rank in tests/tidy/ranks.txt")
            continue
        for number, header in includes(lines):
            parts = header.split("/")
            if parts[0] != "registryd" or len(parts) < 3 or parts[1] == folder or header.endswith(".pb.h"):
                continue
            if parts[1] not in tree.ranks:
                tree.report(path, number, f"{header}: folder {parts[1]} has no rank in tests/tidy/ranks.txt")
            elif tree.ranks[parts[1]] >= tree.ranks[folder]:
                tree.report(path, number, f"{folder} (rank {tree.ranks[folder]}) must not include {header}"
                                          f" (rank {tree.ranks[parts[1]]})")


def check_dependencies(tree):
    """One folder owns each foreign library."""
    for path, lines in tree.sources():
        for number, header in includes(lines):
            for name, pattern, owners in DEPENDENCIES:
                if re.match(pattern, header) and not re.match(owners, path):
                    tree.report(path, number, f"{name} ({header}) is not included here; its owner is {owners}")


def check_forbidden(tree):
    """Who must not see whom."""
    for path, lines in tree.sources():
        for files, pattern, why in FORBIDDEN:
            if re.match(files, path):
                for number, header in includes(lines):
                    if re.match(pattern, header):
                        tree.report(path, number, f"includes {header}: {why}")


def check_layout(tree):
    """No tabs, no trailing spaces, a newline at the end, files of a readable length, #pragma once."""
    for path, lines in tree.lines.items():
        for number, line in enumerate(lines, 1):
            if "\t" in line:
                tree.report(path, number, "tab")
            if line != line.rstrip():
                tree.report(path, number, "trailing space")
        if lines[-1] != "" or (len(lines) > 1 and lines[-2] == ""):
            tree.report(path, len(lines), "the file must end with one newline")
        if path.endswith(SOURCES + (".py", ".sh", ".proto")) and len(lines) - 1 > FILE_LINES:
            tree.report(path, len(lines), f"{len(lines) - 1} lines; the limit is {FILE_LINES}")
        if path.endswith(".h") and "#pragma once" not in lines:
            tree.report(path, 1, "no #pragma once")


def check_names(tree):
    """Names say what a thing is: no util, manager, misc."""
    for path in tree.lines:
        for word in re.split(r"[/_.\-]", path.lower()):
            if word in BANNED_NAMES:
                tree.report(path, 1, f"'{word}' says nothing; name the file after what it does")


def check_clocks(tree):
    """Only base/clock.cc asks the system for the time; the client uses the wall clock only for what outlives it.

    api/ may, because a deadline of gRPC is a point of the system's clock.
    """
    for path, lines in tree.sources("registryd/", "client/"):
        if path in ("registryd/base/clock.cc", "client/local/wall_clock.cc") or path.startswith("registryd/api/"):
            continue
        pattern = CLOCK_CALLS if path.startswith("registryd/") else WALL_CALLS
        for number, line in enumerate(lines, 1):
            if pattern.search(code(line)):
                tree.report(path, number, "asks the system for the time; take a Clock (registryd/base/clock.h)"
                            if path.startswith("registryd/") else "wall clock; deadlines are monotonic")


def check_sleeps(tree):
    """Tests wait for a condition with a deadline (tests/support/wait_for.h); they do not sleep."""
    for path, lines in tree.lines.items():
        if path.startswith("tests/") and not path.startswith("tests/tidy/") and not path.endswith(".md"):
            for number, line in enumerate(lines, 1):
                if SLEEPS.search(code(line) if path.endswith(SOURCES) else line.split("#")[0]):
                    tree.report(path, number, "sleeps; wait for a condition with a deadline")


def anchors(lines):
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    found = set()
    fenced = False
    for line in lines:
        fenced ^= line.startswith("```")
        if not fenced and re.match(r"#{1,6} ", line):
            title = re.sub(r"[`*]", "", line.lstrip("#").strip()).lower()
            found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found


def check_links(tree):
    """Relative links and named paths in Markdown lead somewhere."""
    for path, lines in tree.lines.items():
        if not path.endswith(".md"):
            continue
        folder = os.path.dirname(path)
        fenced = False
        for number, line in enumerate(lines, 1):
            fenced ^= line.startswith("```")
            if fenced:
                continue
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                full = os.path.normpath(os.path.join(folder, file)) if file else path
                if not tree.exists(full):
                    tree.report(path, number, f"link to {target}: no such file")
                elif anchor and full in tree.lines and anchor not in anchors(tree.lines[full]):
                    tree.report(path, number, f"link to {target}: no such heading")
            for name in re.findall(r"`([\w./-]+)`", line):
                if name.split("/")[0] in TOP and "/" in name and not any(
                        tree.exists(name + end) for end in ("", ".h", ".cc", ".c", ".proto")):
                    tree.report(path, number, f"{name}: no such file")


def check_mentions(tree):
    """A docs/ page that a comment or a message names exists."""
    for path, lines in tree.lines.items():
        if path.endswith(".md") or path.startswith("tests/tidy/"):
            continue
        for number, line in enumerate(lines, 1):
            for page in re.findall(r"\bdocs/[\w/-]*\w(?:\.md)?", line):
                folder, _, start = page.rpartition("/")
                known = [f for f in tree.lines if f.startswith(folder + "/")]
                if not any(f == page or f.startswith(f"{folder}/{start}-") or f == page + ".md"
                           or f.startswith(page + "/") for f in known):
                    tree.report(path, number, f"names {page}, which does not exist")


def check_guarantees(tree):
    """docs/guarantees.md names only tests that exist."""
    tests = set()
    for _, lines in tree.sources("tests/"):
        text = "\n".join(lines)
        tests.update(f"{a}.{b}" for a, b in re.findall(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", text))
    for number, line in enumerate(tree.lines.get("docs/guarantees.md", []), 1):
        for name in re.findall(r"`([A-Z]\w*\.[A-Z]\w*)`", line):
            if name not in tests:
                tree.report("docs/guarantees.md", number, f"{name}: no such test")


CHECKS = [check_ranks, check_dependencies, check_forbidden, check_layout, check_names, check_clocks,
          check_sleeps, check_links, check_mentions, check_guarantees]


def run(root):
    tree = Tree(root)
    for check in CHECKS:
        check(tree)
    return sorted(tree.problems)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    problems = run(os.path.abspath(root))
    print("\n".join(problems) if problems else "tidy: no violations")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
