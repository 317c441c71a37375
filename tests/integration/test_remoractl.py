"""The operator's command line, against a running control plane and without one."""

import json
import shutil
import subprocess

import pytest
import yaml

from support.mesh import ControlPlane, Mesh, service
from support.proxy import ROOT, Process, bin_dir
from support.release import Release
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


@pytest.fixture
def control(tmp_path, closing):
    """A control plane with a store of its own and nothing in it."""
    (tmp_path / "config").mkdir()
    control = closing(ControlPlane(tmp_path / "config"))
    return control, ("--api", (tmp_path / "api-address").read_text().strip())


class TestResources:
    def test_life_of_an_object(self, control, tmp_path):
        _, api = control
        (tmp_path / "rule.yaml").write_text(yaml.safe_dump(RULE))
        name = "virtualservice.networking.istio.io/myapp"
        assert remoractl("apply", *api, "-f", tmp_path / "rule.yaml") == (0, f"{name} created\n")
        assert remoractl("apply", *api, "-f", tmp_path / "rule.yaml") == (0, f"{name} unchanged\n")
        changed = yaml.safe_dump({**RULE, "spec": {**RULE["spec"], "hosts": ["myapp", "other"]}})
        assert remoractl("apply", *api, "-f", "-", "--dry-run", "server", text=changed) == (0, f"{name} configured (server dry run)\n")
        assert remoractl("apply", *api, "-f-", text=changed) == (0, f"{name} configured\n")
        shown = yaml.safe_load(remoractl("get", *api, "vs", "myapp", "-oyaml")[1])
        assert shown["spec"]["hosts"] == ["myapp", "other"] and "managedFields" not in shown["metadata"]
        assert "managedFields" in remoractl("get", *api, "vs", "myapp", "-ojson", "--show-managed-fields")[1]
        assert remoractl("delete", *api, "vs/myapp") == (0, 'virtualservice.networking.istio.io "myapp" deleted\n')
        code, output = remoractl("get", *api, "vs", "myapp")
        assert (code, output) == (1, 'Error from server (NotFound): virtualservices.networking.istio.io "myapp" not found\n')
        assert remoractl("delete", *api, "-f", tmp_path / "rule.yaml")[0] == 1
        assert remoractl("delete", *api, "-f", tmp_path / "rule.yaml", "--ignore-not-found") == (0, "")

    def test_what_an_apply_leaves_out_goes_and_what_others_set_stays(self, control):
        _, api = control
        def apply(manager, spec, *flags):
            rule = yaml.safe_dump({**RULE, "spec": spec})
            return remoractl("apply", *api, "-f-", "--field-manager", manager, *flags, text=rule)

        assert apply("one", {"hosts": ["myapp"], "gateways": ["mesh"], "http": RULE["spec"]["http"]})[0] == 0
        assert apply("two", {"exportTo": ["."]})[0] == 0
        assert apply("one", {"hosts": ["myapp"], "http": RULE["spec"]["http"]})[0] == 0
        spec = json.loads(remoractl("get", *api, "vs", "myapp", "-ojson")[1])["spec"]
        assert spec["exportTo"] == ["."] and "gateways" not in spec
        code, output = apply("two", {"hosts": ["stolen"]})
        assert code == 1 and "Conflict" in output and "hosts" in output
        assert apply("two", {"hosts": ["stolen"]}, "--force-conflicts")[0] == 0

    def test_folders_lists_and_streams(self, control, tmp_path):
        _, api = control
        (tmp_path / "all" / "deep").mkdir(parents=True)
        (tmp_path / "all" / "a.yaml").write_text(yaml.safe_dump_all([service("a", 80), {
            "apiVersion": "v1", "kind": "List", "items": [service("b", 80), service("c", 80)]}]))
        (tmp_path / "all" / "d.json").write_text(json.dumps(service("d", 80)))
        (tmp_path / "all" / "notes.txt").write_text("no manifest")
        (tmp_path / "all" / "deep" / "e.yaml").write_text(yaml.safe_dump(service("e", 80)))
        assert remoractl("apply", *api, "-f", tmp_path / "all")[1].count("created") == 4
        assert remoractl("apply", *api, "-R", "-f", tmp_path / "all")[1].count("created") == 1
        assert remoractl("get", *api, "svc", "-o", "name")[1].split() == [f"service/{name}" for name in "abcde"]

    def test_namespaces(self, control):
        _, api = control
        shop = yaml.safe_dump({**service("a", 80), "metadata": {"name": "a", "namespace": "shop"}})
        assert remoractl("apply", *api, "-f-", text=shop)[0] == 0
        code, output = remoractl("apply", *api, "-n", "other", "-f-", text=shop)
        assert code == 2 and "does not match the namespace" in output
        assert remoractl("get", *api, "svc") == (0, "No resources found in default namespace.\n")
        lines = remoractl("get", *api, "svc", "-A")[1].splitlines()
        assert lines[0].split()[:2] == ["NAMESPACE", "NAME"] and lines[1].split()[:2] == ["shop", "a"]
        assert "a" in remoractl("get", *api, "svc", "-n", "shop", "--no-headers")[1]

    def test_several_kinds_and_all(self, control):
        _, api = control
        remoractl("apply", *api, "-f-", text=yaml.safe_dump_all([service("a", 80), RULE]))
        output = remoractl("get", *api, "vs,svc")[1]
        assert "virtualservice.networking.istio.io/myapp" in output and "service/a" in output
        assert "service/a" in remoractl("get", *api, "all", "-o", "name")[1]

    def test_invalid_objects_are_refused_with_their_place(self, control):
        _, api = control
        wrong = {**RULE, "spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}, "weight": -4}]}]}}
        code, output = remoractl("apply", *api, "-f-", text="# first line\n" + yaml.safe_dump(wrong))
        assert code == 1 and "<stdin>:2" in output and "spec.http[0].route[0].weight" in output
        code, output = remoractl("apply", *api, "-f-", text=yaml.safe_dump({**RULE, "spec": {"hostss": []}}))
        assert code == 1 and "hostss" in output
        assert remoractl("apply", *api, "-f-", text="kind: Gadget\napiVersion: v1\nmetadata: {name: a}")[0] == 2
        assert remoractl("get", *api, "vs", "-o", "name") == (0, "")

    def test_watch_tells_each_change_below_one_header(self, control, closing):
        _, api = control
        watch = closing(Process("watch", [bin_dir() / "remoractl", "watch", *api, "svc"]))
        for name in ("first", "second"):
            wait_until(lambda: remoractl("apply", *api, "-f-", text=yaml.safe_dump(service(name, 80)))[0] == 0, "applied")
            wait_until(lambda: f"{name} " in watch.log, lambda: f"{name} in {watch.log}")
        assert watch.log.splitlines()[0].startswith("NAME") and watch.log.count("NAME") == 1

    def test_nobody_answers(self):
        code, output = remoractl("--api", f"127.0.0.1:{unused_port()}", "get", "vs")
        assert code == 2 and "127.0.0.1" in output


class TestRollouts:
    """Canaries over a real control plane; the rest of them is in test_rollouts.py."""

    @pytest.fixture
    def release(self, tmp_path, closing):
        return Release(tmp_path / "config", closing, threshold=20).begin()

    def test_a_release_by_hand(self, release, closing):
        api = ("--api", release.api)
        table = closing(Process("rollout-watch", [bin_dir() / "remoractl", "watch", *api]))
        steps = closing(Process("rollout-status", [bin_dir() / "remoractl", "rollout", "watch", *api, "api", "-n", "default"]))
        with release.traffic():
            release.deploy("v2")
            release.wait_weight(40)
            assert remoractl("rollout", "pause", *api, "api") == (0, "canary.flagger.app/api: pause is done\n")
            wait_until(lambda: "(paused)" in table.log, lambda: table.log)
            code, output = remoractl("rollout", "list", *api)
            assert code == 0 and output.splitlines()[0].split()[:4] == ["NAMESPACE", "NAME", "PHASE", "WEIGHT"]
            assert output.splitlines()[1].split()[:4] == ["default", "api", "Progressing", "(paused)"]
            assert remoractl("rollout", "resume", *api, "api")[0] == 0
            waiting = closing(Process("rollout-wait", [bin_dir() / "remoractl", "rollout", "status", *api, "api", "--watch"]))
            assert remoractl("rollout", "promote", *api, "api")[0] == 0
            assert waiting.wait() == 0, waiting.log
        assert "promote" in waiting.log and "request-success-rate: 100 (at least 99)" in waiting.log
        wait_until(lambda: "Succeeded" in steps.log, lambda: steps.log)
        assert json.loads(remoractl("rollout", "list", *api, "-o", "json")[1])[0]["phase"] == "Succeeded"
        code, output = remoractl("rollout", "abort", *api, "api")
        assert code == 1 and "Error from server" in output

    def test_a_failed_one_is_exit_code_1(self, release):
        api = ("--api", release.api)
        release.deploy("v2")
        release.wait_phase("Progressing")
        assert remoractl("rollout", "abort", *api, "api")[0] == 0
        release.wait_phase("Failed")
        code, output = remoractl("rollout", "status", *api, "api")
        assert code == 1 and "Failed" in output and "abort" in output
        code, output = remoractl("rollout", "status", *api, "nothing")
        assert (code, output) == (1, 'Error from server (NotFound): canaries.flagger.app "nothing" not found\n')
        assert remoractl("rollout", "pause", *api, "nothing")[0] == 1


class TestCredentials:
    @pytest.fixture
    def secured(self, tmp_path, closing):
        """A control plane that speaks TLS and wants a token."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
                        "-out", "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       cwd=tmp_path, check=True, capture_output=True)
        (tmp_path / "tokens").write_text("secret\nother\n")
        (tmp_path / "config").mkdir()
        closing(ControlPlane(tmp_path / "config", arguments=[
            "--api-cert-file", tmp_path / "cert.pem", "--api-key-file", tmp_path / "key.pem",
            "--api-token-file", tmp_path / "tokens"]))
        return tmp_path, (tmp_path / "api-address").read_text().strip()

    def test_token_over_tls(self, secured):
        folder, address = secured
        ca = ("--api", address, "--ca", folder / "cert.pem")
        assert remoractl("get", *ca, "svc", "--token-file", folder / "tokens")[0] == 0
        code, output = remoractl("get", *ca, "svc")
        assert code == 1 and "token" in output
        code, output = remoractl("get", "--api", f"https://{address}", "svc", "--token-file", folder / "tokens")
        assert code == 2 and "certificate" in output.lower()

    def test_kubeconfig_suits_kubectl(self, secured):
        folder, address = secured
        code, output = remoractl("kubeconfig", "--api", address, "--ca", folder / "cert.pem", "--token-file", folder / "tokens",
                                 "-n", "shop")
        config = yaml.safe_load(output)
        assert code == 0 and config["clusters"][0]["cluster"] == {
            "server": f"https://{address}", "certificate-authority": str(folder / "cert.pem")}
        assert config["users"][0]["user"] == {"token": "secret"} and config["contexts"][0]["context"]["namespace"] == "shop"
        if not shutil.which("kubectl"):
            pytest.skip("no kubectl is installed")
        (folder / "kubeconfig").write_text(output)
        done = subprocess.run(["kubectl", "--kubeconfig", folder / "kubeconfig", "get", "services"], timeout=60, text=True,
                              capture_output=True)
        assert (done.returncode, done.stderr) == (0, "No resources found in shop namespace.\n")


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
