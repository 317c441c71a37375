"""A real API server takes what `remoractl inject` prints, strictly."""

import subprocess

import pytest
import yaml

from support.certificates import Authority
from support.proxy import bin_dir

POD = {"containers": [{"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}],
                       "livenessProbe": {"httpGet": {"port": "http", "path": "/live"}}, "readinessProbe": {"grpc": {"port": 9000}}}]}


def deployment(**annotations):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}, "annotations": annotations}, "spec": POD}}}


@pytest.mark.parametrize("arguments, annotations", [
    ((), {}), (("--no-native-sidecar",), {}), ((), {"sidecar.istio.io/interceptionMode": "TPROXY", "sidecar.istio.io/proxyCPU": "250m"})])
def test_the_api_server_takes_an_injected_deployment(kubernetes, tmp_path, arguments, annotations):
    root = Authority(tmp_path / "pki", "mesh").certificate
    printed = subprocess.run([bin_dir() / "remoractl", "inject", "-f", "-", "--ca-root-file", root, *arguments], check=True,
                             input=yaml.safe_dump(deployment(**annotations)), capture_output=True, text=True, timeout=30).stdout
    kubernetes.kubectl("apply", "--validate=strict", "-f", "-", stdin=printed)
    names = [each["name"] for each in kubernetes.kubectl.get("deployment", "web")["spec"]["template"]["spec"]["initContainers"]]
    assert names == (["istio-init"] if arguments else ["istio-init", "istio-proxy"])
