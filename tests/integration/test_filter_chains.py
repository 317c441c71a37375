"""Filter chains: which one a connection gets, compared with Envoy; what updates do to connections that are open."""

import itertools
import random

import pytest

from support import bootstrap as b
from support.ads import CLUSTERS, LISTENERS, AdsServer
from support.http_client import Client
from support.proxy import Proxy, envoy_binary
from support.tcp import Server, client_hello, connect, echo, greeter, is_over, proxy_v2
from support.waiting import wait_until

CHAINS = 8
PORTS = [80, 443, 7000]
HOSTS = ["127.0.0.1", "127.0.0.2", "10.1.2.3", "10.1.9.9", "::1", "2001:db8::7"]
DIRECT_HOSTS = ["127.0.0.1", "127.0.0.2", "127.1.2.3"]
RANGES = ["127.0.0.0/8", "127.0.0.1/32", "10.1.0.0/16", "10.1.2.0/24", "2001:db8::/32", "::1/128"]
DIRECT_RANGES = ["127.0.0.0/8", "127.0.0.1/32", "127.1.0.0/16", "10.0.0.0/8"]
NAMES = ["a.test", "*.test", "b.a.test", "*.a.test", "test"]
CLIENT_NAMES = ["a.test", "b.a.test", "C.B.A.TEST", "x.test", "test", "none", None]
PROTOCOLS = ["h2", "http/1.1", "istio"]


def one_in(draw, n):
    return draw.randrange(n) == 0


def some(draw, values):
    return draw.sample(values, draw.randint(1, 2))


def cidr(text):
    prefix, length = text.split("/")
    return {"address_prefix": prefix, "prefix_len": int(length)}


def random_match(draw):
    """What a chain matches, as lists of values by field; an absent field matches everything."""
    match = {}
    if one_in(draw, 3):
        match["destination_port"] = [draw.choice(PORTS)]
    if one_in(draw, 3):
        match["prefix_ranges"] = some(draw, RANGES)
    if one_in(draw, 2):
        match["server_names"] = some(draw, NAMES)
    if one_in(draw, 3):
        match["transport_protocol"] = [draw.choice(["tls", "raw_buffer"])]
    if one_in(draw, 3):
        match["application_protocols"] = some(draw, PROTOCOLS)
    if one_in(draw, 3):
        match["direct_source_prefix_ranges"] = some(draw, DIRECT_RANGES)
    if one_in(draw, 3):
        match["source_type"] = [draw.choice(["SAME_IP_OR_LOOPBACK", "EXTERNAL"])]
    if one_in(draw, 3):
        match["source_prefix_ranges"] = some(draw, RANGES)
    if one_in(draw, 3):
        match["source_ports"] = some(draw, PORTS)
    return match


FIELDS = ["destination_port", "prefix_ranges", "server_names", "transport_protocol", "application_protocols",
          "direct_source_prefix_ranges", "source_type", "source_prefix_ranges", "source_ports"]


def places(match):
    """Every combination of values that the chain claims: no two chains may share one."""
    return set(itertools.product(*(match.get(field, [None]) for field in FIELDS)))


def random_chains(draw):
    matches, taken = [], set()
    while len(matches) < CHAINS and not (matches and one_in(draw, 12)):
        match = random_match(draw)
        if not places(match) & taken:
            taken |= places(match)
            matches.append(match)
    return matches


def as_config(match):
    config = dict(match)
    for field in ("prefix_ranges", "source_prefix_ranges", "direct_source_prefix_ranges"):
        if field in config:
            config[field] = [cidr(text) for text in config[field]]
    for field in ("destination_port", "transport_protocol", "source_type"):
        if field in config:
            config[field] = config[field][0]
    return config


def tcp_chain(match, cluster, **more):
    return {"name": cluster, "filter_chain_match": match, "filters": [b.tcp_proxy(cluster)], **more}


def random_client(draw):
    """Where it comes from, and what it says first."""
    four = one_in(draw, 2)
    hosts = [host for host in HOSTS if (":" in host) != four]
    header = proxy_v2(draw.choice(hosts), draw.choice(PORTS), draw.choice(hosts), draw.choice(PORTS))
    hello = b"\0plain"
    if not one_in(draw, 3):
        hello = client_hello(draw.choice(CLIENT_NAMES), some(draw, PROTOCOLS) if one_in(draw, 2) else ())
    return draw.choice(DIRECT_HOSTS), header + hello


