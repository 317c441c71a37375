"""The real Helm, which `./dev test --kubernetes` builds."""

import json
import os
import pathlib
import subprocess

import yaml

from support.proxy import ROOT

CHART = ROOT / "docker" / "helm" / "remora"
KUBERNETES = "1.34.0"


def helm_binary():
    path = pathlib.Path(os.environ.get("REMORA_HELM", ROOT / "build" / "tools" / "helm"))
    return path if path.exists() else None


class Helm:
    """`home` keeps what Helm writes down. `kubeconfig`: the cluster, where one is asked for."""

    def __init__(self, home, kubeconfig=None):
        self.home, self.kubeconfig = home, kubeconfig

    def run(self, *words):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), **({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {})}
        return subprocess.run([helm_binary(), *map(str, words)], env=environment, capture_output=True, text=True, timeout=120)

    def __call__(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def template(self, values=None, namespace="istio-system", *words):
        """The objects of the chart with these values."""
        text = self("template", "remora", CHART, "--namespace", namespace, "--kube-version", KUBERNETES, *self.values(values), *words)
        return [each for each in yaml.safe_load_all(text) if each]

    @staticmethod
    def values(values):
        return [word for name, value in (values or {}).items() for word in ("--set-json", f"{name}={json.dumps(value)}")]
