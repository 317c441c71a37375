"""The dynamic forward proxy: requests go to the hosts that they name, resolved by a name server of the test's own. Everything here
holds for Envoy as well, unless a test says why not.
"""

import json

import pytest
from envoy.extensions.clusters.dynamic_forward_proxy.v3 import cluster_pb2  # noqa: F401 (by import the JSON parser knows it)
from envoy.extensions.network.dns_resolver.cares.v3 import cares_dns_resolver_pb2  # noqa: F401

from support import bootstrap as b
from support.ads import CLUSTERS, AdsServer
from support.certificates import Authority, TlsUpstream, upstream_tls
from support.dns_server import SERVFAIL, DnsServer
from support.proxy import under_test
from support.upstream import Upstream, echo
from support.waiting import later, wait_until

CARES = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
CLUSTER = "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig"
FILTER = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig"
PER_ROUTE = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig"
NAME = "envoy.filters.http.dynamic_forward_proxy"
LINE = "%REQ(:AUTHORITY)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
ours = pytest.mark.skipif(under_test() != "remora", reason="a choice of our own")


@pytest.fixture(name="names")
def fixture_names(closing):
    return closing(DnsServer())


@pytest.fixture(name="upstream")
def fixture_upstream(closing):
    return closing(Upstream(answer=echo))


def cache(names, name="names", dns=None, **more):
    resolver = {"name": "envoy.network.dns_resolver.cares",
                "typed_config": b.typed(CARES, resolvers=[b.address(names.port)], **(dns or {}))}
    return {"name": name, "dns_lookup_family": "V4_ONLY", "typed_dns_resolver_config": resolver, **more}


def forwarding(settings, name="up", options=None, **more):
    return {"name": name, "lb_policy": "CLUSTER_PROVIDED", "connect_timeout": "2s",
            "cluster_type": {"name": "envoy.clusters.dynamic_forward_proxy",
                             "typed_config": b.typed(CLUSTER, dns_cache_config=settings, **(options or {}))}, **more}


def the_filter(settings, **more):
    return {"name": NAME, "typed_config": b.typed(FILTER, dns_cache_config=settings, **more)}


@pytest.fixture(name="log")
def fixture_log(tmp_path):
    return tmp_path / "access.log"


@pytest.fixture(name="serve")
def fixture_serve(start, log):
    """A proxy that forwards everything, with that cache."""
    def serve(settings, *routes, clusters=None, filters=None, **more):
        chain = [the_filter(settings)] if filters is None else filters
        manager = b.http(list(routes) or [b.route(to="up")], filters=chain, access_log=[b.file_log(log, LINE)])
        return start(b.bootstrap([b.listener(manager)], [forwarding(settings)] if clusters is None else clusters), **more)
    return serve


def cache_stats(proxy, name="names"):
    prefix = f"dns_cache.{name}."
    return {key.removeprefix(prefix): value for key, value in proxy.stats(f"^{prefix}").items() if value}


def lines(log, count):
    wait_until(lambda: log.exists() and log.read_text().count("\n") >= count, lambda: f"{count} lines in the log")
    return log.read_text().splitlines()


def hosts(proxy, name="up"):
    for status in proxy.admin_json("/clusters?format=json")["cluster_statuses"]:
        if status["name"] == name:
            return {host["hostname"]: host["address"]["socket_address"]["address"] for host in status.get("host_statuses", [])}
    return None


def test_a_request_goes_to_the_host_that_it_names(serve, names, upstream, log):
    names.set("a.test", "127.0.0.1")
    proxy = serve(cache(names))
    host = f"a.test:{upstream.port}"
    for _ in range(3):
        assert proxy.fetch(host=host).status == 200
    assert upstream.requests[-1].get("host") == host
    assert names.count("a.test") == 1
    stats = cache_stats(proxy)
    stats.pop("circuit_breakers.rq_pending_remaining")
    assert stats == {"dns_query_attempt": 1, "dns_query_success": 1, "host_added": 1, "host_address_changed": 1, "num_hosts": 1}
    assert hosts(proxy) == {host: "127.0.0.1"}
    assert lines(log, 3)[-1] == f"{host} 200 - via_upstream"


