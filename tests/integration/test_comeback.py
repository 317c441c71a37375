"""How many connections are made at once to a host that is slow to take them, that fails, and that comes back."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.certificates import Authority, TlsUpstream, upstream_tls
from support.http_client import format_request
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("it makes a connection for each request that waits")
FIRST, MORE = 16, 2  # as in proxy/upstream/pool.cc


class Reluctant(TlsUpstream):
    """Handshakes wait until they are let, or are refused."""

    def __init__(self, pair):
        self.gate, self.refuses = threading.Event(), False
        super().__init__(pair)

    def run_script(self, connection):
        assert self.gate.wait(60)
        if self.refuses:
            return connection.close()
        return super().run_script(connection)

    def answer_gate(self, refuses):
        self.refuses = refuses
        self.gate.set()


@pytest.fixture
def reluctant(start, closing, tmp_path):
    upstream = closing(Reluctant(Authority(tmp_path / "ca").issue("up", "DNS:up.local")))
    config = bootstrap([http_listener(route(to="up", timeout="30s"))],
                       [cluster("up", upstream.port, connect_timeout="30s", transport_socket=upstream_tls())])
    return start(config), upstream


def ask(proxy, count):
    clients = [proxy.connect() for _ in range(count)]
    for client in clients:
        client.send(format_request("GET", "/", {}))
    return clients


def statuses(clients):
    found = [client.response().status for client in clients]
    for client in clients:
        client.close()
    return found


def waits(proxy, requests, connections):
    """So many requests wait for so many connections, and no more are made: they all are in the same turn or before."""
    wait_until(lambda: proxy.stat("cluster.up.upstream_rq_pending_active") == requests, lambda: f"{requests} requests wait")
    assert proxy.stat("cluster.up.upstream_cx_total") == connections


def test_a_new_host_is_met_by_few_and_then_by_as_many_as_it_takes(reluctant):
    proxy, upstream = reluctant
    clients = ask(proxy, 60)
    waits(proxy, 60, FIRST)
    upstream.answer_gate(refuses=False)
    assert statuses(clients) == [200] * 60
    assert FIRST < proxy.stat("cluster.up.upstream_cx_total") <= 60
    # From here on it takes more at once.
    known = proxy.stat("cluster.up.upstream_cx_total")
    wait_until(lambda: len(upstream.handshakes) == known, lambda: "handshakes are still under way")
    upstream.gate.clear()
    clients = ask(proxy, 200)
    wait_until(lambda: FIRST < proxy.stat("cluster.up.upstream_cx_total") - known, lambda: "still as few as at first")
    assert proxy.stat("cluster.up.upstream_cx_total") - known <= FIRST + MORE * known
    upstream.gate.set()
    assert statuses(clients) == [200] * 200


def test_a_host_that_failed_is_met_by_one(reluctant):
    proxy, upstream = reluctant
    clients = ask(proxy, 40)
    waits(proxy, 40, FIRST)
    upstream.answer_gate(refuses=True)
    assert statuses(clients) == [503] * 40
    wait_until(lambda: proxy.stat("cluster.up.upstream_cx_connect_fail") == FIRST, lambda: "all have failed")
    upstream.gate.clear()
    clients = ask(proxy, 40)
    waits(proxy, 40, FIRST + 1)
    upstream.answer_gate(refuses=False)
    assert statuses(clients) == [200] * 40
