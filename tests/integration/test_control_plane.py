"""The whole mesh: remora-control over manifests, a client's sidecar, and workloads behind it."""

import collections
import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

from support.http_client import Client
from support.load import Load
from support.mesh import ControlPlane, Mesh, service, workload
from support.proxy import Proxy, bin_dir
from support.stats import assert_split
from support.upstream import Upstream, reply
from support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = pathlib.Path(os.environ.get("REMORA_SEEDS", ROOT.parent / "shared" / "seeds" / "manifests"))

ADDRESS = "127.0.1.1"  # Of the workloads; the client's sidecar has 127.0.0.1 for itself.

needs_seeds = pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the seeds' manifests are not at {SEEDS}")


def seed(name):
    return (SEEDS / name).read_text()


def destination_rule(app="myapp", label="version", names=("v1", "v2"), **policy):
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": app},
            "spec": {"host": app, **({"trafficPolicy": policy} if policy else {}),
                     "subsets": [{"name": name, "labels": {label: name}} for name in names]}}


def virtual_service(*http, app="myapp"):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": app},
            "spec": {"hosts": [app], "http": list(http)}}


def to(subset, weight=None, app="myapp"):
    return {"destination": {"host": app, "subset": subset}, **({} if weight is None else {"weight": weight})}


def split(v1, v2, app="myapp"):
    return virtual_service({"route": [to("v1", v1, app), to("v2", v2, app)]}, app=app)


@pytest.fixture
def workloads(closing):
    """Two workloads of v1 (blue) and one of v2 (green); each answers its version."""
    def instance(version):
        return closing(Upstream(version, lambda request: reply(200, {"x-version": version}, version), address=ADDRESS))
    return {"a": (instance("v1"), {"version": "v1", "color": "blue"}),
            "b": (instance("v1"), {"version": "v1", "color": "blue"}),
            "c": (instance("v2"), {"version": "v2", "color": "green"})}


@pytest.fixture
def mesh(tmp_path, workloads, closing):
    return Mesh(tmp_path / "config", "myapp", workloads, closing).wait_serving()


@pytest.fixture
def api(tmp_path, workloads, closing):
    return Mesh(tmp_path / "config", "api", workloads, closing).wait_serving()


def counts(mesh, requests, headers=()):
    with Client(mesh.port) as client:
        return collections.Counter(client.request(headers=headers, host=mesh.app).text for _ in range(requests))


class TestWithoutRules:
    def test_service_is_balanced_over_all_its_workloads(self, mesh):
        assert set(counts(mesh, 60)) == {"v1", "v2"}

    @pytest.mark.parametrize("host", ["myapp", "myapp.default", "myapp.default.svc", "myapp.default.svc.cluster.local",
                                      "MYAPP", "myapp:8080"])
    def test_every_name_of_the_service_leads_to_it(self, mesh, host):
        assert mesh.fetch(host=host).status == 200

    def test_unknown_host_is_refused(self, mesh):
        assert mesh.fetch(host="other").status == 502

    def test_workload_that_is_added_gets_its_share(self, mesh, workloads, closing):
        third = closing(Upstream("v3", address=ADDRESS))
        mesh.apply("more.yaml", workload("d", "myapp", third, version="v3"))
        wait_until(lambda: mesh.fetch().text == "v3", "the new workload")
        mesh.delete("more.yaml")
        wait_until(lambda: "v3" not in counts(mesh, 30), "the workload gone")