def test_requests_wait_while_their_name_is_resolved(serve, names, upstream):
    names.set("a.test", "127.0.0.1")
    names.hold("a.test")
    proxy = serve(cache(names), concurrency=2)
    answers = [later(lambda: proxy.fetch(host=f"a.test:{upstream.port}")) for _ in range(4)]
    names.wait_asked("a.test", 1)
    assert upstream.requests == []
    names.release("a.test")
    assert [answer().status for answer in answers] == [200] * 4
    assert names.count("a.test") == 1


def test_addresses_are_not_asked_for(serve, names, upstream):
    proxy = serve(cache(names))
    assert proxy.fetch(host=f"127.0.0.1:{upstream.port}").status == 200
    assert names.questions == []
    assert hosts(proxy) == {f"127.0.0.1:{upstream.port}": "127.0.0.1"}


def test_an_ipv6_address(serve, names, closing):
    upstream = closing(Upstream("six", address="::1"))
    proxy = serve({**cache(names), "dns_lookup_family": "AUTO"})
    assert proxy.fetch(host=f"[::1]:{upstream.port}").text == "six"
    assert names.questions == []


@pytest.mark.parametrize("answer, counted, why", [
    (None, "dns_query_success", "cares_norecords:Domain_name_not_found"),
    ({}, "dns_query_success", "cares_norecords:DNS_server_returned_answer_with_no_data"),
    ({"rcode": SERVFAIL}, "dns_query_failure", "cares_failure:")])  # and what this c-ares makes of it
def test_a_name_that_is_not_resolved(serve, names, log, answer, counted, why):
    if answer is not None:
        names.set("a.test", **answer)
    proxy = serve(cache(names))
    response = proxy.fetch(host="a.test")
    assert (response.status, response.text) == (503, "DNS resolution failure")
    assert lines(log, 1)[0].startswith(f"a.test 503 DF dns_resolution_failure{{{why}")
    assert cache_stats(proxy)[counted] == 1
    assert hosts(proxy) == {}


def test_a_name_server_that_says_nothing(serve, names, log):
    names.set("a.test", fault="silent")
    proxy = serve(cache(names, dns_query_timeout="0.2s"))
    assert proxy.fetch(host="a.test").status == 503
    assert lines(log, 1)[0].split()[:3] == ["a.test", "503", "DF"]
    assert "resolve_timeout" in lines(log, 1)[0]
    stats = cache_stats(proxy)
    assert (stats["dns_query_timeout"], stats["dns_query_failure"]) == (1, 1)


def test_a_failure_counts_until_the_name_is_asked_for_again(serve, names, upstream):
    names.set("a.test", rcode=SERVFAIL)
    host = f"a.test:{upstream.port}"
    proxy = serve(cache(names))
    assert [proxy.fetch(host=host).status for _ in range(3)] == [503] * 3
    assert cache_stats(proxy)["dns_query_attempt"] == 1
    patient = serve(cache(names, dns_failure_refresh_rate={"base_interval": "0.01s", "max_interval": "0.02s"}))
    assert patient.fetch(host=host).status == 503
    names.set("a.test", "127.0.0.1")
    patient.wait_stat("dns_cache.names.dns_query_success")
    assert patient.fetch(host=host).status == 200


def test_too_many_names(serve, names, upstream, log):
    names.set("a.test", "127.0.0.1")
    names.set("b.test", "127.0.0.1")
    proxy = serve(cache(names, max_hosts=1))
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200
    response = proxy.fetch(host=f"b.test:{upstream.port}")
    assert (response.status, response.text) == (503, "DNS cache overflow")
    assert lines(log, 2)[1] == f"b.test:{upstream.port} 503 - dns_cache_overflow"
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200
    assert (cache_stats(proxy)["host_overflow"], cache_stats(proxy)["num_hosts"]) == (1, 1)


