#!/usr/bin/env python3
"""deploy/registryd.toml explains what registryd --help lists, no more and no less, and registryd reads it.

    config_file_test.py registryd deploy/registryd.toml
"""
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest

PROGRAM, FILE = sys.argv[1:3]
# Flags that a file cannot hold.
NO_KEYS = {"help", "version", "config", "check-config"}
KEY = re.compile(r"^#?([a-z][a-z0-9-]*) = ", re.M)


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


class ConfigFile(unittest.TestCase):
    def setUp(self):
        with open(FILE, encoding="utf-8") as f:
            self.text = f.read()
        self.help = run("--help").stdout

    def test_every_flag_is_a_key_and_every_key_a_flag(self):
        flags = set(re.findall(r"^ +(?:-\w,)?--([a-z0-9-]+)", self.help, re.M)) - NO_KEYS
        keys = KEY.findall(self.text)
        self.assertGreater(len(flags), 5, self.help)
        self.assertEqual(flags, set(keys))
        self.assertEqual(len(keys), len(set(keys)), "a key stands twice")

    def test_it_is_read_as_it_is(self):
        answer = run("--config", FILE, "--check-config")
        self.assertEqual(answer.returncode, 0, answer.stderr)

    def test_every_example_is_read(self):
        examples = tomllib.loads("\n".join(line.lstrip("#") for line in self.text.split("\n") if KEY.match(line)))
        self.assertGreater(len(examples), 5)
        for key in examples:
            line = re.search(rf"^#?({key} = .*)$", self.text, re.M).group(1)
            with self.subTest(key), tempfile.NamedTemporaryFile("w", suffix=".toml") as one:
                one.write(line + "\n")
                one.flush()
                answer = run("--config", one.name, "--check-config")
                # What belongs together (a certificate and its key) is told so by name.
                self.assertNotIn("unknown key", answer.stderr)
                self.assertTrue(answer.returncode == 0 or f"--{key}" in answer.stderr, answer.stderr)

    def test_the_defaults_are_those_of_the_program(self):
        compared = 0
        for key, value in re.findall(r"^#([a-z0-9-]+) = (.*)$", self.text, re.M):
            default = re.search(rf"^ +--{key} .*=(\S+) \(Env:", self.help, re.M)
            if default and key != "name":
                compared += 1
                with self.subTest(key):
                    self.assertEqual(value.strip('"'), default.group(1))
        self.assertGreater(compared, 5, self.help)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