@needs_seeds
class TestSeeds:
    """The manifests of the seeds, verbatim."""

    def test_canary(self, mesh):
        mesh.reroute("myapp.yaml", seed("canary-myapp.yaml"))
        assert_split(counts(mesh, 1000), {"v1": 90, "v2": 10})
        clusters = mesh.client.admin("/clusters").text
        for name in (mesh.cluster(), mesh.cluster("v1"), mesh.cluster("v2")):
            assert f"{name}::default_priority::max_connections::100\n" in clusters
            assert f"{name}::default_priority::max_pending_requests::100\n" in clusters
            assert f"{name}::default_priority::max_requests::1000\n" in clusters

    def test_canary_step_by_step_under_load(self, mesh):
        mesh.reroute("myapp.yaml", seed("canary-myapp.yaml"))
        with Load(mesh.port, "myapp") as load:
            for v1, v2 in ((50, 50), (0, 100), (90, 10)):
                manifest = seed("canary-myapp.yaml").replace("weight: 90", f"weight: {v1}").replace("weight: 10", f"weight: {v2}")
                mesh.reroute("myapp.yaml", manifest)
                assert_split(counts(mesh, 600), {"v1": v1, "v2": v2})
        load.assert_nothing_lost()

    def test_mirror(self, mesh, workloads):
        mesh.reroute("myapp.yaml", destination_rule(), seed("mirror-myapp.yaml"))
        wait_until(lambda: "v2" not in counts(mesh, 20), "all live traffic at v1")
        shadow = workloads["c"][0]
        wait_until(lambda: sum(mesh.client.stats("v2.*upstream_rq_active").values()) == 0, "the mirror idle")
        shadow.forget()
        assert counts(mesh, 200) == {"v1": 200}
        shadow.wait_for(200)
        wait_until(lambda: sum(mesh.client.stats("v2.*upstream_rq_active").values()) == 0, "the mirror idle")
        assert len(shadow.requests) == 200
        finding = mesh.control.wait_finding("mirrorPercent", "mirrorPercentage")
        assert finding["severity"] == "warning"

    def test_ab(self, mesh):
        mesh.reroute("myapp.yaml", destination_rule(), seed("ab-myapp.yaml"))
        for user, version in {"user-123": "v2", "user-1234": "v2", "user-12": "v1", "user-12345": "v1", "User-123": "v1",
                              "xuser-123": "v1", "user-12a": "v1", "user-123 ": "v2", "": "v1", None: "v1"}.items():
            assert counts(mesh, 4, {} if user is None else {"user-id": user}) == {version: 4}, user

    def test_blue_green_switch_and_revert_under_load(self, mesh):
        blue = seed("blue-green-myapp.yaml")
        green = blue.replace("subset: blue", "subset: green")
        assert green != blue
        mesh.reroute("myapp.yaml", blue)
        assert counts(mesh, 50) == {"v1": 50}
        with Load(mesh.port, "myapp") as load:
            for manifest, version in ((green, "v2"), (blue, "v1"), (green, "v2")):
                mesh.reroute("myapp.yaml", manifest)
                assert counts(mesh, 50) == {version: 50}
        load.assert_nothing_lost()

    def test_api_with_its_rule_and_deployments(self, api):
        api.apply("deployments.yaml", seed("api-deployments.yaml"))
        api.apply("destination-rule.yaml", seed("api-destination-rule.yaml"))
        api.reroute("virtual-service.yaml", seed("api-virtual-service.yaml"))
        assert_split(counts(api, 1000), {"v1": 90, "v2": 10})
        assert f"{api.cluster('v1')}::default_priority::max_pending_requests::50\n" in api.client.admin("/clusters").text
        dump = api.client.admin("/config_dump").text
        assert '"consecutive_5xx": 5' in dump and '"base_ejection_time": "30s"' in dump and '"interval": "30s"' in dump
        errors = [finding for finding in api.control.findings() if finding["severity"] == "error"]
        assert not errors, errors

    def test_api_rolled_out_as_the_script_does(self, api):
        template = re.search(r"<<EOF.*?\n(.*?)\nEOF", seed("canary-rollout.sh"), re.S)[1]
        api.apply("destination-rule.yaml", seed("api-destination-rule.yaml"))
        for v1 in (90, 50, 0):
            text = template.replace("${v1_weight}", str(v1)).replace("${v2_weight}", str(100 - v1))
            api.reroute("virtual-service.yaml", text)
            assert_split(counts(api, 600), {"v1": v1, "v2": 100 - v1})