def chosen(port, client):
    """The number of the chain that a client gets, "" if none."""
    source, first_bytes = client
    with connect(port, source=source) as connection:
        connection.sendall(first_bytes)
        try:
            return connection.recv(1).decode()
        except ConnectionResetError:
            return ""


@pytest.mark.skipif(envoy_binary() is None, reason="the real Envoy is not installed")
def test_hundreds_of_connections_get_the_chain_that_envoy_gives_them():
    draw = random.Random(20261121)
    sets = [random_chains(draw) for _ in range(100)]
    filters = [b.listener_filter("proxy_protocol"), b.listener_filter("tls_inspector")]
    listeners = []
    for number, matches in enumerate(sets):
        more = {"default_filter_chain": tcp_chain(None, "c9")} if number % 4 == 0 else {}
        if more:
            del more["default_filter_chain"]["filter_chain_match"]
        chains = [tcp_chain(as_config(match), f"c{i}") for i, match in enumerate(matches)]
        listeners.append({"name": f"l{number}", "address": b.address(0), "listener_filters": filters,
                          "filter_chains": chains, **more})
    servers = {f"c{i}": Server(greeter(str(i).encode())) for i in [*range(CHAINS), 9]}
    config = b.bootstrap(listeners, [b.cluster(name, server.port) for name, server in servers.items()])
    results = {}
    with Proxy(config, kind="remora") as remora, Proxy(config, kind="envoy") as envoy:
        ports = {proxy.kind: proxy.listeners() for proxy in (remora, envoy)}
        for number, matches in enumerate(sets):
            for _ in range(5):
                client = random_client(draw)
                answers = {kind: chosen(ports[kind][f"l{number}"], client) for kind in ports}
                assert answers["remora"] == answers["envoy"], (number, matches, client)
                results[answers["envoy"]] = results.get(answers["envoy"], 0) + 1
    for server in servers.values():
        server.__exit__()
    assert len(results) > 5, results  # or the comparison says nothing


def test_names_decide_where_encrypted_connections_go():
    """SNI routing: the proxy reads the name and passes on what it cannot decrypt."""
    chains = [tcp_chain({"server_names": ["a.test"]}, "a"), tcp_chain({"server_names": ["*.b.test"]}, "b")]
    listener = {"name": "in", "address": b.address(0), "filter_chains": chains,
                "listener_filters": [b.listener_filter("tls_inspector")]}
    with Server(echo) as one, Server(greeter(b"B")) as two:
        with Proxy(b.bootstrap([listener], [b.cluster("a", one.port), b.cluster("b", two.port)])) as proxy:
            hello = client_hello("A.test")
            with connect(proxy.port()) as connection:
                for byte in hello:  # however it arrives
                    connection.send(bytes([byte]))
                received = b""
                while len(received) < len(hello):
                    received += connection.recv(65536)
                assert received == hello
            assert chosen(proxy.port(), ("127.0.0.1", client_hello("x.b.test"))) == "B"
            assert chosen(proxy.port(), ("127.0.0.1", client_hello("b.test"))) == ""
            assert chosen(proxy.port(), ("127.0.0.1", b"\0plain")) == ""
            assert proxy.stat("listener.127.0.0.1_0.no_filter_chain_match") == 2
            assert proxy.stat("listener.127.0.0.1_0.downstream_cx_total") == 2


def test_chains_that_match_the_same_connections_are_refused():
    chains = [{**tcp_chain({"server_names": ["a.test", "b.test"]}, "up"), "name": "one"},
              {**tcp_chain({"server_names": ["c.test", "b.test"]}, "up"), "name": "two"}]
    listener = {"name": "in", "address": b.address(0), "filter_chains": chains}
    with Proxy(b.bootstrap([listener], [b.cluster("up", 1)]), wait_ready=False) as proxy:
        assert proxy.wait() == 1
        assert "in" in proxy.log and ("one" in proxy.log or proxy.kind == "envoy")


# ------------------------------------------------------------------------------------------------ updates


def http_chain(name, text, port):
    """A chain of HTTP for one destination port of the PROXY header, which answers `text`."""
    manager = b.http([b.route("/", respond=(200, text))], stat_prefix=name)
    return {"name": name, "filter_chain_match": {"destination_port": port}, "filters": [manager]}


