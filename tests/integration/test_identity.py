"""Who gets which certificate from remora-control, how it is renewed, and what lies on disk."""

import json
import stat
import subprocess

import grpc
import pytest

from support.identity import ADS, DELTA_ADS, DELTA_SDS, SDS, SecretClient, describe, issue, openssl, tls_credentials
from support.mesh import ControlPlane, replace
from support.proxy import bin_dir
from support.waiting import wait_until

SHARED, CART = "shared-token-0123456789", "cart-token-0123456789abc"


@pytest.fixture
def control(tmp_path, closing):
    """Starts a control plane over an empty folder, with join tokens and xDS over TLS."""
    (tmp_path / "mesh").mkdir()
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{SHARED}\n{CART}  shop/cart\n")

    def begin(*arguments):
        return closing(ControlPlane(tmp_path / "mesh", arguments=[
            "--xds-tls-address", "127.0.0.1:0", "--join-token-file", tokens, *arguments]))

    return begin


@pytest.fixture
def ask(closing):
    return lambda *arguments, **options: closing(SecretClient(*arguments, **options))


def verify(tmp_path, certificate, root):
    """Whether openssl takes the chain, for both ends of a connection."""
    replace(tmp_path, "leaf.pem", certificate.decode())
    replace(tmp_path, "root.pem", root.decode())
    for purpose in ("sslserver", "sslclient"):
        openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", tmp_path / "root.pem", tmp_path / "leaf.pem")


@pytest.mark.parametrize("method", [ADS, SDS, DELTA_ADS, DELTA_SDS])
def test_a_token_brings_certificate_and_root(control, ask, tmp_path, method):
    client = ask(control().xds_port, token=SHARED, namespace="shop", service_account="web", method=method)
    text = describe(client.certificate())
    assert "URI:spiffe://cluster.local/ns/shop/sa/web" in text and "CA:FALSE" in text, text
    verify(tmp_path, client.certificate(), client.wait("ROOTCA").validation_context.trusted_ca.inline_bytes)
    assert b"PRIVATE KEY" in client.wait("default").tls_certificate.private_key.inline_bytes


def test_nobody_gets_an_identity_that_is_not_proved(control, ask):
    port = control().xds_port
    refused = grpc.StatusCode.PERMISSION_DENIED
    for claims, reason in [
            ({}, "proved who they are"),
            ({"token": "wrong-token-0123456789"}, "the token is none of"),
            ({"token": CART}, 'claims namespace "default"'),
            ({"token": CART, "namespace": "shop", "service_account": "web"}, 'service account "web"'),
            ({"token": SHARED, "namespace": "istio-system", "service_account": "remora-control"},
             "is the control plane itself"),
            ({"token": SHARED, "service_account": "a/b"}, "no service account")]:
        code, details = ask(port, **claims).wait_refused()
        assert code == refused and reason in details, (claims, code, details)
    assert "sa/cart" in describe(ask(port, token=CART, namespace="shop").certificate())


def test_over_tls_a_certificate_is_proof(control, ask, tmp_path):
    plane = control()
    folder = issue(plane.ca, tmp_path / "web", "--namespace", "shop", service_account="web")
    client = ask(plane.xds_tls_port, tls=tls_credentials(folder), namespace="shop")
    assert "URI:spiffe://cluster.local/ns/shop/sa/web" in describe(client.certificate())
    # The certificate decides, and the node must agree with it.
    code, details = ask(plane.xds_tls_port, tls=tls_credentials(folder), namespace="other").wait_refused()
    assert code == grpc.StatusCode.PERMISSION_DENIED and "proved to be spiffe://" in details, details


def test_operators_see_who_is_who(control, ask):
    plane = control()
    ask(plane.xds_port, token=CART, namespace="shop", method=ADS).certificate()
    done = subprocess.run([bin_dir() / "remoractl", "--admin", f"127.0.0.1:{plane.admin_port}", "status"],
                          capture_output=True, text=True, check=True)
    assert "spiffe://cluster.local/ns/shop/sa/cart" in done.stdout, done
    dump = plane.admin("/debug/config_dump?proxyID=test.shop").text
    assert "PRIVATE KEY" not in dump and "CERTIFICATE" not in dump, "secrets are nobody else's"


def test_peer_authentications_are_served_as_kubernetes_does(control):
    plane = control()
    policy = {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": "strict"},
              "spec": {"mtls": {"mode": "STRICT"}, "selector": {"matchLabels": {"app": "cart"}},
                       "portLevelMtls": {"8080": {"mode": "DISABLE"}}}}

    def remoractl(*arguments, data=""):
        return subprocess.run([bin_dir() / "remoractl", "--api", f"127.0.0.1:{plane.api_port}", *arguments],
                              input=data, capture_output=True, text=True, check=False)

    assert remoractl("apply", "-f", "-", data=json.dumps(policy)).returncode == 0
    assert "STRICT" in remoractl("get", "peerauthentications").stdout
    policy["spec"]["mtls"]["mode"] = "ALWAYS"
    refused = remoractl("apply", "-f", "-", data=json.dumps(policy))
    assert refused.returncode == 1 and "spec.mtls.mode" in refused.stderr, refused


