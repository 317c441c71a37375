"""What DestinationRules say in annotations of ours, from the manifest to what sidecars do."""

import http.client
import re
import threading

import pytest

from support.load import Load
from support.mesh import Mesh, service
from support.upstream import Upstream, slow_while, unused_port
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("a stock Envoy has neither apertures nor ejection by latency")


def rule(annotations, **policy):
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "myapp", "annotations": annotations},
            "spec": {"host": "myapp", "trafficPolicy": policy}}


@pytest.fixture
def mesh(closing, tmp_path):
    def begin(*upstreams):
        return Mesh(tmp_path / "manifests", "myapp", {f"w-{number}": (upstream, {}) for number, upstream in enumerate(upstreams)}, closing)
    return begin


def asked(address, port):
    """The status of a request to myapp through the sidecar there; 0 while there is none."""
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.request("GET", "/", headers={"host": "myapp"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def reached(proxy, cluster):
    found = re.findall(rf"^{re.escape(cluster)}::([0-9.:]+)::aperture::([0-9.e-]+)$", proxy.admin("/clusters").text, re.MULTILINE)
    return {host for host, part in found if float(part) > 0}, {host for host, _ in found}


@pytest.mark.parametrize("metadata", [{}, {"REMORA_VHDS": "true"}], ids=["all", "asking"])
def test_sidecars_of_one_service_share_the_hosts(mesh, closing, metadata):
    """By who else is behind the service that selects them."""
    world = mesh(*(closing(Upstream("up", address=f"127.0.4.{number}")) for number in range(1, 11)))
    addresses = [f"127.0.5.{number}" for number in range(1, 6)]
    own = unused_port()
    world.apply("rule.yaml", rule({"remora.dev/aperture": "2"}, loadBalancer={"simple": "ROUND_ROBIN"}))
    world.apply("clients.yaml", service("shop", unused_port()), *(
        {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": f"shop-{number}"},
         "spec": {"address": address, "ports": {"http": own}, "labels": {"app": "shop"}}} for number, address in enumerate(addresses)))
    proxies = [closing(world.sidecar("shop", address, REMORA_OUTBOUND=address, **metadata)) for address in addresses]
    name = world.cluster()
    places, everybody = set(), set()
    for proxy, address in zip(proxies, addresses):
        wait_until(lambda: asked(address, world.port) == 200, f"the sidecar at {address} serving")
        assert proxy.wait_stat(f"cluster.{name}.lb_aperture.peers", len(addresses)) == len(addresses)
        places.add(proxy.stat(f"cluster.{name}.lb_aperture.peer"))
        some, known = reached(proxy, name)
        assert 2 <= len(some) <= 3 and len(known) == 10
        everybody |= some
    assert places == set(range(len(addresses)))
    assert everybody == known


def test_slow_workloads_are_ejected_and_return(mesh, closing):
    slow = threading.Event()
    slow.set()
    world = mesh(closing(Upstream("slow", slow_while(slow))), *(closing(Upstream(name)) for name in "abc"))
    world.apply("rule.yaml", rule({"remora.dev/latency-ejection": "factor=3; minimum_latency_ms=50; request_volume=3"},
                                  loadBalancer={"simple": "ROUND_ROBIN"},
                                  outlierDetection={"interval": "1s", "baseEjectionTime": "1s", "maxEjectionPercent": 30}))
    proxy, stats = world.client, f"cluster.{world.cluster()}.outlier_detection."
    wait_until(lambda: f"{stats}ejections_active" in proxy.stats("ejections_active"), "the rule at the sidecar")
    with Load(world.port, host="myapp") as load:
        proxy.wait_stat(stats + "ejections_enforced_latency")
        assert "::last_ejection::latency\n" in proxy.admin("/clusters").text
        slow.clear()
        wait_until(lambda: proxy.stat(stats + "ejections_active") == 0, "it returns")
        load.wait_for("slow", 20)
    load.assert_nothing_lost()
    assert proxy.stat(stats + "ejections_enforced_latency") == proxy.stat(stats + "ejections_enforced_total") >= 1
