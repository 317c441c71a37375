"""The network fails: hosts that fall silent, ports that run out. Each test makes a network namespace of its own (docs/faults.md)."""

import os
import pathlib
import shutil
import subprocess
import threading

import pytest

from support import namespace
from support.faults import Faced
from support.http_client import format_request
from support.upstream import Upstream, reply
from support.waiting import wait_until

INSIDE = os.environ.get(namespace.INSIDE) == "yes"
pytestmark = pytest.mark.skipif(not namespace.available(), reason="no user namespaces on this machine")
inside = pytest.mark.skipif(not INSIDE, reason="only inside the namespace")
PORTS = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


@pytest.mark.skipif(INSIDE, reason="starts the namespace")
@pytest.mark.parametrize("test", ["a_host_that_falls_silent", "no_port_is_left"])
def test_in_a_namespace(tmp_path, test):
    if test == "a_host_that_falls_silent" and shutil.which("iptables") is None:
        pytest.skip("no iptables")
    namespace.run_inside(f"{__file__}::test_{test}", [], tmp_path, 120)


def lose_what_comes_from(port, lose=True):
    """Packets of this server vanish, in mid-connection as well."""
    subprocess.run(["iptables", "-w", "-A" if lose else "-D", "OUTPUT", "-p", "tcp", "--sport", str(port), "-j", "DROP"],
                   check=True, env={**os.environ, "XTABLES_LOCKFILE": "/tmp/xtables.lock"})


@inside
def test_a_host_that_falls_silent(closing, tmp_path):
    """Row 25: on a connection that stands, and on one that is to be made. What a retry policy covers is answered by the other."""
    namespace.raise_loopback()
    silent, well = closing(Upstream("silent")), closing(Upstream("well"))
    faced = closing(Faced(
        "remora", tmp_path, silent.port, well.port, timeout="30s",
        retry_policy={"retry_on": "5xx", "num_retries": 3, "per_try_timeout": "0.3s",
                      "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts",
                                                "typed_config": {"@type": PREVIOUS_HOSTS}}],
                      "host_selection_retry_max_attempts": 5},
        cluster_settings={"connect_timeout": "0.3s"}))
    with faced.proxy.connect() as client:
        assert {client.request().text for _ in range(6)} == {"silent", "well"}, "connections to both stand"
    faced.remember()
    lose_what_comes_from(silent.port)
    with faced.proxy.connect() as client:
        assert [client.request().text for _ in range(10)] == ["well"] * 10
    faced.proxy.wait_stat("cluster.up.upstream_rq_per_try_timeout", 1)
    faced.proxy.wait_stat("cluster.up.upstream_cx_connect_timeout", 1)
    lose_what_comes_from(silent.port, False)
    wait_until(lambda: faced.proxy.fetch().text == "silent", "the host that speaks again is asked again")
    faced.assert_nothing_left()


@inside
def test_no_port_is_left(closing, tmp_path):
    """Row 36: 16 ports for connections to one server, and 16 requests that keep them; others are answered, and later served."""
    namespace.raise_loopback()
    ports, release = 16, threading.Event()

    def answer(request):
        if request.target == "/held":
            assert release.wait(60)
        return reply(200, {}, "served")

    upstream = closing(Upstream(answer=answer))
    faced = closing(Faced("remora", tmp_path, upstream.port, timeout="60s"))
    assert faced.proxy.fetch().status == 200
    faced.remember()
    faced.mark()
    clients = [closing(faced.proxy.connect()) for _ in range(ports + 2)]
    before = PORTS.read_text()
    PORTS.write_text(f"40000 {40000 + ports - 1}")
    full = clients.pop()
    for client in clients:  # The first has the connection that stands, whose port is another.
        client.send(format_request(target="/held"))
    upstream.wait_for(1 + len(clients))
    assert [full.request(target="/held").status for _ in range(8)] == [503] * 8
    release.set()
    assert {client.response().status for client in clients} == {200}
    assert full.request().status == 200, "by a connection that is kept"
    PORTS.write_text(before)
    for client in [*clients, full]:
        client.close()
    faced.assert_logged("503 UF upstream_reset_before_response_started{remote_connection_failure|"
                        "immediate_connect_error:_Cannot_assign_requested_address}", 8)
    faced.assert_nothing_left()
