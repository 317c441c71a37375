"""`remoractl inject` and `remoractl bootstrap`: what goes in, what comes out, and that a proxy takes it."""

import subprocess

import pytest
import yaml

from support.certificates import Authority
from support.proxy import bin_dir

DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {"template": {"metadata": {"labels": {"app": "web"}},
                          "spec": {"containers": [{"name": "app", "image": "web:1"}]}}}}
SERVICE = "# stays as it is\nkind:   Service\nmetadata: {name: web}\n"


@pytest.fixture
def root(tmp_path):
    return Authority(tmp_path / "pki", "mesh").certificate


def remoractl(*arguments, stdin=None):
    return subprocess.run([bin_dir() / "remoractl", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=30)


def inject(root, text, *arguments):
    return remoractl("inject", "-f", "-", "--ca-root-file", root, *arguments, stdin=text)


def proxy_takes(config, folder):
    path = folder / "bootstrap.yaml"
    path.write_text(config)
    done = subprocess.run([bin_dir() / "remora", "--mode", "validate", "-c", path], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_a_deployment_gets_a_sidecar_whose_bootstrap_the_proxy_takes(root, tmp_path):
    done = inject(root, SERVICE + "---\n" + yaml.safe_dump(DEPLOYMENT))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(SERVICE + "---\n")
    spec = list(yaml.safe_load_all(done.stdout))[1]["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["initContainers"]] == ["istio-init", "istio-proxy"]
    arguments = spec["initContainers"][1]["args"]
    config = arguments[arguments.index("--config-yaml") + 1]
    proxy_takes(config.replace("$(INSTANCE_IP)", "10.0.0.7"), tmp_path)


def test_injecting_twice_is_injecting_once(root):
    once = inject(root, yaml.safe_dump(DEPLOYMENT)).stdout
    again = inject(root, once)
    assert again.stdout == once
    assert "it has a sidecar already" in again.stderr


def test_nonsense_prints_nothing_and_names_the_annotation(root):
    bad = yaml.safe_load(yaml.safe_dump(DEPLOYMENT))
    bad["spec"]["template"]["metadata"]["annotations"] = {"sidecar.istio.io/proxyCPU": "much"}
    done = inject(root, yaml.safe_dump(bad))
    assert (done.returncode, done.stdout) == (1, "")
    assert 'Deployment/web: sidecar.istio.io/proxyCPU: "much" is no amount' in done.stderr


def test_settings_of_a_file_count_less_than_flags(root, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("image: by-file:1\nrevision: by-file\n")
    pod = yaml.safe_load(inject(root, yaml.safe_dump(DEPLOYMENT), "--settings", settings, "--revision", "by-flag").stdout)["spec"]["template"]
    assert pod["spec"]["initContainers"][1]["image"] == "by-file:1" and pod["metadata"]["labels"]["istio.io/rev"] == "by-flag"
    settings.write_text("imege: by-file:1\n")
    done = inject(root, yaml.safe_dump(DEPLOYMENT), "--settings", settings)
    assert (done.returncode, done.stdout) == (2, "") and f"--settings: {settings}: imege: there is no such setting" in done.stderr


def test_who_signed_for_the_control_plane_must_be_said():
    done = remoractl("inject", "-f", "-", stdin=yaml.safe_dump(DEPLOYMENT))
    assert done.returncode == 2 and "--ca-root-file is not given" in done.stderr


def test_bootstrap_of_a_proxy_that_somebody_starts_himself(root, tmp_path):
    done = remoractl("bootstrap", "web", "--ip", "127.0.1.1", "--label", "app=web", "--ca-root-file", root)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["node"]["id"] == "sidecar~127.0.1.1~web.default~default.svc.cluster.local"
    proxy_takes(done.stdout, tmp_path)