def test_over_tls_nothing_is_served_without_proof(control, ask, tmp_path):
    plane = control()
    folder = issue(plane.ca, tmp_path / "web")
    anonymous = tls_credentials(folder, certified=False)
    code, details = ask(plane.xds_tls_port, tls=anonymous).wait_refused()
    assert code == grpc.StatusCode.UNAUTHENTICATED and "certificate of the mesh or a bearer token" in details
    # Whatever the service: false statistics could move a canary.
    with grpc.secure_channel(f"localhost:{plane.xds_tls_port}", anonymous) as channel:
        report = channel.stream_unary("/envoy.service.metrics.v3.MetricsService/StreamMetrics")
        with pytest.raises(grpc.RpcError) as refused:
            report(iter([b""]))
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "sa/default" in describe(ask(plane.xds_tls_port, tls=anonymous, token=SHARED).certificate())
    # A certificate of somebody else's authority does not even get through the handshake.
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out",
            folder / "cert-chain.pem", "-subj", "/CN=stranger", "-addext",
            "subjectAltName=URI:spiffe://cluster.local/ns/default/sa/default")
    code, _ = ask(plane.xds_tls_port, tls=tls_credentials(folder)).wait_refused()
    assert code == grpc.StatusCode.UNAVAILABLE


def test_certificates_are_renewed_at_half_life(control, ask):
    client = ask(control("--cert-lifetime", "2s").xds_port, token=SHARED)
    certificates = [client.certificate(count) for count in (1, 2, 3)]
    assert len(set(certificates)) == 3
    assert len(client.received["ROOTCA"]) == 1, "what has not changed is not sent again"


def test_the_control_planes_own_certificate_is_renewed(control, ask, tmp_path):
    plane = control("--cert-lifetime", "2s")
    folder = issue(plane.ca, tmp_path / "web")
    served = [openssl("s_client", "-connect", f"127.0.0.1:{plane.xds_tls_port}", "-alpn", "h2")]

    def another():
        served.append(openssl("s_client", "-connect", f"127.0.0.1:{plane.xds_tls_port}", "-alpn", "h2"))
        return served[0].split("-----")[2] != served[-1].split("-----")[2]

    wait_until(another, "another certificate")  # After three seconds: half of the shortest life that it is given.
    ask(plane.xds_tls_port, tls=tls_credentials(folder)).certificate()


def test_the_root_outlives_a_restart(control, ask):
    first = control()
    root = ask(first.xds_port, token=SHARED).wait("ROOTCA")
    first.kill()
    assert ask(control().xds_port, token=SHARED).wait("ROOTCA") == root
    assert stat.S_IMODE(first.ca.stat().st_mode) == 0o700
    assert stat.S_IMODE((first.ca / "root-key.pem").stat().st_mode) == 0o600


def test_a_given_intermediate_signs(control, ask, tmp_path):
    def make(name, issuer=None, *extensions):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / f"{name}.key", "-out",
                tmp_path / f"{name}.pem", "-subj", f"/O=Example/CN={name}", "-addext", "keyUsage=critical,keyCertSign",
                *(["-CA", tmp_path / f"{issuer}.pem", "-CAkey", tmp_path / f"{issuer}.key"] if issuer else []),
                *extensions)

    make("root")
    make("between", "root", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0")
    plane = control("--ca-cert-file", tmp_path / "between.pem", "--ca-key-file", tmp_path / "between.key",
                    "--ca-root-file", tmp_path / "root.pem", "--trust-domain", "example.test")
    client = ask(plane.xds_port, token=SHARED)
    chain = client.certificate()
    assert chain.count(b"BEGIN CERTIFICATE") == 2 and "URI:spiffe://example.test/ns/default/" in describe(chain)
    (tmp_path / "leaf.pem").write_bytes(chain)
    openssl("verify", "-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "leaf.pem", tmp_path / "leaf.pem")
    assert client.wait("ROOTCA").validation_context.trusted_ca.inline_bytes.strip() == \
        (tmp_path / "root.pem").read_bytes().strip()


def test_proxies_of_the_machine_are_trusted_only_when_told(tmp_path, ask, closing):
    (tmp_path / "mesh").mkdir()
    plain = closing(ControlPlane(tmp_path / "mesh"))
    assert not plain.ca.exists(), "no authority where nobody can use it"
    ask(plain.xds_port).wait_refused()
    plain.stop()
    plane = closing(ControlPlane(tmp_path / "mesh", arguments=["--trust-loopback"]))
    assert "ns/shop/sa/web" in describe(ask(plane.xds_port, namespace="shop", service_account="web").certificate())
