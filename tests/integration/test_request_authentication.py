"""RequestAuthentication and VirtualService faults, from manifests to traffic through two sidecars."""

import time

import pytest

from support.jwt import Key, jwks
from support.proxy import under_test
from support.secure_mesh import SecureMesh
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

FAR = int(time.time()) + 100_000
SECURITY, ISTIO = "security.istio.io/v1", "networking.istio.io/v1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: Key(folder, "ES256", key_id=name) for name in ("one", "two", "mesh")}


@pytest.fixture
def mesh(tmp_path, closing):
    return SecureMesh(tmp_path, closing, (under_test(), under_test())).wait_serving()


def authentication(name, *rules, namespace="default", selector=None):
    return {"apiVersion": SECURITY, "kind": "RequestAuthentication", "metadata": {"name": name, "namespace": namespace},
            "spec": {**({"selector": {"matchLabels": selector}} if selector else {}), "jwtRules": list(rules)}}


def ask(mesh, key, **claims):
    token = key.token({"exp": FAR, **claims})
    return mesh.fetch("/", headers=[("authorization", f"Bearer {token}")])


def until(mesh, wanted, ask_now):
    """Waits until the sidecar has taken the change."""
    return wait_until(lambda: (answer := ask_now()).status == wanted and answer,
                      lambda: f"status {wanted}; {mesh.control.findings()}\n{mesh.control.tail()}")


def test_tokens_are_checked_where_they_arrive(mesh, keys):
    mesh.apply("tokens.yaml", authentication("one", {
        "issuer": "one", "jwks": jwks(keys["one"]), "audiences": ["web"], "outputPayloadToHeader": "x-claims",
        "outputClaimToHeaders": [{"header": "x-who", "claim": "sub"}]}, selector={"app": "myapp"}))
    bad = until(mesh, 401, lambda: ask(mesh, keys["two"], iss="one", aud="web"))
    assert bad.text == "Jwks doesn't have key to match kid or alg from Jwt"
    assert ask(mesh, keys["one"], iss="one", aud="else").status == 403
    mesh.app.forget()
    assert mesh.fetch("/", headers=[("x-who", "forged")]).status == 200
    assert not mesh.app.last.has("x-who")
    assert ask(mesh, keys["one"], iss="one", aud="web", sub="me").status == 200
    assert mesh.app.last.get("x-who") == "me" and mesh.app.last.has("x-claims") and not mesh.app.last.has("authorization")


def test_policies_of_all_places_hold_together(mesh, keys):
    mesh.apply("tokens.yaml", authentication("mesh", {"issuer": "mesh", "jwks": jwks(keys["mesh"])}, namespace="istio-system"),
               authentication("one", {"issuer": "one", "jwks": jwks(keys["one"])}),
               authentication("two", {"issuer": "two", "jwks": jwks(keys["two"])}, selector={"app": "myapp"}),
               authentication("others", {"issuer": "others", "jwks": jwks(keys["two"])}, selector={"app": "else"}))
    until(mesh, 401, lambda: ask(mesh, keys["one"], iss="nobody"))
    for name in ("mesh", "one", "two"):
        assert ask(mesh, keys[name], iss=name).status == 200
    assert ask(mesh, keys["two"], iss="others").text == "Jwt issuer is not configured"
    assert mesh.fetch("/").status == 200


def test_keys_are_fetched_from_a_service_of_the_mesh(mesh, keys, closing):
    issuer = closing(Upstream("keys", lambda request: reply(200, body=jwks(keys["one"]).encode()), address="127.0.77.3"))
    port = unused_port()
    mesh.apply("tokens.yaml", authentication("one", {"issuer": "one", "jwksUri": f"http://keys.local:{port}/jwks"}), {
        "apiVersion": ISTIO, "kind": "ServiceEntry", "metadata": {"name": "keys"}, "spec": {
            "hosts": ["keys.local"], "location": "MESH_EXTERNAL", "resolution": "STATIC",
            "ports": [{"number": port, "name": "http", "protocol": "HTTP", "targetPort": issuer.port}],
            "endpoints": [{"address": issuer.address}]}})
    until(mesh, 401, lambda: ask(mesh, keys["two"], iss="one"))
    until(mesh, 200, lambda: ask(mesh, keys["one"], iss="one"))
    assert issuer.last.target == "/jwks"


def test_what_is_wrong_is_said(mesh):
    mesh.apply("tokens.yaml", authentication("bad", {"issuer": "one"}))
    mesh.control.wait_finding("jwtRules[0].jwks", "is required, or jwksUri")


def test_faults(mesh):
    mesh.apply("faults.yaml", {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": "myapp"}, "spec": {
        "hosts": ["myapp"], "http": [
            {"match": [{"headers": {"x-fault": {"exact": "abort"}}}], "route": [{"destination": {"host": "myapp"}}],
             "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}}},
            {"match": [{"headers": {"x-fault": {"exact": "delay"}}}], "route": [{"destination": {"host": "myapp"}}],
             "fault": {"delay": {"fixedDelay": "0.3s", "percentage": {"value": 100}}}},
            {"match": [{"headers": {"x-fault": {"exact": "never"}}}], "route": [{"destination": {"host": "myapp"}}],
             "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 0}}}},
            {"route": [{"destination": {"host": "myapp"}}]}]}})
    answer = until(mesh, 418, lambda: mesh.fetch("/", headers=[("x-fault", "abort")]))
    assert answer.text == "fault filter abort"
    begun = time.monotonic()
    assert mesh.fetch("/", headers=[("x-fault", "delay")]).status == 200
    assert time.monotonic() - begun >= 0.3
    for headers in ([], [("x-fault", "never")]):
        assert mesh.fetch("/", headers=headers).status == 200