def test_too_many_requests_wait(serve, names, upstream, log):
    names.set("a.test", "127.0.0.1")
    names.hold("a.test")
    proxy = serve(cache(names, dns_cache_circuit_breaker={"max_pending_requests": 1}))
    first = later(lambda: proxy.fetch(host=f"a.test:{upstream.port}"))
    names.wait_asked("a.test", 1)
    prefix = "circuit_breakers."
    assert cache_stats(proxy).get(prefix + "rq_pending_open") == 1
    response = proxy.fetch(host=f"a.test:{upstream.port}")
    assert (response.status, response.text) == (503, "Dynamic forward proxy pending request overflow")
    assert lines(log, 1)[0].endswith("503 - dynamic_forward_proxy_pending_request_overflow")
    names.release("a.test")
    assert first().status == 200
    stats = cache_stats(proxy)
    assert (stats["dns_rq_pending_overflow"], stats.get(prefix + "rq_pending_open", 0)) == (1, 0)
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200


def test_who_goes_while_he_waits_leaves_nothing_behind(serve, names, upstream):
    names.set("a.test", "127.0.0.1")
    names.hold("a.test")
    proxy = serve(cache(names, dns_cache_circuit_breaker={"max_pending_requests": 1}))
    connection = proxy.connect()
    connection.send(f"GET / HTTP/1.1\r\nhost: a.test:{upstream.port}\r\n\r\n".encode())
    names.wait_asked("a.test", 1)
    connection.close()
    open_gauge = "dns_cache.names.circuit_breakers.rq_pending_open"
    wait_until(lambda: proxy.stats("rq_pending_open").get(open_gauge) == 0, "nobody waits")
    names.release("a.test")
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200


def test_a_new_address_is_taken_over(serve, names, closing):
    first = closing(Upstream("first"))
    second = closing(Upstream("second", address="127.0.0.2", port=first.port))
    host = f"a.test:{first.port}"
    names.set("a.test", "127.0.0.1", ttl=1)
    proxy = serve(cache(names, dns_min_refresh_rate="1s"))
    assert proxy.fetch(host=host, headers=[("connection", "close")]).text == "first"
    names.set("a.test", "127.0.0.2", ttl=1000)
    proxy.wait_stat("dns_cache.names.host_address_changed", 2)
    first.close()
    wait_until(lambda: proxy.fetch(host=host).text == "second", "the new address")
    assert hosts(proxy) == {host: "127.0.0.2"}
    assert second.requests


@pytest.mark.parametrize("answer", [None, {"rcode": SERVFAIL}])
def test_an_address_stays_when_there_is_no_newer_one(serve, names, upstream, answer):
    host = f"a.test:{upstream.port}"
    names.set("a.test", "127.0.0.1", ttl=1)
    proxy = serve(cache(names, dns_min_refresh_rate="1s"))
    assert proxy.fetch(host=host).status == 200
    if answer:
        names.set("a.test", **answer)
    else:
        del names.answers["a.test"]
    proxy.wait_stat("dns_cache.names.dns_query_attempt", 2)
    proxy.wait_stat("dns_cache.names.dns_query_" + ("failure" if answer else "success"), 1 if answer else 2)
    assert proxy.fetch(host=host).status == 200


def test_a_name_that_nobody_uses_goes(serve, names, upstream):
    host = f"a.test:{upstream.port}"
    names.set("a.test", "127.0.0.1", ttl=1)
    proxy = serve(cache(names, dns_min_refresh_rate="1s", host_ttl="0.001s"))
    assert proxy.fetch(host=host).status == 200
    proxy.wait_stat("dns_cache.names.host_removed", 1)
    wait_until(lambda: hosts(proxy) == {}, "no host")
    assert cache_stats(proxy).get("num_hosts", 0) == 0
    assert proxy.fetch(host=host).status == 200
    assert cache_stats(proxy)["host_added"] == 2


def test_names_that_are_resolved_before_anybody_asks(serve, names, upstream):
    names.set("a.test", "127.0.0.1")
    settings = cache(names, preresolve_hostnames=[{"address": "a.test", "port_value": upstream.port}])
    proxy = serve(settings)
    names.wait_asked("a.test", 1)
    proxy.wait_stat("dns_cache.names.dns_query_success", 1)
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200
    assert names.count("a.test") == 1


@pytest.mark.parametrize("fields, expected", [
    ({"host_rewrite_literal": "b.test:{port}"}, "b.test:{port}"), ({"host_rewrite_header": "x-host"}, "c.test:{port}"),
    ({"host_rewrite_header": "x-none"}, "a.test:{port}")])
