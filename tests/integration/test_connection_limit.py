"""How many connections clients may have open, over all listeners and workers."""

import contextlib

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, listener, listener_filter, route, tcp_proxy
from support.http_client import Client, ConnectionClosed, format_request
from support.overload import CONNECTIONS, action, manager, most_connections, scaled, wait_value
from support.upstream import Upstream
from support.waiting import wait_until

KEY = "overload.global_downstream_max_connections"


def listeners():
    routes = [route("/", respond=(200, "here"))]
    return [http_listener(*routes), {**http_listener(*routes, name="other"), "ignore_global_conn_limit": True},
            {**http_listener(*routes, name="bypass"), "bypass_overload_manager": True}]


def runtime(key, value):
    return {"layered_runtime": {"layers": [{"name": "static", "static_layer": {key: value}}]}}


def limited(count, **more):
    return bootstrap(listeners(), overload_manager=manager(most_connections(count)), **more)


class Clients(contextlib.ExitStack):
    def __init__(self, proxy):
        super().__init__()
        self.proxy = proxy

    def served(self, name="in"):
        """One more connection, which stays open if it is served."""
        client = self.enter_context(Client(self.proxy.port(name)))
        try:
            client.send(format_request())
            return client.response().status == 200 and client
        except (ConnectionClosed, ConnectionResetError, BrokenPipeError):
            return None


def refused(proxy):
    return sum(value for name, value in proxy.stats("downstream_global_cx_overflow").items() if ".admin." not in name)


def test_the_monitor_limits_connections(start):
    proxy = start(limited(2))
    with Clients(proxy) as clients:
        first = clients.served()
        assert first and clients.served()
        assert not clients.served() and not clients.served()
        assert clients.served("bypass") and clients.served("bypass")
        wait_until(lambda: refused(proxy) == 2, "two refused")
        wait_value(proxy, f"overload.{CONNECTIONS}.failed_updates", 2)
        first.close()
        wait_until(clients.served, "the place that has become free")
        assert first.sock.fileno() == -1 and not clients.served()


def test_who_ignores_it_is_not_refused(start):
    proxy = start(limited(1))
    with Clients(proxy) as clients:
        assert clients.served()
        assert clients.served("other") and clients.served("other")
        assert not clients.served()


@pytest.mark.remora_only("with this monitor it does not count those that ignore the limit, against its documentation, but takes them off at their end")
def test_who_ignores_it_counts(start):
    proxy = start(limited(2))
    with Clients(proxy) as clients:
        other = clients.served("other")
        assert other and clients.served() and not clients.served()
        other.close()
        wait_until(clients.served, "the place that has become free")
        assert not clients.served()


@pytest.mark.remora_only("without another monitor it measures none")
def test_actions_go_by_it(start):
    disable = action("disable_http_keepalive", scaled(CONNECTIONS, 0.25, 1))
    proxy = start(bootstrap(listeners(), overload_manager=manager(most_connections(4), actions=[disable])))
    with Clients(proxy) as clients:
        assert clients.served() and clients.served()
        wait_value(proxy, f"overload.{CONNECTIONS}.pressure", 50)
        wait_value(proxy, f"overload.{disable['name']}.scale_percent", 33)
    wait_value(proxy, f"overload.{CONNECTIONS}.pressure", 0)


def test_it_is_exact_over_workers(start):
    """Many at once, on four workers: never one more, and none fewer when all have ended."""
    proxy = start(limited(10), concurrency=4)
    for _ in range(3):
        with Clients(proxy) as clients:
            assert len([True for _ in range(60) if clients.served()]) == 10
        wait_until(lambda: proxy.stat("http.in.downstream_cx_active") == 0, "the end of all")


def test_tcp_connections_and_those_that_are_looked_at_have_their_place(start, closing):
    upstream = closing(Upstream(script=lambda connection: connection.read_to_end()))
    config = bootstrap([{**listener(tcp_proxy("up")), "listener_filters": [listener_filter("tls_inspector")]}],
                       [cluster("up", upstream.port)], overload_manager=manager(most_connections(2)))
    proxy = start(config)
    with proxy.connect() as silent, proxy.connect() as speaking:
        speaking.send("hello, not TLS\r\n")
        proxy.wait_stat("cluster.up.upstream_cx_total")
        with proxy.connect() as third:
            third.wait_closed()
        silent.close()
        wait_until(lambda: sum(proxy.stats("downstream_pre_cx_active").values()) == 0, "the end of the silent one")
        with proxy.connect() as again:
            again.send("hello again\r\n")
            proxy.wait_stat("cluster.up.upstream_cx_total", 2)


@pytest.mark.remora_only("its admin interface's connections count, too")
def test_the_runtime_limits_all_listeners(start):
    proxy = start(bootstrap(listeners(), **runtime(KEY, 3)))
    with Clients(proxy) as clients:
        assert clients.served("bypass") and clients.served("other") and clients.served()
        assert not clients.served() and not clients.served("bypass")
        assert clients.served("other")
        assert refused(proxy) == 2


def test_the_monitor_goes_before_the_runtime(start):
    proxy = start(limited(3, **runtime(KEY, 1)))
    with Clients(proxy) as clients:
        assert clients.served() and clients.served() and clients.served() and not clients.served()
    assert proxy.kind == "envoy" or f"the key '{KEY}' has no effect" in proxy.log


def test_istios_bootstrap_is_not_warned_about(start):
    """Istio's bootstrap: a monitor, and both fields for probes and metrics. Nothing of it is warned about."""
    config = limited(2147483645)
    config["static_resources"]["listeners"][1]["bypass_overload_manager"] = True
    proxy = start(config)
    assert proxy.fetch().status == proxy.fetch(listener="other").status == 200
    assert "warning" not in proxy.log.replace("[warning]", ""), proxy.log
