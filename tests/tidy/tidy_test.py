#!/usr/bin/env python3
"""Plants a violation of each rule of tidy.py in a small tree and sees it reported, and nothing else."""
import os
import tempfile
import unittest

import tidy

HEADER = "#pragma once\n"
CLEAN = {
    "tests/tidy/ranks.txt": "base 0\ncore 1\nwire 2\nconsensus 2\nstorage 3\nserver 8  # wiring\n",
    "registryd/base/text.h": HEADER,
    "registryd/base/clock.cc": "int64_t Now() { return steady_clock::now(); }\n",
    "registryd/base/log.cc": "#include <spdlog/spdlog.h>\n",
    "registryd/core/types.h": HEADER + '#include "registryd/base/text.h"\n#include "registryd/core/limits.h"\n',
    "registryd/wire/codec.h": HEADER + '#include "registry/v1/types.pb.h"\n#include "registryd/core/types.h"\n'
                                       '#include "registryd/internal/v1/record.pb.h"\n',
    "registryd/consensus/raft_shim.c": "#include <raft.h>\n",
    "registryd/storage/store.cc": "#include <rocksdb/db.h>\n",
    "registryd/server/main.cc": "#include <CLI/CLI.hpp>\n#include <toml++/toml.h>\n",
    "client/include/registry/client.h": HEADER + '#include "absl/status/status.h"\n#include "registry/types.h"\n',
    "client/src/client.cc": '#include <grpcpp/grpcpp.h>\n#include "registry/v1/types.grpc.pb.h"\n',
    "client/testing/fake.cc": '#include "registryd/core/types.h"\n',
    "cli/main.cc": '#include "cli/arguments.h"\n#include "registry/client.h"\n',
    "tests/unit/base/text_test.cc": "TEST(Text, Joins) {}\n",
    "docs/guarantees.md": "# Guarantees\n\n## One truth\n\n`Text.Joins`\n",
    "docs/adr/0001-core.md": "# 1\n",
    "README.md": "# R\n\n[g](docs/guarantees.md#one-truth) [w](https://x.y) [s](#r) `registryd/base/text` `registryd/core/`\n",
    "registryd/core/limits.h": HEADER + "// docs/guarantees.md and docs/adr/0001 say why.\n",
}