def test_routes_name_another_host(serve, names, upstream, fields, expected):
    for name in ("a.test", "b.test", "c.test"):
        names.set(name, "127.0.0.1")
    fields = {key: value.format(port=upstream.port) for key, value in fields.items()}
    proxy = serve(cache(names), b.route("/", to="up", typed_per_filter_config={NAME: b.typed(PER_ROUTE, **fields)}))
    assert proxy.fetch(host=f"a.test:{upstream.port}", headers=[("x-host", f"c.test:{upstream.port}")]).status == 200
    expected = expected.format(port=upstream.port)
    assert upstream.requests[-1].get("host") == expected
    assert {name for name, _, _ in names.questions} == {expected.split(":", maxsplit=1)[0]}


def test_other_clusters_are_left_alone(serve, names, upstream):
    settings = cache(names)
    proxy = serve(settings, b.route(to="fixed"), clusters=[forwarding(settings), b.cluster("fixed", upstream.port)])
    assert proxy.fetch(host="a.test").status == 200
    assert names.questions == []


def test_caches_of_their_own(serve, names, upstream):
    names.set("a.test", "127.0.0.1")
    one, other = cache(names), cache(names, name="others", host_ttl="7s")
    proxy = serve(one, b.route("/other", to="other"), b.route(to="up"), filters=[the_filter(one), the_filter(other)],
                  clusters=[forwarding(one), forwarding(other, name="other")])
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200
    if under_test() == "remora":  # Envoy's filters ask for what clusters of other caches need as well
        assert (cache_stats(proxy)["num_hosts"], cache_stats(proxy, "others").get("num_hosts", 0)) == (1, 0)
    assert proxy.fetch("/other", host=f"a.test:{upstream.port}").status == 200
    assert cache_stats(proxy, "others")["num_hosts"] == 1


def test_with_tls_the_name_is_sent_and_checked(serve, names, closing, tmp_path, log):
    ca = Authority(tmp_path / "ca")
    upstream = closing(TlsUpstream(ca.issue("a", "DNS:a.test"), answer=echo))
    for name in ("a.test", "b.test"):
        names.set(name, "127.0.0.1")
    settings = cache(names)
    proxy = serve(settings, clusters=[forwarding(settings, transport_socket=upstream_tls(ca=ca))])
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200
    assert upstream.names == ["a.test"]
    assert proxy.fetch(host=f"b.test:{upstream.port}").status == 503
    assert lines(log, 2)[1].split()[:3] == [f"b.test:{upstream.port}", "503", "UF"]
    proxy.fetch(host="a.test")
    assert f"a.test:{upstream.port}" in hosts(proxy) and "a.test:443" in hosts(proxy)


def test_without_tls_the_port_is_80(serve, names):
    names.set("a.test", "127.0.0.1")
    proxy = serve(cache(names))
    proxy.fetch(host="a.test")
    assert hosts(proxy) == {"a.test:80": "127.0.0.1"}


def test_tunnels(serve, names, closing):
    """CONNECT names its destination, as the clients of forward proxies do."""
    def tunnel(connection):
        connection.send("220 ready\n")

    upstream = closing(Upstream("plain", script=tunnel))
    names.set("a.test", "127.0.0.1")
    route = b.route(to="up", upgrade_configs=[{"upgrade_type": "CONNECT", "connect_config": {}}])
    route["match"] = {"connect_matcher": {}}
    client = serve(cache(names), route).connect()
    client.send(f"CONNECT a.test:{upstream.port} HTTP/1.1\r\nhost: a.test:{upstream.port}\r\n\r\n".encode())
    wait_until(lambda: b"220 ready" in client.sock.recv(1000), "the tunnel's other end")


@pytest.mark.parametrize("authority", ["a.test:99999", "a.test:port", "a..test", "-" * 64 + ".test", "a." * 200 + "test"])
def test_what_names_no_host(serve, names, authority):
    """Whatever it is taken for, it leads nowhere."""
    proxy = serve(cache(names, dns_query_timeout="1s"))
    assert proxy.fetch(host=authority).status in (400, 503)
    assert proxy.fetch(host="127.0.0.1:1").status == 503, "the proxy is well"
    if under_test() == "remora":
        assert names.questions == []


