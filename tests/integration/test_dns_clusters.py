"""Clusters whose hosts are found by name, with a name server of the test's own. Everything here holds for Envoy as well, unless a test
says why not.
"""

import pytest

from support import bootstrap as b
from support.dns_server import AAAA, SERVFAIL, A, DnsServer
from support.proxy import envoy_binary, under_test
from support.upstream import Upstream
from support.waiting import wait_until

CARES = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
DNS_CLUSTER = "envoy.extensions.clusters.dns.v3.DnsCluster"
OFTEN = "0.05s"
NEVER = "1000s"
ours = pytest.mark.skipif(under_test() != "remora", reason="a choice of our own")


@pytest.fixture(name="names")
def fixture_names(closing):
    return closing(DnsServer())


def resolver(names, **more):
    return {"name": "envoy.network.dns_resolver.cares", "typed_config": b.typed(CARES, resolvers=[b.address(names.port)], **more)}


def endpoint(host, port, **more):
    return {"endpoint": {"address": b.address(port, host)}, **more}


def named(names, *endpoints, name="up", kind="STRICT_DNS", rate=OFTEN, dns=None, **more):
    """A cluster of `endpoints`, asked for of that server."""
    return {"name": name, "type": kind, "dns_refresh_rate": rate, "dns_lookup_family": "V4_ONLY",
            "typed_dns_resolver_config": resolver(names, **(dns or {})),
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": list(endpoints)}]}, **more}


def hosts(proxy, name="up"):
    """The addresses of a cluster, in order."""
    for status in proxy.admin_json("/clusters?format=json")["cluster_statuses"]:
        if status["name"] == name:
            return sorted(host["address"]["socket_address"]["address"] for host in status.get("host_statuses", []))
    return None


def wait_hosts(proxy, *expected, name="up"):
    wait_until(lambda: hosts(proxy, name) == sorted(expected), lambda: f"hosts {expected}, are {hosts(proxy, name)}")


def update_stats(proxy, name="up"):
    prefix = f"cluster.{name}.update_"
    return {key.removeprefix(prefix): value for key, value in proxy.stats(f"^{prefix}").items()}


@pytest.fixture(name="serve")
def fixture_serve(start, closing):
    """Starts a proxy that leads everything to the cluster "up"."""
    return lambda *clusters, **more: start(b.bootstrap([b.http_listener(b.route(to="up"))], list(clusters), **more))


def test_the_addresses_of_a_name_are_the_hosts(serve, names, closing):
    upstream = closing(Upstream("here"))
    names.set("a.test", "127.0.0.1")
    proxy = serve(named(names, endpoint("a.test", upstream.port)))
    response = proxy.fetch()
    assert (response.status, response.text) == (200, "here")
    names.set("a.test", "127.0.0.1", "127.0.0.2", "127.0.0.3")
    wait_hosts(proxy, "127.0.0.1", "127.0.0.2", "127.0.0.3")
    names.set("a.test", "127.0.0.1")
    wait_hosts(proxy, "127.0.0.1")
    assert proxy.fetch().status == 200
    assert proxy.stat("cluster.up.membership_change") == 3
    proxy.wait_stat("cluster.up.update_no_rebuild")
    stats = update_stats(proxy)
    assert (stats["failure"], stats["empty"]) == (0, 0)


def test_what_endpoints_have_goes_to_each_address(serve, names):
    names.set("a.test", "127.0.0.1", "127.0.0.2")
    cluster = named(names, rate=NEVER)
    cluster["load_assignment"]["endpoints"] = [
        {"locality": {"region": "r", "zone": "z"}, "priority": 0, "lb_endpoints": [
            endpoint("a.test", 80, load_balancing_weight=3, metadata={"filter_metadata": {"envoy.lb": {"canary": True}}})]},
        {"priority": 1, "lb_endpoints": [{"endpoint": {"hostname": "other", "address": b.address(81, "127.0.0.9")}}]}]
    proxy = serve(cluster)
    wait_hosts(proxy, "127.0.0.1", "127.0.0.2", "127.0.0.9")
    status = next(each for each in proxy.admin_json("/clusters?format=json")["cluster_statuses"] if each["name"] == "up")
    by_address = {host["address"]["socket_address"]["address"]: host for host in status["host_statuses"]}
    for address in ("127.0.0.1", "127.0.0.2"):
        host = by_address[address]
        assert (host["hostname"], host["weight"], host["locality"]["zone"]) == ("a.test", 3, "z")
    assert by_address["127.0.0.9"]["hostname"] == "other"
    assert by_address["127.0.0.9"]["priority"] == 1


def test_the_name_is_the_host_of_rewritten_requests(start, names, closing):
    upstream = closing(Upstream("here"))
    names.set("a.test", "127.0.0.1")
    proxy = start(b.bootstrap([b.http_listener(b.route(to="up", auto_host_rewrite=True))],
                              [named(names, endpoint("a.test", upstream.port))]))
    assert proxy.fetch(host="elsewhere.test").status == 200
    assert upstream.requests[-1].get("host") == "a.test"


@pytest.mark.parametrize("fault", [{"rcode": SERVFAIL}, {"fault": "garbage"}, {"fault": "wrong id"}, {"fault": "silent"}])
def test_after_a_failure_the_last_answer_serves(serve, names, closing, fault):
    upstream = closing(Upstream("here"))
    names.set("a.test", "127.0.0.1")
    proxy = serve(named(names, endpoint("a.test", upstream.port), dns={"query_timeout_seconds": 1, "query_tries": 1}))
    wait_hosts(proxy, "127.0.0.1")
    names.set("a.test", **fault)
    proxy.wait_stat("cluster.up.update_failure")
    assert hosts(proxy) == ["127.0.0.1"]
    assert proxy.fetch().status == 200
    names.set("a.test", "127.0.0.1", "127.0.0.2")
    wait_hosts(proxy, "127.0.0.1", "127.0.0.2")


def test_a_name_that_is_no_more_has_no_hosts(serve, names):
    """An answer that there is nothing is an answer."""
    names.set("a.test", "127.0.0.1")
    proxy = serve(named(names, endpoint("a.test", 80)))
    wait_hosts(proxy, "127.0.0.1")
    del names.answers["a.test"]
    wait_hosts(proxy)
    assert proxy.fetch().status == 503
    names.set("a.test")  # the name is there again, and has no such address
    success = update_stats(proxy)["success"]
    proxy.wait_stat("cluster.up.update_success", success + 2)
    assert (hosts(proxy), update_stats(proxy)["failure"]) == ([], 0)


def test_one_logical_host(serve, names, closing):
    """New connections go to the first address; a name without one keeps what it had."""
    first = closing(Upstream("first"))
    names.set("a.test", "127.0.0.2", "127.0.0.1")
    proxy = serve(named(names, endpoint("a.test", first.port), kind="LOGICAL_DNS"))
    wait_hosts(proxy, "127.0.0.2")
    names.set("a.test", "127.0.0.1", "127.0.0.2")
    wait_hosts(proxy, "127.0.0.1")
    assert proxy.fetch().text == "first"
    del names.answers["a.test"]
    proxy.wait_stat("cluster.up.update_failure")
    assert hosts(proxy) == ["127.0.0.1"]


@ours
def test_connections_of_a_logical_host_stay_when_its_address_changes(serve, names, closing):
    """Envoy 1.40 takes the host away and makes another; its documentation says that connections are never drained."""
    upstream = closing(Upstream("here"))
    names.set("a.test", "127.0.0.1")
    proxy = serve(named(names, endpoint("a.test", upstream.port), kind="LOGICAL_DNS"))
    assert proxy.fetch().status == 200
    names.set("a.test", "127.0.0.9")
    wait_hosts(proxy, "127.0.0.9")
    assert proxy.fetch().status == 200
    assert (proxy.stat("cluster.up.upstream_cx_total"), proxy.stat("cluster.up.membership_change")) == (1, 1)


def test_the_cluster_type_as_an_extension(serve, names, closing):
    upstream = closing(Upstream("here"))
    names.set("a.test", "127.0.0.1", "127.0.0.2")
    cluster = {"name": "up", "cluster_type": {"name": "envoy.clusters.dns", "typed_config": b.typed(
        DNS_CLUSTER, dns_refresh_rate=OFTEN, dns_lookup_family="V4_ONLY", typed_dns_resolver_config=resolver(names))},
        "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint("a.test", upstream.port)]}]}}
    proxy = serve(cluster)
    wait_hosts(proxy, "127.0.0.1", "127.0.0.2")
    cluster["cluster_type"]["typed_config"]["all_addresses_in_single_endpoint"] = True
    other = serve(cluster)
    assert len(hosts(other)) == 1
    assert other.fetch().status == 200


@pytest.mark.parametrize("family, has, expected, asked", [
    ("V4_ONLY", ("127.0.0.1", "::1"), ["127.0.0.1"], [A]),
    ("V6_ONLY", ("127.0.0.1", "::1"), ["::1"], [AAAA]),
    ("AUTO", ("127.0.0.1", "::1"), ["::1"], [AAAA]),
    ("AUTO", ("127.0.0.1",), ["127.0.0.1"], [AAAA, A]),
    ("V4_PREFERRED", ("127.0.0.1", "::1"), ["127.0.0.1"], [A]),
    ("V4_PREFERRED", ("::1",), ["::1"], [A, AAAA]),
    ("ALL", ("127.0.0.1", "::1"), ["127.0.0.1", "::1"], [A, AAAA])])
def test_families(serve, names, family, has, expected, asked):
    names.set("a.test", *has)
    proxy = serve(named(names, endpoint("a.test", 80), rate=NEVER, dns_lookup_family=family))
    assert hosts(proxy) == expected
    seen = [kind for name, kind, _ in names.questions if name == "a.test"]
    assert (sorted(seen) if family == "ALL" else seen) == asked


def test_literal_addresses_and_the_systems_own_table(serve, names):
    proxy = serve(named(names, endpoint("127.0.0.7", 80), rate=NEVER),
                  named(names, endpoint("::1", 80), rate=NEVER, name="six", dns_lookup_family="AUTO"),
                  named(names, endpoint("localhost", 80), rate=NEVER, name="table"),
                  named(names, endpoint("::1", 80), rate=NEVER, name="wrong_family"))
    assert (hosts(proxy), hosts(proxy, "six"), hosts(proxy, "table")) == (["127.0.0.7"], ["::1"], ["127.0.0.1"])
    assert (hosts(proxy, "wrong_family"), update_stats(proxy, "wrong_family")["failure"]) == ([], 1)
    assert names.questions == []


@pytest.mark.parametrize("way", ["truncated", "large", "always TCP"])
def test_answers_over_tcp(serve, names, way):
    addresses = [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(500 if way == "large" else 2)]
    names.set("a.test", *addresses, fault="truncated" if way == "truncated" else None)
    options = {"dns_resolver_options": {"use_tcp_for_dns_lookups": True}} if way == "always TCP" else {}
    proxy = serve(named(names, endpoint("a.test", 80), rate=NEVER, dns=options))
    assert hosts(proxy) == sorted(addresses)
    assert names.count("a.test", over="tcp") == 1
    assert names.count("a.test", over="udp") == (0 if way == "always TCP" else 1)


def test_listeners_wait_for_the_first_answer(start, names, closing):
    names.hold("a.test")
    upstream = closing(Upstream("here"))
    names.set("a.test", "127.0.0.1")
    proxy = start(b.bootstrap([b.http_listener(b.route(to="up"))], [named(names, endpoint("a.test", upstream.port))]),
                  wait_ready=False)
    names.wait_asked("a.test", 1)
    wait_until(lambda: proxy.admin_port, "an admin interface")
    assert proxy.admin("/ready").status == 503
    names.release("a.test")
    proxy.wait_ready()
    assert proxy.fetch().status == 200


def test_who_does_not_wait(start, names):
    names.hold("a.test")
    proxy = start(b.bootstrap([b.http_listener(b.route(to="up"))],
                              [named(names, endpoint("a.test", 80), wait_for_warm_on_init=False)]))
    assert proxy.fetch().status == 503
    names.set("a.test", "127.0.0.1")
    names.release("a.test")
    wait_hosts(proxy, "127.0.0.1")


@pytest.mark.parametrize("answer", [{"rcode": SERVFAIL}, None])
def test_a_first_failure_ends_the_waiting(serve, names, answer):
    if answer:
        names.set("a.test", **answer)
    proxy = serve(named(names, endpoint("a.test", 80), rate=NEVER))
    assert (hosts(proxy), proxy.fetch().status) == ([], 503)


def test_the_time_to_live_is_respected(serve, names):
    names.set("a.test", "127.0.0.1", ttl=1)
    names.set("b.test", "127.0.0.1", ttl=1)
    serve(named(names, endpoint("a.test", 80), rate=NEVER, respect_dns_ttl=True),
          named(names, endpoint("b.test", 80), rate=NEVER, name="other"))
    names.wait_asked("a.test", 2)
    assert names.count("b.test") == 1


def test_failures_have_a_rate_of_their_own(serve, names):
    names.set("a.test", rcode=SERVFAIL)
    proxy = serve(named(names, endpoint("a.test", 80), rate=NEVER,
                        dns_failure_refresh_rate={"base_interval": "0.01s", "max_interval": "0.02s"}))
    proxy.wait_stat("cluster.up.update_failure", 5)
    names.set("a.test", "127.0.0.1")
    wait_hosts(proxy, "127.0.0.1")


def test_the_bootstraps_resolver(start, names):
    names.set("a.test", "127.0.0.1")
    cluster = named(names, endpoint("a.test", 80), rate=NEVER)
    proxy = start(b.bootstrap([b.http_listener(b.route(to="up"))], [cluster],
                              typed_dns_resolver_config=cluster.pop("typed_dns_resolver_config")))
    assert hosts(proxy) == ["127.0.0.1"]


@pytest.mark.parametrize("dns", [{"udp_max_queries": 1}, {"rotate_nameservers": True}, {"edns0_max_payload_size": 1400},
                                 {"max_udp_channel_duration": "0.001s"}, {"reinit_channel_on_timeout": True},
                                 {"use_resolvers_as_fallback": False}, {"filter_unroutable_families": False}])
def test_settings_of_the_resolver(serve, names, dns):
    names.set("a.test", "127.0.0.1")
    proxy = serve(named(names, endpoint("a.test", 80), dns=dns))
    proxy.wait_stat("cluster.up.update_success", 5)
    assert (hosts(proxy), update_stats(proxy)["failure"]) == (["127.0.0.1"], 0)


def test_statistics_of_the_resolver(serve, names):
    names.set("good.test", "127.0.0.1")
    names.set("bad.test", rcode=SERVFAIL)
    proxy = serve(named(names, endpoint("good.test", 80), rate=NEVER),
                  named(names, endpoint("bad.test", 80), rate=NEVER, name="bad"),
                  named(names, endpoint("none.test", 80), rate=NEVER, name="none"))
    stats = {name: value for name, value in proxy.stats("^dns.cares").items() if value}
    assert stats.pop("dns.cares.reinits", 0) <= 1
    assert stats == {"dns.cares.resolve_total": 3, "dns.cares.not_found": 1, "dns.cares.get_addr_failure": 1}


@pytest.mark.skipif(under_test() != "remora" or envoy_binary() is None, reason="needs both proxies")
def test_membership_and_statistics_beside_envoy(start, names):
    """The same names, the same story, the same outcome."""
    names.set("two.test", "127.0.0.1", "127.0.0.2", ttl=0)
    names.set("logical.test", "127.0.0.4", "127.0.0.3")
    names.set("bad.test", rcode=SERVFAIL)
    clusters = [named(names, endpoint("two.test", 80), rate=NEVER),
                named(names, endpoint("logical.test", 80), rate=NEVER, name="logical", kind="LOGICAL_DNS"),
                named(names, endpoint("bad.test", 80), rate=NEVER, name="bad"),
                named(names, endpoint("none.test", 80), rate=NEVER, name="none"),
                named(names, endpoint("none.test", 80), rate=NEVER, name="none_logical", kind="LOGICAL_DNS"),
                named(names, endpoint("two.test", 80), endpoint("127.0.0.9", 81), rate=NEVER, name="several")]
    seen = {}
    for kind in ("remora", "envoy"):
        proxy = start(b.bootstrap([b.http_listener(b.route(to="up"))], clusters), kind=kind)
        wait_until(lambda: all(update_stats(proxy, each["name"])["attempt"] == update_stats(proxy, each["name"])["success"] +
                               update_stats(proxy, each["name"])["failure"] for each in clusters), "answers for all")
        wait_hosts(proxy, "127.0.0.1", "127.0.0.2", "127.0.0.9", name="several")
        seen[kind] = {each["name"]: (hosts(proxy, each["name"]), update_stats(proxy, each["name"])["success"],
                                     update_stats(proxy, each["name"])["failure"],
                                     proxy.stat(f"cluster.{each['name']}.membership_total")) for each in clusters}
    assert seen["remora"] == seen["envoy"]
