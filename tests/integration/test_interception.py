"""Sidecars of both kinds beside each other, a stock Envoy's and ours, from one remora-control."""

import pytest

from support.pod_mesh import PodMesh, host_of, istio, service
from support.pods import unavailable
from support.proxy import envoy_binary
from support.tcp import Server, echo, greeter, read_all
from support.waiting import wait_until

pytestmark = [pytest.mark.skipif(bool(unavailable()), reason=unavailable() or ""),
              pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with")]

KINDS = {"ours": "remora", "theirs": "envoy"}
ADDRESSES = {"ours": "10.96.0.11", "theirs": "10.96.0.12"}
BANNER = b"220 mail ready\r\n"
PORTS = {"http": (80, 8080), "tcp": (2525, 2525), "any": (7000, 7000), "tcp-echo": (7007, 7007)}


@pytest.fixture(name="mesh", scope="module")
def _mesh(tmp_path_factory):
    with PodMesh(tmp_path_factory.mktemp("mesh"), "--protocol-detection-timeout", "1s") as mesh:
        mesh.stranger = mesh.network.pod("stranger")
        mesh.apply("policy.yaml", istio("PeerAuthentication", "default", "istio-system", mtls={"mode": "STRICT"}))
        mesh.sides = {}
        for name, kind in KINDS.items():
            pod = mesh.sides[name] = mesh.pod(f"{name}-1", ports=[8080], labels={"app": name}, kind=kind)
            mesh.network.name(name, ADDRESSES[name])
            mesh.apply(f"{name}.yaml", service(name, PORTS, ADDRESSES[name]),
                       *pod.workloads(name, **{port: target for port, (_, target) in PORTS.items()}))
            mesh.serve(pod, 8080)
            for port in (2525, 7000):
                mesh.serve(pod, port, Server, greeter(BANNER))
            mesh.serve(pod, 7007, Server, echo)
        yield mesh


@pytest.mark.parametrize("client, server", [("ours", "theirs"), ("theirs", "ours")])
def test_ours_and_a_stock_envoy_understand_each_other(mesh, client, server):
    """HTTP, bytes, and what declares nothing, each in mutual TLS."""
    caller, called = mesh.sides[client], mesh.sides[server]
    assert caller.wait_answer(server, 80).body == f"{server}-1".encode()
    for port in (2525, 7000):
        wait_until(lambda port=port: caller.proxy.stat(f"cluster.outbound|{port}||{host_of(server)}.membership_total") == 1, "endpoints")
        with caller.connect(server, port) as connection:
            assert connection.recv(100) == BANNER
    for port in (80, 2525, 7000):
        assert caller.proxy.stat(f"cluster.outbound|{port}||{host_of(server)}.ssl.handshake") >= 1
    with pytest.raises((OSError, AssertionError)):
        mesh.stranger.fetch(called.name, 8080)


@pytest.mark.parametrize("client", KINDS)
@pytest.mark.parametrize("server", KINDS)
def test_half_of_a_connection_may_end(mesh, client, server):
    """A client that has said all still hears the rest, through mutual TLS as well."""
    caller = mesh.sides[client]
    wait_until(lambda: caller.proxy.stat(f"cluster.outbound|7007||{host_of(server)}.membership_total") == 1, "endpoints")
    with caller.connect(server, 7007) as connection:
        said = bytes(range(256)) * 4096
        connection.sendall(said)
        connection.shutdown(1)
        assert read_all(connection) == said + b"bye"


@pytest.mark.parametrize("side", KINDS)
def test_each_calls_its_own_service_through_itself(mesh, side):
    pod = mesh.sides[side]
    assert pod.wait_answer(side, 80).body == f"{side}-1".encode()
    assert pod.proxy.stat(f"cluster.outbound|80||{host_of(side)}.ssl.handshake") >= 1
