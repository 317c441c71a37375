"""What kubectl applies to remora-control is what requests meet: CORS policies and delegates, through a live sidecar."""

import pytest

from support.kubectl import Kubectl
from support.mesh import Mesh, service, workload
from support.upstream import Upstream, reply
from support.waiting import wait_until

VERSIONS = ("v1", "v2")


class LiveMesh(Mesh):
    """The service `web`, and one for each version of it; rules come by kubectl."""

    def __init__(self, folder, closing):
        apps = {version: closing(Upstream(version, named(version))) for version in VERSIONS}
        super().__init__(folder / "mesh", "web", {f"web-{name}": (app, {"version": name}) for name, app in apps.items()}, closing)
        self.apps = apps
        self.apply("versions.yaml", *(document for name, app in apps.items() for document in (
            service(name, self.port), workload(name, name, app))))
        self.kubectl = Kubectl(folder / "home", f"127.0.0.1:{self.control.api_port}")
        self.wait_serving()

    def ask(self, target="/", method="GET", **headers):
        return self.fetch(target, method, {name.replace("_", "-"): value for name, value in headers.items()})

    def wait_answers(self, text, target):
        wait_until(lambda: {self.ask(target).text for _ in range(6)} == {text}, lambda: (
            f"{target} leads to {text}; the control plane says {self.control.findings()}"))


def named(version):
    return lambda request: reply(200, {"x-version": version}, version)


@pytest.fixture(name="mesh", scope="module")
def _mesh(tmp_path_factory, module_closing):
    return LiveMesh(tmp_path_factory.mktemp("live"), module_closing)


def rule(name, routes, namespace="default", **spec):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": namespace},
            "spec": {"http": routes, **spec}}


def to(version):
    return [{"destination": {"host": f"{version}.default.svc.cluster.local"}}]


@pytest.fixture(name="cors")
def _cors(mesh):
    """Applies a policy, and waits until it is the one that answers."""

    def apply(age, **policy):
        mesh.kubectl.apply(rule("web", [{"route": to("v1"), "corsPolicy": {
            "allowOrigins": [{"exact": "https://shop.test"}, {"regex": "https://[a-z]+[.]shop[.]test"}], "allowMethods": ["GET", "PUT"],
            "allowHeaders": ["x-cart"], "exposeHeaders": ["x-version"], "maxAge": f"{age}s", "allowCredentials": True, **policy}}],
            hosts=["web"]))
        wait_until(lambda: preflight(mesh, "https://shop.test").get("access-control-max-age") == str(age), "the policy")

    yield apply
    mesh.kubectl("delete", "virtualservice", "web", "-n", "default")
    wait_until(lambda: not mesh.ask(origin="https://shop.test").has("access-control-allow-origin"), "the policy is gone")


def preflight(mesh, origin):
    return mesh.ask(method="OPTIONS", origin=origin, access_control_request_method="PUT")


def test_a_cors_policy_says_whose_pages_may_ask(mesh, cors):
    cors(600)
    for origin in ("https://shop.test", "https://www.shop.test"):
        before = len(mesh.apps["v1"].requests)
        answer = preflight(mesh, origin)
        assert (answer.status, answer.get("access-control-allow-origin")) == (200, origin)
        assert (answer.get("access-control-allow-methods"), answer.get("access-control-allow-headers")) == ("GET,PUT", "x-cart")
        assert len(mesh.apps["v1"].requests) == before, "a preflight request is answered by the sidecar"
        page = mesh.ask(origin=origin)
        assert page.text == "v1" and page.get("access-control-expose-headers") == "x-version"
        assert (page.get("access-control-allow-origin"), page.get("access-control-allow-credentials")) == (origin, "true")
    assert not mesh.ask(origin="https://evil.test").has("access-control-allow-origin")


def test_preflights_of_others_go_on_or_not(mesh, cors):
    cors(601)
    before = len(mesh.apps["v1"].requests)
    assert preflight(mesh, "https://evil.test").text == "v1" and len(mesh.apps["v1"].requests) == before + 1
    cors(602, unmatchedPreflights="IGNORE")
    answer = preflight(mesh, "https://evil.test")
    assert answer.status == 200 and not answer.has("access-control-allow-origin") and answer.body == b""
    assert len(mesh.apps["v1"].requests) == before + 1


def test_a_delegate_has_its_part_of_the_paths(mesh):
    """A team's rules in a namespace of their own, changed without a change of the root; what it has no rule for is nobody's."""
    def delegate(first, second):
        return rule("orders", [{"match": [{"uri": {"prefix": "/orders/new"}}], "route": to(first)},
                               {"match": [{"uri": {"prefix": "/orders"}}], "route": to(second)}], "team")

    root = rule("web", [{"match": [{"uri": {"prefix": "/orders"}}], "delegate": {"name": "orders", "namespace": "team"}},
                        {"route": to("v1")}], hosts=["web"])
    mesh.kubectl.apply(root, delegate("v2", "v1"))
    mesh.wait_answers("v2", "/orders/new/1")
    mesh.wait_answers("v1", "/orders/1")
    mesh.wait_answers("v1", "/")
    mesh.kubectl.apply(delegate("v1", "v2"))
    mesh.wait_answers("v2", "/orders/1")
    mesh.wait_answers("v1", "/orders/new/1")
    mesh.kubectl("delete", "virtualservice", "orders", "-n", "team")
    finding = mesh.control.wait_finding("spec.http[0].delegate", "orders")
    assert finding["severity"] == "error", finding
    mesh.wait_answers("v1", "/")
    mesh.kubectl.apply(delegate("v2", "v2"))
    mesh.wait_answers("v2", "/orders/new/1")
    wait_until(lambda: not mesh.control.findings(), lambda: f"all is well: {mesh.control.findings()}")
    mesh.kubectl("delete", "virtualservice", "web", "-n", "default")
