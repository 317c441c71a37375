"""Hosts with several addresses, beside a real Envoy: whichever answers first gets the connection (RFC 8305)."""

import socket

import pytest

from support import bootstrap as b
from support.dns_server import DnsServer
from support.upstream import Upstream, unused_port

CARES = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"


def host(*places):
    """One endpoint at these (address, port)s, the first its own."""
    (first, port), *others = places
    endpoint = b.endpoint(port, first)
    endpoint["endpoint"]["additional_addresses"] = [{"address": b.address(port, address)} for address, port in others]
    return endpoint


@pytest.fixture(name="serve", params=["remora", "envoy"])
def fixture_serve(request, start):
    def begin(*places, listeners=None, **more):
        listeners = listeners or [b.http_listener(b.route(to="up"))]
        return start(b.bootstrap(listeners, [b.cluster("up", host(*places), **more)]), kind=request.param)
    return begin


@pytest.fixture(name="upstream")
def fixture_upstream(closing):
    return closing(Upstream("second", address="127.0.0.2"))


@pytest.fixture(name="silent")
def fixture_silent():
    """A port whose backlog is full: who connects hears nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for each in waiting:
            each.close()


def counts(proxy):
    return {name: proxy.stat(f"cluster.up.upstream_cx_{name}") for name in ("total", "connect_fail", "connect_timeout")}


def test_after_a_refusal_the_next_address_is_tried(serve, upstream):
    proxy = serve(("127.0.0.1", unused_port()), ("127.0.0.2", upstream.port))
    response = proxy.fetch()
    assert (response.status, response.text) == (200, "second")
    assert counts(proxy) == {"total": 2, "connect_fail": 0, "connect_timeout": 0}


def test_who_says_nothing_is_not_waited_for(serve, upstream, silent):
    proxy = serve(("127.0.0.1", silent), ("127.0.0.2", upstream.port), connect_timeout="10s")
    response = proxy.fetch()
    assert (response.status, response.text) == (200, "second")
    assert counts(proxy) == {"total": 2, "connect_fail": 0, "connect_timeout": 0}


def test_when_none_answers_the_last_refusal_is_told(serve):
    proxy = serve(("127.0.0.1", unused_port()), ("127.0.0.2", unused_port()))
    response = proxy.fetch()
    assert response.status == 503 and "reset reason: remote connection failure" in response.text
    assert counts(proxy) == {"total": 2, "connect_fail": 1, "connect_timeout": 0}


def test_the_connect_timeout_is_for_all_of_them(serve, silent):
    proxy = serve(("127.0.0.1", silent), ("127.0.0.1", silent), connect_timeout="0.5s")
    response = proxy.fetch()
    assert response.status == 503 and "connection timeout" in response.text
    assert counts(proxy) == {"total": 2, "connect_fail": 1, "connect_timeout": 1}


@pytest.mark.parametrize("first, answer", [("DEFAULT", "four"), ("V4", "four"), ("V6", "six")])
def test_the_family_that_is_wanted_comes_first(serve, closing, first, answer):
    four, six = closing(Upstream("four")), closing(Upstream("six", address="::1"))
    options = {"happy_eyeballs_config": {"first_address_family_version": first, "first_address_family_count": 2}}
    proxy = serve(("127.0.0.1", four.port), ("::1", six.port), upstream_connection_options=options)
    assert proxy.fetch().text == answer


def test_also_for_bytes(serve, upstream):
    proxy = serve(("127.0.0.1", unused_port()), ("127.0.0.2", upstream.port), listeners=[b.listener(b.tcp_proxy("up"))])
    assert proxy.fetch().text == "second"


@pytest.mark.parametrize("kind", ["remora", "envoy"])
def test_a_logical_host_has_all_addresses_of_its_name(start, closing, kind):
    names, six = closing(DnsServer()), closing(Upstream("six", address="::1"))
    names.set("a.test", "127.0.0.1", "::1")
    cluster = {"name": "up", "type": "LOGICAL_DNS", "connect_timeout": "5s", "dns_lookup_family": "ALL",
               "typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares",
                                             "typed_config": b.typed(CARES, resolvers=[b.address(names.port)])},
               "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [
                   {"endpoint": {"address": b.address(six.port, "a.test")}}]}]}}
    proxy = start(b.bootstrap([b.http_listener(b.route(to="up"))], [cluster]), kind=kind)
    assert proxy.fetch().text == "six"
