#!/usr/bin/env python3
"""What deploy/ has for Compose, Swarm and Kubernetes fits the image and the programs: every node's environment is one that
registryd takes, each node is a member of the cluster that it names and has a volume of its own, ports and probes are those
of the image. Where docker-compose is installed, it holds the stack against its schema.

    deployments_test.py PROJECT registryd registry-cli
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

PROJECT, DAEMON, CLI = sys.argv[1:4]
DEPLOY = pathlib.Path(PROJECT, "deploy")
DOCKERFILE = pathlib.Path(PROJECT, "Dockerfile").read_text(encoding="utf-8")
DATA = re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.M).group(1)
PORTS = {int(port) for port in re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.M).group(1).split()}
IMAGE = dict(re.findall(r"(REGISTRYD_\w+)=(\S+)", re.search(r"^ENV (?:.*\\\n)*.*$", DOCKERFILE, re.M).group(0)))
# Of the client, in docs/cli.md.
CLIENT = {"REGISTRY_SERVER", "REGISTRY_TLS_CA", "REGISTRY_TLS_CERT", "REGISTRY_TLS_KEY", "REGISTRY_TOKEN_FILE"}


def run(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY")}
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, env=clean | environment)


def load(name):
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def kubernetes():
    """{(kind, name): object}"""
    objects = {}
    for name in ("registryd.yaml", "web.yaml"):
        for one in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8")):
            objects[one["kind"], one["metadata"]["name"]] = one
    return objects


class Deployments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.known = set(re.findall(r"Env:(REGISTRYD_\w+)", run(DAEMON, "--help").stdout))

    def expect_good(self, environment):
        """As the daemon sees it: the image's environment, and this."""
        self.assertGreater(len(self.known), 5)
        for name in environment:
            self.assertIn(name, self.known | CLIENT)
        answer = run(DAEMON, "--check-config", **IMAGE, **environment)
        self.assertEqual(answer.returncode, 0, answer.stderr)

    def expect_member(self, environment):
        members = dict(member.split("=") for member in environment["REGISTRYD_INITIAL_CLUSTER"].split(","))
        self.assertEqual(len(members), 3)
        self.assertIn(environment["REGISTRYD_NAME"], members)
        return members

    def test_the_image(self):
        self.expect_good({})
        self.assertTrue(IMAGE["REGISTRYD_DATA_DIR"].startswith(DATA + "/"))
        listens = {int(value.rpartition(":")[2]) for name, value in IMAGE.items() if name.endswith("LISTEN")}
        self.assertEqual(listens, PORTS)

    def test_compose_and_swarm(self):
        for name in ("compose/compose.yaml", "swarm/stack.yaml"):
            file = load(name)
            nodes = {key: one for key, one in file["services"].items() if "REGISTRYD_NAME" in one["environment"]}
            volumes, published = set(), set()
            for key, node in nodes.items():
                with self.subTest(name, node=key):
                    environment = node["environment"]
                    self.expect_good(environment)
                    self.assertEqual(set(self.expect_member(environment).values()), {f"{one}:7401" for one in nodes})
                    (volume, where), = (one.split(":") for one in node["volumes"])
                    self.assertEqual(where, DATA)
                    self.assertIn(volume, file["volumes"])
                    volumes.add(volume)
                    for port in node.get("ports", []):
                        address, outside, inside = port.split(":")
                        self.assertEqual(address, "127.0.0.1", "--insecure is for this machine alone")
                        self.assertIn(int(inside), PORTS)
                        published.add(outside)
            self.assertEqual(len(nodes), 3)
            self.assertEqual(len(volumes), 3, "a volume that two nodes share")
            self.assertIn(len(published), (0, 6), "a port that two nodes share")
        for key, service in load("compose/compose.yaml")["services"].items():
            for depends in service.get("depends_on", []):
                self.assertIn(depends, nodes, key)

    @unittest.skipUnless(shutil.which("docker-compose"), "docker-compose is not installed")
    def test_the_stack_is_of_its_schema(self):
        answer = run("docker-compose", "-f", str(DEPLOY / "swarm/stack.yaml"), "config", "--quiet")
        self.assertEqual(answer.returncode, 0, answer.stderr)

    def test_kubernetes(self):
        objects = kubernetes()
        nodes = objects["StatefulSet", "registryd"]
        labels = nodes["spec"]["template"]["metadata"]["labels"]
        for one in [nodes, objects["PodDisruptionBudget", "registryd"]]:
            self.assertEqual(one["spec"]["selector"]["matchLabels"], labels)
        container, = nodes["spec"]["template"]["spec"]["containers"]
        names = [f"registryd-{i}" for i in range(nodes["spec"]["replicas"])]
        plain = {one["name"]: one["value"] for one in container["env"] if "value" in one}
        for name in names:
            environment = plain | {"REGISTRYD_NAME": name}
            self.expect_good(environment)
            self.assertEqual(list(self.expect_member(environment)), names)
        peers = nodes["spec"]["serviceName"]
        for name, address in self.expect_member(environment).items():
            self.assertEqual(address, f"{name}.{peers}:7401")

        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        self.assertEqual(set(ports.values()), PORTS)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual(container[probe]["grpc"]["port"], ports["grpc"])
        for name in ("registryd", peers):
            service = objects["Service", name]["spec"]
            self.assertEqual(service["selector"], labels)
            for one in service["ports"]:
                self.assertEqual(one["port"], ports[one["targetPort"]])
        mount, = container["volumeMounts"]
        claim, = nodes["spec"]["volumeClaimTemplates"]
        self.assertEqual((mount["name"], mount["mountPath"]), (claim["metadata"]["name"], DATA))
        self.assertEqual(str(nodes["spec"]["template"]["spec"]["securityContext"]["runAsUser"]),
                         re.search(r"--uid (\d+)", DOCKERFILE).group(1))

    def test_the_sidecar_of_kubernetes(self):
        objects = kubernetes()
        pod = objects["Deployment", "web"]["spec"]["template"]["spec"]
        web, sidecar = pod["containers"]
        config = objects["ConfigMap", pod["volumes"][0]["configMap"]["name"]]["data"]["sidecar.toml"]
        self.assertIn(f"port = {web['ports'][0]['containerPort']}\n", config)
        for one in sidecar["env"]:
            self.assertIn(one["name"], CLIENT)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(config)
            file.flush()
            command = [file.name if word.startswith("/etc/") else word for word in sidecar["command"][1:]]
            answer = run(CLI, *command, "--check-config")
            self.assertEqual(answer.returncode, 0, answer.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