class TestRules:
    def test_timeout_is_off_unless_set(self, mesh, workloads):
        mesh.reroute("myapp.yaml", destination_rule(), split(100, 0))
        mesh.fetch()
        assert not workloads["a"][0].requests or not workloads["a"][0].last.has("x-envoy-expected-rq-timeout-ms")

    def test_timeout(self, mesh, workloads):
        mesh.reroute("myapp.yaml", destination_rule(), virtual_service({"route": [to("v2")], "timeout": "7s"}))
        workloads["c"][0].forget()
        mesh.fetch()
        assert workloads["c"][0].last.get("x-envoy-expected-rq-timeout-ms") == "7000"

    def test_rewrite_and_headers(self, mesh, workloads):
        mesh.reroute("myapp.yaml", destination_rule(), virtual_service(
            {"match": [{"uri": {"prefix": "/old/"}}], "rewrite": {"uri": "/new/", "authority": "rewritten.local"},
             "headers": {"request": {"set": {"x-set": "1"}, "remove": ["x-gone"]}, "response": {"add": {"x-added": "2"}}},
             "route": [to("v2")]},
            {"route": [to("v1")]}))
        workloads["c"][0].forget()
        response = mesh.fetch("/old/path", headers={"x-gone": "1", "x-set": "0"})
        seen = workloads["c"][0].last
        assert (seen.target, seen.get("host"), seen.get("x-set")) == ("/new/path", "rewritten.local", "1")
        assert not seen.has("x-gone") and response.get("x-added") == "2"
        assert mesh.fetch("/other").text == "v1"

    def test_redirect_and_direct_response(self, mesh):
        mesh.reroute("myapp.yaml", destination_rule(), virtual_service(
            {"match": [{"uri": {"exact": "/moved"}}], "redirect": {"uri": "/there", "authority": "new.local", "redirectCode": 307}},
            {"match": [{"uri": {"exact": "/teapot"}}], "directResponse": {"status": 418, "body": {"string": "short"}}},
            {"route": [to("v1")]}))
        response = mesh.fetch("/moved")
        assert (response.status, response.get("location")) == (307, "http://new.local/there")
        assert (mesh.fetch("/teapot").status, mesh.fetch("/teapot").text) == (418, "short")

    def test_retries_are_istios_by_default(self, mesh, workloads, closing):
        """Refused connections are tried on another workload without anybody asking for it."""
        dead = Upstream("dead", address=ADDRESS)
        dead.close()
        mesh.apply("dead.yaml", workload("dead", "myapp", dead, version="v9"))
        wait_until(lambda: str(dead.port) in mesh.client.admin("/clusters").text, "the dead workload known")
        assert "v1" in counts(mesh, 60)
        with Client(mesh.port) as client:
            assert {client.request(host="myapp").status for _ in range(60)} == {200}

    def test_outlier_is_ejected_and_returns(self, mesh, workloads):
        mesh.reroute("myapp.yaml", destination_rule(outlierDetection={
            "consecutive5xxErrors": 3, "interval": "0.2s", "baseEjectionTime": "0.5s", "maxEjectionPercent": 50}), split(100, 0))
        bad = workloads["a"][0]
        answer, bad.answer = bad.answer, lambda request: reply(500, {}, "bad")
        cluster = mesh.cluster("v1").replace("|", "[|]")
        wait_until(lambda: [mesh.fetch() for _ in range(4)] and sum(
            mesh.client.stats(cluster + ".*ejections_enforced_total").values()) == 1, "the ejection")
        bad.answer = answer
        wait_until(lambda: sum(mesh.client.stats(cluster + ".*ejections_active").values()) == 0, "the return")
        bad.forget()
        wait_until(lambda: counts(mesh, 10) == {"v1": 10} and bad.requests, "traffic at the returned workload")