def with_chains(*chains, **more):
    return {"name": "in", "address": b.address(0), "listener_filters": [b.listener_filter("proxy_protocol")],
            "filter_chains": list(chains), **more}


def http_client(proxy, port):
    client = Client(proxy.port())
    client.send(proxy_v2("10.0.0.1", 1000, "10.0.0.2", port))
    return client


def get(client):
    return client.request().body


@pytest.fixture(name="mesh")
def fixture_mesh():
    with AdsServer() as ads:
        ads.set(CLUSTERS, [])
        yield ads


def update(ads, proxy, listener):
    before = proxy.stat("listener_manager.listener_modified")
    ads.set(LISTENERS, [listener])
    proxy.wait_stat("listener_manager.listener_modified", before + 1)


def test_connections_of_chains_that_did_not_change_go_on(mesh):
    mesh.set(LISTENERS, [with_chains(http_chain("kept", "1", 1), http_chain("gone", "2", 2))])
    with Proxy(b.bootstrap(ads=mesh.port), drain_time=1) as proxy:
        kept, gone = http_client(proxy, 1), http_client(proxy, 2)
        assert get(kept) == b"1" and get(gone) == b"2"
        update(mesh, proxy, with_chains(http_chain("kept", "1", 1), http_chain("new", "3", 3)))
        assert proxy.stat("listener_manager.listener_in_place_updated") == 1
        gone.wait_closed()  # within the drain time, although it is idle and its idle timeout an hour
        assert get(kept) == b"1"
        assert get(http_client(proxy, 3)) == b"3"
        http_client(proxy, 2).wait_closed()
        wait_until(lambda: proxy.stat("listener_manager.total_filter_chains_draining") == 0, "nothing drains any more")
        assert get(kept) == b"1"


def test_a_new_connection_manager_reaches_connections_that_are_open(mesh):
    """Decision 9 of ARCHITECTURE.md; Envoy drains them instead."""
    mesh.set(LISTENERS, [with_chains(http_chain("a", "old", 1))])
    with Proxy(b.bootstrap(ads=mesh.port), kind="remora") as proxy:
        client = http_client(proxy, 1)
        assert get(client) == b"old"
        update(mesh, proxy, with_chains(http_chain("a", "new", 1)))
        wait_until(lambda: get(client) == b"new", "the worker has it as well")
        assert proxy.stat("listener_manager.total_filter_chains_draining") == 0
        assert proxy.stat("http.a.downstream_cx_active") == 1


def test_what_connections_have_agreed_on_drains_them_when_it_changes(mesh):
    mesh.set(LISTENERS, [with_chains(http_chain("a", "1", 1))])
    with Proxy(b.bootstrap(ads=mesh.port), drain_time=1) as proxy:
        client = http_client(proxy, 1)
        assert get(client) == b"1"
        update(mesh, proxy, with_chains(http_chain("a", "1", 1), per_connection_buffer_limit_bytes=4096))
        client.wait_closed()
        assert get(http_client(proxy, 1)) == b"1"


def test_tcp_connections_of_a_changed_chain_end_with_the_drain_time(mesh):
    with Server(echo) as server:
        mesh.set(CLUSTERS, [b.cluster("up", server.port)])
        mesh.set(LISTENERS, [b.listener(b.tcp_proxy("up"))])
        with Proxy(b.bootstrap(ads=mesh.port), drain_time=1) as proxy:
            with connect(proxy.port()) as connection:
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"
                update(mesh, proxy, b.listener(b.tcp_proxy("up", idle_timeout="60s")))
                connection.sendall(b"y")
                assert connection.recv(1) == b"y"
                assert is_over(connection)


def test_a_removed_listener_lets_its_connections_finish(mesh):
    mesh.set(LISTENERS, [with_chains(http_chain("a", "1", 1))])
    with Proxy(b.bootstrap(ads=mesh.port), drain_time=1) as proxy:
        client = http_client(proxy, 1)
        assert get(client) == b"1"
        mesh.set(LISTENERS, [])
        proxy.wait_stat("listener_manager.listener_removed")
        client.wait_closed()
        wait_until(lambda: proxy.stat("listener_manager.total_listeners_draining") == 0, "nothing drains any more")