def test_clusters_come_change_and_go(start, names, upstream, closing):
    """Over ADS, beside a listener that stays: the cache is that of the listener's filter all the time."""
    names.set("a.test", "127.0.0.1")
    server, settings, host = closing(AdsServer()), cache(names), f"a.test:{upstream.port}"
    manager = b.http(route_config=b.routing(b.virtual_host(b.route(to="up")), validate_clusters=False), filters=[the_filter(settings)])
    server.set(CLUSTERS, [forwarding(settings)])
    proxy = start(b.bootstrap([b.listener(manager)], ads=server.port))
    assert proxy.fetch(host=host).status == 200
    server.set(CLUSTERS, [forwarding(settings, connect_timeout="3s")])
    proxy.wait_stat("cluster_manager.cluster_modified")
    assert proxy.fetch(host=host).status == 200
    server.set(CLUSTERS, [forwarding({**settings, "max_hosts": 7})])
    proxy.wait_stat("cluster_manager.cds.update_rejected")
    assert proxy.fetch(host=host).status == 200
    server.set(CLUSTERS, [])
    proxy.wait_stat("cluster_manager.cluster_removed")
    wait_until(lambda: proxy.fetch(host=host).status == 503, "no cluster")
    server.set(CLUSTERS, [forwarding(settings)])
    wait_until(lambda: proxy.fetch(host=host).status == 200, "the cluster again")
    assert names.count("a.test") == 1


def test_many_names_at_once(serve, names, upstream):
    """Each is asked for once, and each request gets an answer of its own."""
    for number in range(50):
        names.set(f"n{number}.test", "127.0.0.1")
    proxy = serve(cache(names), concurrency=2)
    answers = [later(lambda host=f"n{number % 50}.test:{upstream.port}": (host, proxy.fetch(host=host))) for number in range(150)]
    for answer in answers:
        host, response = answer()
        assert (response.status, host in response.text.lower()) == (200, True)
    assert [names.count(f"n{number}.test") for number in range(50)] == [1] * 50
    assert cache_stats(proxy)["num_hosts"] == 50


@ours
def test_made_up_names_keep_nobody_out(serve, names, upstream):
    """In Envoy they fill the cache until their host_ttl is over."""
    names.set("a.test", "127.0.0.1")
    proxy = serve(cache(names, max_hosts=3))
    for number in range(20):
        assert proxy.fetch(host=f"n{number}.test").status == 503
    assert proxy.fetch(host=f"a.test:{upstream.port}").status == 200
    stats = cache_stats(proxy)
    assert (stats["num_hosts"], stats["host_added"], stats.get("host_overflow", 0)) == (3, 21, 0)


@ours
def test_a_name_is_the_same_in_any_case(serve, names, upstream):
    names.set("a.test", "127.0.0.1")
    proxy = serve(cache(names))
    for name in ("a.test", "A.test", "a.TEST"):
        assert proxy.fetch(host=f"{name}:{upstream.port}").status == 200
    assert cache_stats(proxy)["num_hosts"] == 1


@ours
def test_explained(serve, names):
    proxy = serve(cache(names))
    reply = proxy.admin("/explain", method="POST", body=json.dumps({"listener": "in", "authority": "a.test"}))
    assert "the host that the request's authority names" in reply.text


@pytest.mark.parametrize("break_it", [
    lambda settings: {"filters": [the_filter({**settings, "max_hosts": 7})]},
    lambda settings: {"clusters": [forwarding(settings, lb_policy="ROUND_ROBIN")]},
    lambda settings: {"clusters": [forwarding(settings, upstream_http_protocol_options={"auto_sni": True})]},
    lambda settings: {"clusters": [forwarding({**settings, "max_hosts": 0})]},
    lambda settings: {"clusters": [forwarding({**settings, "name": ""})]},
    lambda settings: {"clusters": [forwarding({**settings, "dns_refresh_rate": "0s"})]}])
def test_refused(serve, names, break_it):
    proxy = serve(cache(names), wait_ready=False, **break_it(cache(names)))
    assert proxy.wait() == 1
