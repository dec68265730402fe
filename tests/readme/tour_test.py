#!/usr/bin/env python3
"""Runs the five-minute tour of README.md as it stands: its ```sh blocks, in order, in one shell.

    tests/readme/tour_test.py README.md BIN_DIR

A ```text block behind a ```sh block is what that block prints to standard output. In it "..." stands for any text of one
line, a line of only "..." for any lines, and runs of spaces count as one. The shell works in a directory of its own, with
BIN_DIR in its PATH, and finds registryd on ports of its own by REGISTRYD_* and REGISTRY_SERVER.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

TITLE = "## A five-minute tour"
DEADLINE_S = 120


def section(text):
    start = text.index(TITLE + "\n") + len(TITLE)
    end = text.find("\n## ", start)
    return text[start:end if end >= 0 else len(text)]


def blocks(text):
    """[(commands, expected output or None)]"""
    found = []
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", section(text), re.M | re.S):
        if language == "sh":
            found.append([body, None])
        elif language == "text":
            found[-1][1] = body
    return found


def pattern(expected):
    lines = []
    for line in expected.splitlines():
        words = re.sub(r"\s+", " ", line.strip())
        lines.append(r"(.*\n)*?" if words == "..." else
                     ".*".join(re.escape(part) for part in words.split("...")) + r"\n")
    return re.compile("".join(lines))


def normal(output):
    return "".join(re.sub(r"\s+", " ", line).strip() + "\n" for line in output.splitlines())


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def environment(bin_dir):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("REGISTRYD_", "REGISTRY_"))}
    api, peer, http = (f"127.0.0.1:{port}" for port in free_ports(3))
    env.update(PATH=f"{bin_dir}:{env['PATH']}", REGISTRY_SERVER=api, REGISTRYD_LISTEN=api,
               REGISTRYD_PEER_LISTEN=peer, REGISTRYD_HTTP_LISTEN=http)
    return env


def run(found, bin_dir, directory):
    """Problems, as text."""
    script = ["set -eu"]
    for number, (commands, _) in enumerate(found):
        script.append(f"{{ {commands.strip()}\n}} >{directory}/out{number} 2>{directory}/err{number}")
    work = os.path.join(directory, "work")
    os.mkdir(work)
    shell = subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=work, env=environment(bin_dir),
                             stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = shell.wait(DEADLINE_S)
        status = f"exit status {status}" if status else ""
    except subprocess.TimeoutExpired:
        status = f"still running after {DEADLINE_S} s"
    problems = []
    try:
        os.killpg(shell.pid, signal.SIGKILL)
        if not status:
            problems.append("the tour leaves processes behind")
    except ProcessLookupError:
        pass
    shell.wait()
    for number, (commands, expected) in enumerate(found):
        out, err = (read(f"{directory}/{name}{number}") for name in ("out", "err"))
        wrong = expected is not None and not pattern(expected).fullmatch(normal(out))
        if wrong or status:
            problems.append(f"block {number + 1}:\n{commands}--- standard output\n{out}--- standard error\n{err}"
                            + (f"--- README says\n{expected}" if wrong else ""))
    return ([status] if status else []) + problems


def read(path):
    if not os.path.exists(path):
        return "(not reached)\n"
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def check_matching():
    """The comparison itself: what must match, and what must not."""
    expected = "NAME  HEALTH\nweb-1   PASSING ... s\n...\nend\n"
    for output, same in [("NAME HEALTH\nweb-1 PASSING 3 s\nend\n", True),
                         ("NAME    HEALTH\nweb-1 PASSING 3 s\na\nb\nend\n", True),
                         ("NAME HEALTH\nweb-1 CRITICAL 3 s\nend\n", False),
                         ("NAME HEALTH\nend\n", False), ("", False)]:
        assert bool(pattern(expected).fullmatch(normal(output))) == same, output


def main():
    readme, bin_dir = sys.argv[1:]
    check_matching()
    with open(readme, encoding="utf-8") as f:
        found = blocks(f.read())
    assert len(found) >= 3 and sum(e is not None for _, e in found) >= 2, "README has no tour to speak of"
    with tempfile.TemporaryDirectory() as directory:
        problems = run(found, os.path.abspath(bin_dir), directory)
    print("\n".join(problems) if problems else f"{len(found)} blocks do what README says")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