class TestMistakes:
    """Whatever is wrong in a file: it is said with its place, and nothing else changes."""

    def assert_unchanged(self, mesh):
        assert counts(mesh, 30) == {"v1": 30}

    @pytest.fixture
    def steady(self, mesh):
        mesh.reroute("myapp.yaml", destination_rule(), split(100, 0))
        self.assert_unchanged(mesh)
        return mesh

    @pytest.mark.parametrize("text, words", [
        ("kind: [unclosed\n", ["bad.yaml"]),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec:\n  hosts: [x]\n  htpp: []\n",
         ["bad.yaml", "htpp", "x"]),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec:\n  hosts: [x]\n  http:\n"
         "  - route:\n    - destination: {host: x}\n      weight: many\n", ["bad.yaml", "weight"]),
        ("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: x}\nspec:\n  host: 5\n  subsets: no\n",
         ["bad.yaml", "subsets"]),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec:\n  hosts: [x]\n  http:\n"
         "  - match: [{uri: {regex: 'a(b'}}]\n    route: [{destination: {host: x}}]\n", ["bad.yaml", "a(b"]),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {}\nspec: {}\n", ["bad.yaml", "name"]),
    ])
    def test_bad_file_is_named_with_its_line_and_field(self, steady, text, words):
        steady.apply("bad.yaml", text)
        finding = steady.control.wait_finding(*words)
        assert finding["severity"] == "error" and finding["line"] >= 1
        self.assert_unchanged(steady)
        steady.delete("bad.yaml")
        wait_until(lambda: not [finding for finding in steady.control.findings() if finding["severity"] == "error"],
                   "the error taken back")

    def test_file_that_goes_bad_keeps_its_last_good_content(self, steady):
        steady.apply("myapp.yaml", "kind: [unclosed\n")
        steady.control.wait_finding("myapp.yaml")
        self.assert_unchanged(steady)
        steady.reroute("myapp.yaml", destination_rule(), split(0, 100))
        assert counts(steady, 30) == {"v2": 30}

    def test_route_to_an_undefined_subset_is_refused_by_name(self, steady):
        steady.apply("myapp.yaml", destination_rule(), virtual_service({"route": [to("v9")]}))
        finding = steady.control.wait_finding("v9")
        assert finding["severity"] == "error" and "myapp" in json.dumps(finding)
        self.assert_unchanged(steady)

    def test_rule_and_route_in_the_wrong_order_lose_nothing(self, steady):
        """A route to a subset that is yet to come is held back until its rule is there."""
        with Load(steady.port, "myapp") as load:
            steady.apply("myapp.yaml", destination_rule(), virtual_service({"route": [to("green")]}))
            steady.control.wait_finding("green")
            steady.reroute("myapp.yaml", destination_rule(label="color", names=("blue", "green")),
                           virtual_service({"route": [to("green")]}))
            load.wait_for("v2")
        load.assert_nothing_lost()

    def test_deleted_rules_leave_the_service_balanced(self, steady):
        before = steady.route_updates()
        steady.delete("myapp.yaml")
        wait_until(lambda: steady.route_updates() > before, "the default route")
        assert set(counts(steady, 60)) == {"v1", "v2"}

    def test_unknown_kind_is_said_and_hurts_nobody(self, steady):
        steady.apply("other.yaml", "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {}\n")
        steady.control.wait_finding("Gadget")
        self.assert_unchanged(steady)


class TestControlPlaneFails:
    def test_killed_and_restarted_under_load(self, mesh):
        mesh.reroute("myapp.yaml", destination_rule(), split(100, 0))
        with Load(mesh.port, "myapp") as load:
            mesh.control.kill()
            wait_until(lambda: mesh.client.stat("control_plane.connected_state") == 0, "the loss noticed")
            load.wait_for("v1")
            mesh.apply("myapp.yaml", destination_rule(), split(0, 100))
            mesh.control = mesh.closing(ControlPlane(mesh.folder, mesh.control.xds_port))
            load.wait_for("v2")
        load.assert_nothing_lost()

    def test_sidecar_that_comes_first_waits_for_its_control_plane(self, mesh):
        port = mesh.control.xds_port
        mesh.control.kill()
        mesh.client.kill()
        config = yaml.safe_load((mesh.client.directory / "bootstrap.yaml").read_text())
        client = mesh.closing(Proxy(config, wait_ready=False))
        wait_until(lambda: client.admin_port, "the admin interface")
        assert client.admin("/ready").status == 503
        mesh.control = mesh.closing(ControlPlane(mesh.folder, port))
        client.wait_ready()
        assert wait_until(lambda: mesh.fetch().status == 200, "the mesh serving")

    def test_restart_with_the_same_manifests_changes_nothing(self, mesh):
        mesh.reroute("myapp.yaml", destination_rule(), split(100, 0))
        with Load(mesh.port, "myapp") as load:
            for _ in range(2):
                mesh.control.kill()
                mesh.control = mesh.closing(ControlPlane(mesh.folder, mesh.control.xds_port))
                wait_until(lambda: mesh.client.stat("control_plane.connected_state") == 1, "connected again")
                load.wait_for("v1")
            assert set(load.answers[-200:]) == {"v1"}
        load.assert_nothing_lost()