class TidyTest(unittest.TestCase):
    def problems(self, planted):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **planted}.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as f:
                    f.write(text)
            return tidy.run(root)

    def reported(self, path, text, line, what):
        problems = self.problems({path: text})
        self.assertEqual(len(problems), 1, problems)
        self.assertTrue(problems[0].startswith(f"{path}:{line}: "), problems)
        self.assertIn(what, problems[0])

    def test_a_clean_tree_has_no_violations(self):
        self.assertEqual(self.problems({}), [])

    def test_ranks(self):
        self.reported("registryd/base/a.cc", '\n#include "registryd/core/types.h"\n', 2, "must not include")
        self.reported("registryd/wire/a.cc", '#include "registryd/consensus/b.h"\n', 1, "must not include")
        self.reported("registryd/attic/a.cc", "\n\nint a;\n", 1, "has no rank")
        self.reported("registryd/server/a.cc", '#include "registryd/attic/b.h"\n', 1, "has no rank")

    def test_dependencies(self):
        for path, header, name in [
                ("registryd/server/a.cc", "rocksdb/db.h", "RocksDB"),
                ("registryd/consensus/a.cc", "raft.h", "libraft"),
                ("registryd/storage/a.c", "raft/fixture.h", "libraft"),
                ("registryd/server/a.cc", "grpcpp/server.h", "gRPC"),
                ("registryd/core/a.cc", "spdlog/spdlog.h", "spdlog"),
                ("registryd/base/a.h", "spdlog/spdlog.h", "spdlog"),
                ("registryd/base/a.cc", "CLI/CLI.hpp", "CLI11"),
                ("client/src/a.cc", "toml++/toml.h", "toml++"),
                ("registryd/server/a.cc", "boost/beast.hpp", "Boost.Beast"),
                ("registryd/server/a.cc", "ldns/ldns.h", "ldns"),
                ("registryd/base/a.h", "prometheus/registry.h", "prometheus-cpp")]:
            start = HEADER if path.endswith(".h") else "\n"
            with self.subTest(path=path, header=header):
                self.reported(path, f"{start}#include <{header}>\n", 2, name)

    def test_forbidden(self):
        for path, header, why in [
                ("registryd/core/a.cc", "registry/v1/types.pb.h", "no protobuf"),
                ("registryd/base/a.cc", "google/protobuf/message.h", "no protobuf"),
                ("registryd/server/a.cc", "registry/client.h", "does not use client/"),
                ("registryd/server/a.cc", "tests/support/daemon.h", "nor tests/"),
                ("client/include/registry/a.cc", "registry/v1/types.pb.h", "no gRPC and no protobuf"),
                ("client/src/a.cc", "registryd/core/types.h", "proto/ only"),
                ("client/testing/a.cc", "registryd/storage/store.h", "core and wire only"),
                ("client/src/a.cc", "cli/arguments.h", "neither cli/"),
                ("cli/a.cc", "registryd/base/text.h", "public headers only"),
                ("cli/a.cc", "registry/v1/types.pb.h", "public headers only"),
                ("cli/a.cc", "client/src/clock.h", "public headers only"),
                ("cli/a.cc", "client/probes/attempt.h", "public headers only"),
                ("client/probes/a.cc", "registry/client.h", "nothing of the registry")]:
            with self.subTest(path=path, header=header):
                self.reported(path, f'#include "{header}"\n', 1, why)

    def test_layout(self):
        self.reported("registryd/base/a.cc", "int a;\n\tint b;\n", 2, "tab")
        self.reported("deploy/a.sh", "echo \n", 1, "trailing space")
        self.reported("registryd/base/a.cc", "int a;", 1, "newline")
        self.reported("registryd/base/a.cc", "int a;\n\n", 3, "newline")
        self.reported("registryd/base/a.h", "int a;\n", 1, "#pragma once")
        self.reported("registryd/base/a.cc", "int a;\n" * 601, 602, "601 lines")
        self.assertEqual(self.problems({"registryd/base/a.cc": "int a;\n" * 600}), [])

    def test_files_without_an_ending_are_read_when_they_are_scripts(self):
        self.reported(".ci/run", "#!/bin/sh\n\techo\n", 2, "tab")
        self.assertEqual(self.problems({"deploy/picture": "\t"}), [])

    def test_names(self):
        for path in ("registryd/base/string_util.h", "registryd/base/lease-manager.h", "cli/misc/a.h"):
            with self.subTest(path=path):
                self.reported(path, HEADER, 1, "says nothing")

    def test_clocks(self):
        for call in ("std::chrono::system_clock::now()", "std::chrono::steady_clock::now()", "time(nullptr)",
                     "clock_gettime(CLOCK_REALTIME, &t)", "absl::Now()"):
            with self.subTest(call=call):
                self.reported("registryd/core/a.cc", f"auto t = {call};\n", 1, "take a Clock")
        self.reported("client/src/a.cc", "auto t = std::chrono::system_clock::now();\n", 1, "wall clock")
        self.assertEqual(self.problems({
            "client/src/a.cc": "auto t = std::chrono::steady_clock::now();\n",
            "registryd/core/a.cc": '// as time(nullptr) says\nauto s = "absl::Now()"; Lifetime(0);\n'}), [])

    def test_sleeps(self):
        for path, text in [("tests/unit/a_test.cc", "  std::this_thread::sleep_for(x);\n"),
                           ("tests/unit/a_test.cc", "  usleep(10);\n"),
                           ("tests/readme/run.sh", "while :; do sleep 1; done\n"),
                           ("tests/readme/run.py", "time.sleep(1)\n")]:
            with self.subTest(text=text):
                self.reported(path, text, 1, "sleeps")

    def test_links(self):
        self.reported("docs/a.md", "[a](b.md)\n", 1, "no such file")
        self.reported("docs/a.md", "[a](guarantees.md#two)\n", 1, "no such heading")
        self.reported("docs/a.md", "\nSee `registryd/core/gone.h`.\n", 2, "no such file")
        self.assertEqual(self.problems({"docs/a.md": "```\n[a](b.md)\n```\n[g](guarantees.md)\n"}), [])

    def test_mentions(self):
        self.reported("registryd/base/a.cc", "// see docs/gone.md\n", 1, "does not exist")
        self.reported("registryd/base/a.cc", "// see docs/adr/0009\n", 1, "does not exist")

    def test_guarantees(self):
        self.reported("docs/guarantees.md", "# One truth\n`Text.Joins` `Text.Gone`\n", 2, "no such test")


if __name__ == "__main__":
    unittest.main()
