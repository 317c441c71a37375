"""Mutual TLS between sidecars, as remora-control sets it up: every pairing of Remora and a stock Envoy."""

import os
import socket
import ssl
import time

import pytest

from support.load import Load
from support.secure_mesh import SERVER_ADDRESS, SecureMesh
from support.waiting import wait_until

PAIRS = [("remora", "remora"), ("remora", "envoy"), ("envoy", "remora"), ("envoy", "envoy")]
CLIENT, SERVER = "spiffe://cluster.local/ns/default/sa/client", "spiffe://cluster.local/ns/default/sa/myapp"


@pytest.fixture
def mesh(tmp_path, closing):
    return lambda kinds=PAIRS[0], **settings: SecureMesh(tmp_path, closing, kinds, **settings)


def rule(connection_pool):
    """A DestinationRule for the service with these settings of its connections."""
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "myapp"},
            "spec": {"host": "myapp", "trafficPolicy": {"connectionPool": connection_pool}}}


def plain_answer(port):
    """What the workload's sidecar says to a caller that knows no TLS; nothing if it hangs up."""
    with socket.create_connection((SERVER_ADDRESS, port), timeout=20) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nhost: myapp\r\nconnection: close\r\n\r\n")
        received = b""
        try:
            while piece := caller.recv(4096):
                received += piece
        except ConnectionResetError:
            pass
        return received


