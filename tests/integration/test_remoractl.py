"""The operator's command line, against a running control plane and without one."""

import json
import subprocess

import pytest
import yaml

from support.mesh import Mesh, service
from support.proxy import ROOT, bin_dir
from support.upstream import Upstream, unused_port
from support.waiting import wait_until

RULE = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "myapp"},
        "spec": {"hosts": ["myapp"], "http": [{"route": [{"destination": {"host": "myapp"}}]}]}}


def remoractl(*arguments, text=None):
    done = subprocess.run([str(bin_dir() / "remoractl"), *map(str, arguments)], timeout=60, text=True, input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@pytest.fixture
def mesh(tmp_path, closing):
    upstream = closing(Upstream("v1", address="127.0.1.1"))
    mesh = Mesh(tmp_path / "config", "myapp", {"a": (upstream, {"version": "v1"})}, closing).wait_serving()
    mesh.reroute("myapp.yaml", RULE)
    return mesh


def admin(mesh):
    return "--admin", f"127.0.0.1:{mesh.control.admin_port}"


class TestValidate:
    def test_good_resources(self, tmp_path):
        (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([service("myapp", 80), RULE]))
        assert remoractl("validate", tmp_path / "a.yaml")[0] == 0

    def test_standard_input(self):
        assert remoractl("validate", "-", text=yaml.safe_dump_all([service("myapp", 80), RULE]))[0] == 0

    def test_bad_resource_is_named_with_its_line_and_field(self, tmp_path):
        (tmp_path / "a.yaml").write_text(yaml.safe_dump(RULE).replace("hosts:", "hostss:"))
        code, output = remoractl("validate", tmp_path / "a.yaml")
        assert code == 1 and "a.yaml:" in output and "hostss" in output

    def test_missing_file(self, tmp_path):
        code, output = remoractl("validate", tmp_path / "none.yaml")
        assert code != 0 and "none.yaml" in output


class TestStatus:
    def test_connected_proxy_is_synced(self, mesh):
        def synced():
            code, output = remoractl(*admin(mesh), "status")
            return code == 0 and "client" in output and output

        wait_until(synced, lambda: f"the sidecar synced: {remoractl(*admin(mesh), 'status')}")

    def test_mistake_in_the_configuration_is_told(self, mesh):
        mesh.apply("bad.yaml", "kind: [unclosed\n")
        mesh.control.wait_finding("bad.yaml")
        code, output = remoractl(*admin(mesh), "status")
        assert code == 1 and "bad.yaml" in output

    def test_no_control_plane(self):
        code, output = remoractl("--admin", f"127.0.0.1:{unused_port()}", "status")
        assert code == 2 and "127.0.0.1" in output


class TestEffective:
    @pytest.mark.parametrize("kind", ["virtualservices", "vs", "VirtualService"])
    def test_resources_of_a_kind(self, mesh, kind):
        code, output = remoractl(*admin(mesh), "effective", kind)
        assert code == 0 and "myapp" in json.dumps(json.loads(output))

    def test_one_resource(self, mesh):
        code, output = remoractl(*admin(mesh), "effective", "vs", "myapp")
        assert code == 0 and json.loads(output)
        assert remoractl(*admin(mesh), "effective", "vs", "nothing")[0] == 1

    def test_all(self, mesh):
        output = remoractl(*admin(mesh), "effective", "all")[1]
        assert all(kind in output for kind in ("Service", "WorkloadEntry", "VirtualService"))

    def test_unknown_kind_is_an_error(self, mesh):
        code, output = remoractl(*admin(mesh), "effective", "gadgets")
        assert code == 2 and "gadgets" in output


@pytest.mark.parametrize("arguments", [
    (), ("nonsense",), ("get",), ("status", "more"), ("--admin",), ("get", "gadgets"), ("get", "vs", "-o", "xml"), ("apply",),
    ("get", "vs", "--nonsense"), ("get", "vs", "-n"), ("get", "vs", "a", "-A"), ("rollout",), ("rollout", "abort"), ("delete",),
    ("delete", "vs"), ("apply", "-f", "/nowhere.yaml"), ("--api", "nowhere", "get", "vs"), ("kubeconfig", "--token-file", "/nowhere")])
def test_bad_usage_is_exit_code_2(arguments):
    code, output = remoractl(*arguments)
    assert code == 2 and output


def test_documentation_is_what_the_program_says():
    assert (ROOT / "docs" / "remoractl.md").read_text() == remoractl("help", "--markdown")[1]


def test_every_command_has_help():
    code, output = remoractl("help")
    commands = [line.split("  ")[1] for line in output.split("flags of every")[0].splitlines() if line.startswith("  ")]
    names = [" ".join(word for word in command.split() if word.islower()) for command in commands]
    assert code == 0 and {"apply", "get", "rollout pause", "loadtester"} <= set(names)
    for name in names:
        code, output = remoractl(*name.split(), "--help")
        assert code == 0 and f"usage: remoractl {name}" in output, output
