"""Apertures: each of many proxies speaks to some hosts only, and all hosts get the same. No peer has such a thing."""

import contextlib
import json
import re
from collections import Counter

import pytest

from support.bootstrap import assignment, bootstrap, cluster, endpoint, http_listener, route, typed
from support.proxy import Proxy
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("Envoy has no aperture")

POLICIES = "envoy.extensions.load_balancing_policies."
HOSTS = [f"127.0.7.{number}" for number in range(1, 25)]
LEAST = 4


def one_of(config):
    return {"policies": [{"typed_extension_config": {"name": "policy", "typed_config": config}}]}


def ours(name, **fields):
    return typed("xds.type.v3.TypedStruct", type_url=f"type.googleapis.com/remora.load_balancing_policies.v1.{name}", value=fields)


def envoys(name, message):
    return typed(f"{POLICIES}{name}.v3.{message}")


PICKING = {"round_robin": envoys("round_robin", "RoundRobin"), "least_request": envoys("least_request", "LeastRequest"),
           "random": envoys("random", "Random"), "peak_ewma": ours("PeakEwma"), "prequal": ours("Prequal")}


def aperture(picking="round_robin", hosts=LEAST, **fields):
    return {"load_balancing_policy": one_of(ours("Aperture", hosts=hosts, endpoint_picking_policy=one_of(PICKING[picking]), **fields))}


@pytest.fixture(scope="module")
def port():
    """One server that has all of the hosts' addresses."""
    with Upstream("up", address="0.0.0.0") as upstream:
        yield upstream.port


def config(port, settings, node=None, peers=None, hosts=HOSTS, unwell=(), **more):
    endpoints = [endpoint(port, host, health_status="UNHEALTHY" if host in unwell else "HEALTHY") for host in hosts]
    clusters = [cluster("up", *endpoints, **settings)]
    if peers is not None:
        clusters.append(peers)
    return bootstrap([http_listener(route(to="up"))], clusters, node=node and {"id": node, "cluster": "c"}, **more)


def by_host(proxy, what):
    """A number of each host of `up`, as /clusters has it."""
    found = re.findall(rf"^up::(127[.]0[.]7[.]\d+):\d+::{what}::([0-9.e-]+)$", proxy.admin("/clusters").text, re.MULTILINE)
    return {host: float(value) for host, value in found}


def reached(proxy):
    return {host for host, part in by_host(proxy, "aperture").items() if part > 0}


def send(proxy, requests):
    with proxy.connect() as client:
        assert all(client.request().status == 200 for _ in range(requests))


@pytest.mark.parametrize("picking", PICKING)
def test_many_proxies_share_the_hosts_among_themselves(port, picking):
    count, requests = 12, 120
    total, users = Counter(), Counter()
    with contextlib.ExitStack() as stack:
        for number in range(count):
            proxy = stack.enter_context(Proxy(config(port, aperture(picking, peer_id=number, num_peers=count))))
            send(proxy, requests)
            used = {host for host, connections in by_host(proxy, "cx_total").items() if connections > 0}
            assert used <= reached(proxy)
            assert LEAST <= len(reached(proxy)) <= LEAST + 1
            assert proxy.stat("cluster.up.lb_aperture.hosts") == len(reached(proxy))
            assert (proxy.stat("cluster.up.lb_aperture.peer"), proxy.stat("cluster.up.lb_aperture.peers")) == (number, count)
            total.update(by_host(proxy, "rq_total"))
            users.update(used)
    assert sum(total.values()) == count * requests
    # Without an aperture every proxy would have a connection to each of the 24 hosts, 12 a host.
    assert sum(users.values()) <= count * (LEAST + 1)
    assert max(users.values()) <= 5
    assert set(total) == set(HOSTS)
    # Turns by weight are exact but for one request of each proxy; with least_request a request that is still under way moves them.
    if slack := {"round_robin": 0.1, "least_request": 0.3}.get(picking):
        fair = count * requests / len(HOSTS)
        assert all(abs(total[host] - fair) <= slack * fair for host in HOSTS), total


def local(names):
    return cluster("us", *({"endpoint": {**endpoint(1, f"127.0.8.{number}")["endpoint"], "hostname": name}}
                           for number, name in enumerate(names, 1)))


@pytest.mark.parametrize("how", ["local_cluster_name", "peers_cluster"])
def test_proxies_find_themselves_among_their_peers(port, how):
    names = [f"proxy-{number}" for number in range(1, 9)]
    seen = {}
    for name in names:
        settings = aperture(peers_cluster="us") if how == "peers_cluster" else aperture()
        more = {} if how == "peers_cluster" else {"cluster_manager": {"local_cluster_name": "us"}}
        with Proxy(config(port, settings, node=name, peers=local(names), **more)) as proxy:
            assert proxy.stat("cluster.up.lb_aperture.peers") == len(names)
            seen[proxy.stat("cluster.up.lb_aperture.peer")] = reached(proxy)
    assert sorted(seen) == list(range(len(names))), "each has a place of its own"
    assert set().union(*seen.values()) == set(HOSTS)