def tls_refused(port):
    """Whether the sidecar ends the connection of a TLS caller without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((SERVER_ADDRESS, port), timeout=20) as caller:
        try:
            with context.wrap_socket(caller) as wrapped:
                wrapped.sendall(b"GET / HTTP/1.1\r\nhost: myapp\r\nconnection: close\r\n\r\n")
                return wrapped.recv(4096) == b""
        except OSError:  # TLS 1.3 tells a client only after its handshake, which may be in time or not.
            return True


@pytest.mark.parametrize("by", ["token", "certificate"])
@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_strict_lets_only_the_mesh_in(mesh, kinds, by):
    strict = mesh(kinds, by=by).wait_serving()
    forwarded = strict.app.requests[-1].get("x-forwarded-client-cert")
    assert f"By={SERVER};" in forwarded and forwarded.endswith(f"URI={CLIENT}"), forwarded
    served = len(strict.app.requests)
    assert not plain_answer(strict.app.port).startswith(b"HTTP/")
    assert tls_refused(strict.app.port)
    assert len(strict.app.requests) == served, "nothing of it has reached the application"
    assert strict.fetch().status == 200


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_permissive_takes_both(mesh, kinds):
    both = mesh(kinds, policy="PERMISSIVE").wait_serving()
    assert both.app.requests[-1].get("x-forwarded-client-cert").endswith(f"URI={CLIENT}")
    assert plain_answer(both.app.port).startswith(b"HTTP/1.1 200")
    assert both.app.requests[-1].get("x-forwarded-client-cert") is None


@pytest.mark.parametrize("kinds", PAIRS[:2], ids="-".join)
def test_clients_follow_when_tls_goes_and_comes(mesh, kinds):
    changing = mesh(kinds).wait_serving()

    def secure():
        return changing.fetch().status == 200 and changing.app.requests[-1].get("x-forwarded-client-cert") is not None

    changing.require("DISABLE")
    wait_until(lambda: plain_answer(changing.app.port).startswith(b"HTTP/1.1 200"), lambda: "plain text")
    changing.wait_serving()
    assert not secure()
    changing.require("STRICT")
    wait_until(secure, lambda: "mutual TLS again")
    wait_until(lambda: not plain_answer(changing.app.port), lambda: "plain text refused again")


@pytest.mark.parametrize("kinds", PAIRS[:3], ids="-".join)
def test_a_server_with_another_identity_is_refused(mesh, kinds):
    wrong = mesh(kinds, account="impostor")
    wait_until(lambda: wrong.server.listeners(), lambda: f"the server's listener\n{wrong.server.tail()}")
    wait_until(lambda: wrong.client.listeners(), lambda: f"the client's listener\n{wrong.client.tail()}")
    wait_until(lambda: wrong.client.stats("ssl.fail_verify_san") and sum(
        wrong.client.stats("ssl.fail_verify_san").values()) > 0 if wrong.fetch().status == 503 else False,
        lambda: f"the impostor refused\n{wrong.client.tail()}")
    assert not wrong.app.requests


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_bytes_of_any_protocol_go_over_mutual_tls(mesh, kinds):
    tunnel = mesh(kinds, port_name="tcp-any").wait_serving()
    assert tunnel.app.requests[-1].get("x-request-id") is None, "nobody has read the request on its way"
    assert not plain_answer(tunnel.app.port)
    assert sum(tunnel.server.stats("ssl.handshake$").values()) > 0


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_sidecars_speak_http2_among_themselves_when_told(mesh, kinds):
    upgraded = mesh(kinds)
    upgraded.apply("rule.yaml", rule({"http": {"h2UpgradePolicy": "UPGRADE"}}))
    upgraded.wait_serving()
    wait_until(lambda: upgraded.fetch().status == 200 and sum(
        upgraded.client.stats("upstream_cx_http2_total$").values()) > 0, "HTTP/2 connections")
    assert upgraded.app.requests[-1].version == "HTTP/1.1"
    assert upgraded.app.requests[-1].get("x-forwarded-client-cert").endswith(f"URI={CLIENT}")


# The shortest life that the control plane gives a certificate is two seconds: then a new one comes every second.
# REMORA_ROTATION_SECONDS=60 keeps that up for a minute.
ROTATION_SECONDS = float(os.environ.get("REMORA_ROTATION_SECONDS", "3"))


@pytest.mark.parametrize("kinds", PAIRS[:1], ids="-".join)
def test_certificates_change_under_load(mesh, kinds):
    changing = mesh(kinds, control_arguments=["--cert-lifetime", "2s"])
    # Connections keep the certificate that they began with, so that they must end to show the next one.
    changing.apply("rule.yaml", rule({"http": {"maxRequestsPerConnection": 10}}))
    changing.wait_serving()
    with Load(changing.client.port(f"127.0.0.1_{changing.port}"), host="myapp") as load:
        end = time.monotonic() + ROTATION_SECONDS
        wait_until(lambda: load.failures or time.monotonic() > end, "the time over", ROTATION_SECONDS + 20)
    load.assert_nothing_lost()
    shown = {request.get("x-forwarded-client-cert").partition("Hash=")[2][:64] for request in changing.app.requests}
    assert len(shown) >= ROTATION_SECONDS - 1, f"{len(shown)} certificates in {ROTATION_SECONDS} s"


@pytest.mark.parametrize("by", ["token", "certificate"])
def test_identity_alone_changes_no_traffic(mesh, by):
    """Who has proved who it is, and is in a mesh that wants no TLS, talks as before."""
    plain = mesh(by=by, policy="DISABLE", control_arguments=["--no-auto-mtls"]).wait_serving()
    assert plain.app.requests[-1].get("x-forwarded-client-cert") is None
    assert plain_answer(plain.app.port).startswith(b"HTTP/1.1 200")


def test_a_proxy_talks_to_no_other_control_plane(mesh, closing):
    """A workload's certificate has the same root as the control plane's, and must not pass for it."""
    wary = mesh(by="certificate", policy="DISABLE", control_arguments=["--no-auto-mtls"]).wait_serving()
    folder = wary.folder.parent / "client-identity"
    text = (folder / "xds-cluster.yaml").read_text()
    (folder / "xds-cluster.yaml").write_text(text.replace("sa/remora-control", "sa/impostor"))
    stranger = closing(wary.sidecar("stranger", "remora", "127.0.77.8", "client", folder=folder, wait_ready=False))
    wait_until(lambda: "none of the wanted names" in stranger.tail(), lambda: f"a refusal\n{stranger.tail()}")
    assert "stranger" not in wary.control.admin("/debug/syncz").text