class TestValidateCommand:
    def run(self, *paths):
        done = subprocess.run([str(bin_dir() / "remora-control"), "--validate", *(
            part for path in paths for part in ("--config", str(path)))], timeout=60, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def test_good_files(self, tmp_path):
        (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([service("myapp", 80), destination_rule(), split(90, 10)]))
        assert self.run(tmp_path)[0] == 0

    def test_bad_file(self, tmp_path):
        (tmp_path / "a.yaml").write_text("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\n"
                                         "spec:\n  hosts: [x]\n  http:\n  - route:\n    - destination: {hots: x}\n")
        code, output = self.run(tmp_path)
        assert code == 1 and "a.yaml:8" in output and "hots" in output and "x" in output

    def test_missing_path(self, tmp_path):
        code, output = self.run(tmp_path / "nothing")
        assert code == 1 and "nothing" in output

    @needs_seeds
    @pytest.mark.parametrize("name", ["canary-myapp.yaml", "blue-green-myapp.yaml", "api-destination-rule.yaml",
                                      "api-deployments.yaml"])
    def test_complete_seeds(self, name, tmp_path):
        """The services are what the seeds leave out."""
        (tmp_path / "services.yaml").write_text(yaml.safe_dump_all([service("myapp", 8080), service("api", 8080)]))
        code, output = self.run(tmp_path, SEEDS / name)
        assert code == 0, output


@pytest.mark.remora_only("it has none of Istio's statistics")
class TestIstioMetrics:
    def samples(self, proxy, name):
        for line in proxy.admin("/stats/prometheus").text.splitlines():
            if match := re.match(re.escape(name) + r"\{(.*)\} ([0-9.e+]+)$", line):
                yield dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1])), float(match[2])

    def total(self, proxy, name="istio_requests_total", **labels):
        return sum(value for seen, value in self.samples(proxy, name) if labels.items() <= seen.items())

    @pytest.mark.parametrize("name", ["istio_requests_total", "istio_request_total"])
    def test_requests_are_counted_by_version_at_the_source(self, mesh, name):
        mesh.reroute("myapp.yaml", destination_rule(), split(0, 100))
        before = self.total(mesh.client, name, destination_version="v2")
        counts(mesh, 25)
        wait_until(lambda: self.total(mesh.client, name, destination_version="v2") == before + 25, "25 more requests of v2")
        labels = next(seen for seen, _ in self.samples(mesh.client, name) if seen["destination_version"] == "v2")
        expected = {"reporter": "source", "response_code": "200", "request_protocol": "http", "response_flags": "-",
                    "source_app": "client", "source_workload": "client", "source_workload_namespace": "default",
                    "destination_app": "myapp", "destination_service": mesh.host, "destination_service_name": "myapp",
                    "destination_service_namespace": "default", "destination_workload": "c",
                    "destination_workload_namespace": "default", "connection_security_policy": "unknown"}
        assert {name: labels.get(name) for name in expected} == expected

    def test_failures_are_counted_by_code(self, mesh, workloads):
        mesh.reroute("myapp.yaml", destination_rule(), split(0, 100))
        workloads["c"][0].answer = lambda request: reply(500)
        for _ in range(7):
            mesh.fetch()
        wait_until(lambda: self.total(mesh.client, destination_version="v2", response_code="500") == 7, "seven failures")

    def test_durations_and_sizes(self, mesh):
        mesh.reroute("myapp.yaml", destination_rule(), split(100, 0))
        counts(mesh, 10)
        for name in ("istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"):
            wait_until(lambda: self.total(mesh.client, name + "_count", destination_version="v1") >= 10, name)
            assert list(self.samples(mesh.client, name + "_bucket"))

    def test_queries_of_the_seeds_find_their_series(self, mesh):
        """The metric and label names of the seeds' queries, verbatim (the older metric name included)."""
        mesh.reroute("myapp.yaml", destination_rule(), split(0, 100))
        counts(mesh, 5)
        wait_until(lambda: self.total(mesh.client, "istio_request_total", destination_version="v2") >= 5, "the counter")
        wait_until(lambda: any("le" in seen for seen, _ in self.samples(
            mesh.client, "istio_request_duration_milliseconds_bucket") if seen.get("destination_version") == "v2"), "buckets")

    def test_server_side_reports_as_destination(self, tmp_path, closing):
        """Flagger's queries need reporter="destination" with the workload's name, so from an inbound sidecar."""
        app = closing(Upstream("app"))
        inbound_address = "127.0.9.1"
        mesh = Mesh(tmp_path / "config", "myapp", {}, closing)
        mesh.apply("workload.yaml", {
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": "myapp-v1"},
            "spec": {"address": inbound_address, "ports": {"http": app.port}, "labels": {"app": "myapp", "version": "v1"}}})
        server = closing(mesh.sidecar("myapp-v1", inbound_address, REMORA_OUTBOUND="none",
                                      LABELS={"app": "myapp", "version": "v1"}))
        mesh.wait_serving()
        before = self.total(server, reporter="destination", destination_workload="myapp-v1")
        assert counts(mesh, 10) == {"app": 10}
        wait_until(lambda: self.total(server, reporter="destination", destination_workload="myapp-v1", response_code="200",
                                      destination_workload_namespace="default", source_workload="client") >= before + 10,
                   lambda: f"ten requests; {list(self.samples(server, 'istio_requests_total'))}")
