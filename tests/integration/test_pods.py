"""The pods of tests/support/pods.py are what tests of interception take them for."""

import os
import socket
import sys

import pytest

from support.pods import APP_UID, PROXY_UID, Network, PodProcess, unavailable
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "")


@pytest.fixture
def network(closing):
    return closing(Network())


def serve(closing, pod, name, address):
    with pod.entered(APP_UID):
        return closing(Upstream(name, address=address, port=8080))


def test_pods_reach_each_other_by_name_and_address_in_both_families(network, closing):
    web, client = network.pod("web"), network.pod("client")
    serve(closing, web, "four", web.v4)
    serve(closing, web, "six", web.v6)
    assert client.fetch("web", 8080).body == b"four"
    assert client.fetch("web", 8080, to=web.v6).body == b"six"


def test_a_host_outside_is_reached_by_way_of_the_node(network, closing):
    outside, client = network.outside("elsewhere.test"), network.pod("client")
    app = serve(closing, outside, "out", outside.v4)
    assert client.fetch("elsewhere.test", 8080).body == b"out"
    assert app.connections[0].peer == client.v4


@pytest.mark.parametrize("address", ["10.96.0.10", "fd00:96::10"])
def test_nobody_serves_the_address_of_a_service(network, address):
    client = network.pod("client")
    network.name("web.default.svc.cluster.local", address)
    with pytest.raises(OSError, match="unreachable|No route"):
        client.connect("web.default.svc.cluster.local", 80)


@pytest.mark.parametrize("uid", [PROXY_UID, APP_UID])
def test_a_process_has_the_pods_addresses_names_and_user(network, closing, uid):
    pod = network.pod("web")
    network.name("friend", "10.244.0.77")
    tell = "import os, socket; print(os.getuid(), os.getgroups(), socket.gethostbyname('friend'), socket.if_nameindex(), flush=True)"
    process = closing(PodProcess(pod, "tell", [sys.executable, "-c", tell], uid=uid))
    assert process.wait() == 0
    assert process.log.split()[:3] == [str(uid), "[]", "10.244.0.77"] and "eth0" in process.log


def test_a_socket_made_inside_is_the_users(network):
    """The kernel's rules about owners see what /proc says of the socket."""
    pod = network.pod("web")
    with pod.entered(PROXY_UID), socket.create_server(("127.0.0.1", 0)) as server:
        sockets = open("/proc/thread-self/net/tcp", encoding="ascii").read()
        assert f":{server.getsockname()[1]:04X}" in sockets
        assert os.fstat(server.fileno()).st_uid == PROXY_UID


def test_this_threads_own_network_is_as_before(network):
    before = os.readlink("/proc/thread-self/ns/net")
    with network.pod("web").entered(APP_UID):
        assert os.readlink("/proc/thread-self/ns/net") != before
    assert os.readlink("/proc/thread-self/ns/net") == before
    assert "cluster" not in [name for _, name in socket.if_nameindex()]


def test_closing_leaves_no_process_in_the_namespaces():
    network = Network()
    pod = network.pod("web")
    link = os.readlink(f"/proc/{pod.holder.pid}/ns/net")
    network.close()

    def held():
        return [entry for entry in os.listdir("/proc") if entry.isdigit() and network_of(entry) == link]

    wait_until(lambda: not held(), lambda: f"still held by {held()}")


def network_of(process):
    try:
        return os.readlink(f"/proc/{process}/ns/net")
    except OSError:
        return None
