#!/usr/bin/env python3
"""deploy/prometheus/alerts.yml names only metrics that the daemon has; where Prometheus's promtool is installed, it reads the file.

    alerts_test.py deploy/prometheus/alerts.yml registryd
"""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

FILE, SOURCE = sys.argv[1:3]


class Alerts(unittest.TestCase):
    def test_every_metric_is_one_of_the_daemon(self):
        made = set()
        for source in pathlib.Path(SOURCE).rglob("*.cc"):
            made.update(re.findall(r'"(registryd_\w+)"', source.read_text(encoding="utf-8")))
        rules = re.findall(r"^ +expr: (.+)$", pathlib.Path(FILE).read_text(encoding="utf-8"), re.M)
        self.assertGreater(len(rules), 5)
        for rule in rules:
            for name in re.findall(r"\b(registryd_\w+)\b", rule):
                self.assertIn(name, made, rule)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_prometheus_reads_it(self):
        answer = subprocess.run(["promtool", "check", "rules", FILE], capture_output=True, text=True, timeout=60)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
