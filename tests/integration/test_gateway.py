"""Gateways: what comes in at the mesh's edge, by remora and by a stock Envoy as the same gateway."""

import ssl
import time

import pytest

from support.certificates import Authority, TlsUpstream
from support.gateway_mesh import GatewayMesh, TlsClient, TlsLoad, free_ports, gateway, routes, server, to
from support.http_client import fetch
from support.jwt import Key, jwks
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.parametrize("kind", ["remora", "envoy"])


@pytest.fixture(name="ca")
def _ca(tmp_path):
    return Authority(tmp_path / "ca")


def test_hosts_and_virtual_services(tmp_path, closing, kind):
    mesh = GatewayMesh(tmp_path, closing, kind, **{"http-web": closing(Upstream("web")), "http-api": closing(Upstream("api"))})
    plain, redirected = free_ports(2)
    mesh.apply("edge.yaml", gateway(server(plain, "HTTP", "*.example", "only/other.org"),
                                    server(redirected, "HTTP", "shop.example", httpsRedirect=True)),
               routes("web", ["shop.example"], http=[to("http-web")]),
               routes("api", ["shop.example"], http=[to("http-api", match=[{"uri": {"prefix": "/api"}}])]),
               routes("other", ["other.org"], http=[to("http-web")]))
    edge = mesh.start()
    assert mesh.until(200, lambda: fetch(plain, host="shop.example")).text == "web"
    assert fetch(plain, "/api/1", host="shop.example").text == "api", "what takes everything does not hide other routes"
    assert fetch(plain, host=f"shop.example:{plain}").status == 200
    assert fetch(plain, host="unknown.example").status == 404
    assert fetch(plain, host="other.org").status == 404, "only VirtualServices of the namespace `only` have it"
    fetch(plain, "/", headers=[("x-forwarded-client-cert", "Hash=forged")], host="shop.example")
    seen = mesh.upstreams["http-web"].last
    assert not seen.has("x-forwarded-client-cert")
    if kind == "remora":  # Envoy names itself where the client is on its own machine
        assert seen.get("x-forwarded-for") == "127.0.0.1"
    moved = fetch(redirected, "/a?b", host="shop.example")
    assert moved.status == 301 and moved.get("location") == "https://shop.example/a?b"
    clusters = {name for name in edge.stats(r"^cluster[.]outbound.*membership_total$")}
    assert len(clusters) == 2, "clusters of what routes name, and of nothing else"


def test_certificates_from_secrets(tmp_path, closing, kind, ca):
    mesh = GatewayMesh(tmp_path, closing, kind, **{"http-web": closing(Upstream("web"))})
    (port,) = free_ports(1)
    mesh.apply("edge.yaml",
               gateway(server(port, "HTTPS", "shop.example", mode="SIMPLE", credentialName="shop"),
                       server(port, "HTTPS", "club.example", mode="MUTUAL", credentialName="club", subjectAltNames=["member"])),
               routes("web", ["shop.example", "club.example"], http=[to("http-web")]))
    mesh.secret("club", ca.issue("club", "DNS:club.example"), ca=ca)
    mesh.secret("shop", ca.issue("elsewhere", "DNS:shop.example"), namespace="other")
    mesh.start(wait_ready=False)
    missing = mesh.control.wait_finding("Gateway edge/edge", "spec.servers[0].tls.credentialName", "edge/shop is not there")
    assert missing["severity"] == "error"
    first, second = (ca.issue("shop", "DNS:shop.example") for _ in range(2))
    mesh.secret("shop", first)

    def ask(name, pair=None):
        with TlsClient(port, name, ca, pair) as client:
            return client.request(host=name)

    mesh.until(200, lambda: ask("shop.example"))
    wait_until(lambda: not mesh.control.findings(), lambda: f"no findings; {mesh.control.findings()}")
    assert ask("club.example", ca.issue("m", "DNS:member")).status == 200
    assert mesh.upstreams["http-web"].last.has("x-forwarded-client-cert")
    for bad in (None, ca.issue("guest", "DNS:guest")):
        with pytest.raises((OSError, AssertionError)):
            ask("club.example", bad)
    with TlsLoad(port, "shop.example", ca) as load:
        mesh.secret("shop", second)
        wait_until(lambda: load.failures or len(load.serials) == 2, "the new certificate")
        # A broken one changes nothing.
        mesh.kubectl("patch", "secret", "shop", "-n", "edge", "--type=merge", "-p", '{"stringData": {"tls.key": "none"}}')
        mesh.control.wait_finding("edge/shop its key cannot be read", "the last good one stays")
        mesh.kubectl("delete", "secret", "shop", "-n", "edge")
        mesh.control.wait_finding("edge/shop is not there", "the last good one stays")
        load.wait(50)
    assert not load.failures, f"{load.failures[:3]} beside {load.count} answers"
    assert len(load.serials) == 2