def test_peers_that_come_move_the_aperture(port, tmp_path):
    """The peers' endpoints come by EDS, and change under traffic."""
    def write(names):
        peers = local(names)["load_assignment"]["endpoints"]
        content = {"resources": [{"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
                                  "cluster_name": "us", "endpoints": peers}]}
        (tmp_path / "new.json").write_text(json.dumps(content))
        (tmp_path / "new.json").rename(tmp_path / "peers.json")

    write(["a", "b", "me"])
    peers = cluster("us", eds={"path_config_source": {"path": str(tmp_path / "peers.json")}, "resource_api_version": "V3"})
    with Proxy(config(port, aperture(peers_cluster="us"), node="me", peers=peers)) as proxy:
        proxy.wait_stat("cluster.up.lb_aperture.peers", 3)
        before = reached(proxy)
        assert 8 <= len(before) <= 10, "three have to reach all of 24"
        send(proxy, 40)
        write(["a", "b", "me", *(f"more-{number}" for number in range(9))])
        proxy.wait_stat("cluster.up.lb_aperture.peers", 12)
        after = reached(proxy)
        assert LEAST <= len(after) <= LEAST + 1
        assert before - after
        # Whoever is outside now loses idle connections.
        wait_until(lambda: not [host for host, open_now in by_host(proxy, "cx_active").items() if open_now and host not in after],
                   lambda: f"connections to {after} only, there are {by_host(proxy, 'cx_active')}")
        send(proxy, 40)
        write(["a", "b"])  # without this proxy: it goes by its name
        wait_until(lambda: proxy.stat("cluster.up.lb_aperture.peers") == 0, "no peers")
        assert LEAST <= len(reached(proxy)) <= LEAST + 1
        send(proxy, 40)


def test_without_peers_the_node_says_where(port):
    def seen(node):
        with Proxy(config(port, aperture(), node=node)) as proxy:
            assert proxy.stat("cluster.up.lb_aperture.peers") == 0
            return reached(proxy)
    first = seen("node-1")
    assert LEAST <= len(first) <= LEAST + 1
    assert seen("node-1") == first
    assert any(seen(f"node-{number}") != first for number in range(2, 5))


def test_unwell_hosts_are_replaced_by_others(port):
    settings = aperture(peer_id=3, num_peers=40)
    with Proxy(config(port, settings)) as proxy:
        unwell = reached(proxy)
    with Proxy(config(port, settings, unwell=unwell)) as proxy:
        assert LEAST <= len(reached(proxy)) <= LEAST + 1
        assert not reached(proxy) & unwell
        send(proxy, 40)
        assert sum(by_host(proxy, "rq_total").values()) == 40


def test_few_hosts_are_all_spoken_to(port):
    with Proxy(config(port, aperture(peer_id=3, num_peers=40), hosts=HOSTS[:LEAST])) as proxy:
        assert set(by_host(proxy, "aperture").values()) == {1}
        send(proxy, 3 * LEAST)
        assert set(by_host(proxy, "rq_total").values()) == {3}


def test_explain_says_who_is_in_it(port):
    with Proxy(config(port, aperture(peer_id=1, num_peers=12))) as proxy:
        question = json.dumps({"listener": "in", "authority": "a", "path": "/"})
        answer = json.loads(proxy.admin("/explain", method="POST", body=question).body)
        endpoints = answer["cluster"]["endpoints"]
        assert len(endpoints) == len(HOSTS)
        assert {entry["address"].split(":")[0] for entry in endpoints if entry["takes_requests"]} == reached(proxy)
        assert all((entry["aperture"] > 0) == entry["takes_requests"] for entry in endpoints)


VALUE = "load_balancing_policy.policies[0].typed_extension_config.typed_config.value"


@pytest.mark.parametrize("fields, message", [
    ({"hosts": 0}, f"{VALUE}.hosts: must be a whole number from 1"),
    ({"peer_id": 5, "num_peers": 5}, f"{VALUE}.peer_id: must be below num_peers"),
    ({"num_peers": 5}, f"{VALUE}: peer_id and num_peers are there together"),
    ({"other": 5}, f"{VALUE}.other: is not implemented"),
    ({"endpoint_picking_policy": one_of(envoys("maglev", "Maglev"))}, f"{VALUE}.endpoint_picking_policy: maglev cannot stand below an aperture"),
    ({"endpoint_picking_policy": one_of(envoys("ring_hash", "RingHash"))}, f"{VALUE}.endpoint_picking_policy: ring_hash cannot stand below"),
])
def test_what_cannot_be_is_refused(fields, message):
    settings = {"load_balancing_policy": one_of(ours("Aperture", **fields))}
    with pytest.raises(Exception, match=re.escape(message)):
        Proxy(config(80, settings)).stop()