def test_secrets_are_for_those_who_have_proved_that_they_are_of_its_namespace(tmp_path, closing, kind, ca):
    mesh = GatewayMesh(tmp_path, closing, kind, **{"http-web": closing(Upstream("web"))})
    (port,) = free_ports(1)
    mesh.apply("edge.yaml", gateway(server(port, "HTTPS", "shop.example", mode="SIMPLE", credentialName="shop")))
    mesh.secret("shop", ca.issue("shop", "DNS:shop.example"))
    unproved = mesh.start(token=None)
    assert not unproved.listeners(), "no listener without its certificate"
    mesh.start(namespace="thief", wait_ready=False)
    mesh.control.wait_finding("thief/shop is not there")
    with pytest.raises((OSError, AssertionError)):
        TlsClient(port, "shop.example", ca)


def test_tls_passes_through_by_name(tmp_path, closing, kind, ca):
    one, two = (closing(TlsUpstream(ca.issue(name, f"DNS:{name}.example"), name=name)) for name in ("one", "two"))
    mesh = GatewayMesh(tmp_path, closing, kind, **{"tls-one": one, "tls-two": two})
    (port,) = free_ports(1)
    mesh.apply("edge.yaml", gateway(server(port, "TLS", "*.example", mode="PASSTHROUGH")),
               routes("tls", ["one.example", "two.example"], tls=[
                   to(f"tls-{name}", match=[{"sniHosts": [f"{name}.example"]}]) for name in ("one", "two")]))
    mesh.start()

    def ask(name):
        with TlsClient(port, name, ca) as client:
            return client.request(host=name)

    assert mesh.until(200, lambda: ask("one.example")).text == "one"
    assert ask("two.example").text == "two"
    with pytest.raises((OSError, ssl.SSLError)):
        ask("three.example")


def test_claims_choose_the_route(tmp_path, closing, kind):
    mesh = GatewayMesh(tmp_path, closing, kind, **{"http-web": closing(Upstream("web")), "http-beta": closing(Upstream("beta"))})
    key = Key(tmp_path, "ES256", key_id="one")
    (port,) = free_ports(1)
    mesh.apply("edge.yaml", gateway(server(port, "HTTP", "shop.example")),
               routes("web", ["shop.example"], http=[
                   to("http-beta", match=[{"headers": {"@request.auth.claims[group]": {"exact": "beta"}}}]), to("http-web")]),
               {"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": {"name": "edge", "namespace": "edge"},
                "spec": {"selector": {"matchLabels": {"istio": "ingress"}}, "jwtRules": [{"issuer": "one", "jwks": jwks(key)}]}})
    mesh.start()

    def ask(*headers):
        return fetch(port, "/", headers=list(headers), host="shop.example")

    def bearer(**claims):
        return ("authorization", f"Bearer {key.token({'exp': int(time.time()) + 100_000, 'iss': 'one', **claims})}")

    assert mesh.until(200, ask).text == "web"
    assert ask(bearer(group="beta")).text == "beta"
    assert ask(bearer(group=["alpha", "beta"])).text == "beta"
    assert ask(bearer(group="alpha")).text == "web"
    assert ask(bearer(iss="two")).status == 401
    assert not [each for each in mesh.control.findings() if "claims" in str(each)]
