"""What an API server does wrong or has not: kinds, permissions, itself for a minute. Live proxies notice nothing of it."""

import os
import time

import pytest
from support.cluster_control import ClusterControl
from support.load import Load
from support.mesh import Mesh, service, workload
from support.proxy import ROOT
from support.upstream import Upstream
from support.waiting import wait_until

ISTIO = "networking.istio.io/v1"
ROUTES = "virtualservices.networking.istio.io"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
OUTAGE_SECONDS = float(os.environ.get("REMORA_OUTAGE_SECONDS", "60"))
ADMIN = ("admin", "system:masters")


class ClusterMesh(Mesh):
    """The same mesh with its manifests in an API server, and a second version that can be routed to."""

    def __init__(self, kubernetes, folder, app, port, closing, user=ADMIN):  # pylint: disable=super-init-not-called
        self.kubernetes, self.app, self.port, self.closing = kubernetes, app, port, closing
        self.versions = {version: closing(Upstream(version)) for version in ("v1", "v2")}
        self.apply("", service(app, port), *(
            workload(f"{app}-{version}", app, upstream, version=version) for version, upstream in self.versions.items()))
        self.route_to("v1")
        self.control = closing(ClusterControl(folder, kubernetes.kubeconfig(*user)))
        self.client = closing(self.sidecar("client"))

    def apply(self, name, *documents):
        self.kubernetes.kubectl.apply(*documents)

    def route_to(self, version):
        self.apply("", {"apiVersion": ISTIO, "kind": "DestinationRule", "metadata": {"name": self.app},
                        "spec": {"host": self.app, "subsets": [{"name": each, "labels": {"version": each}} for each in self.versions]}},
                   {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": self.app}, "spec": {
                       "hosts": [self.app], "http": [{"route": [{"destination": {"host": self.app, "subset": version}}]}]}})

    def served_by(self, version):
        return self.fetch().text == version


@pytest.fixture(name="with_crds", scope="module")
def _with_crds(kubernetes):
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    return kubernetes


def test_kinds_that_are_not_there_are_served_as_soon_as_they_appear(kubernetes, closing, tmp_path):
    control = closing(ClusterControl(tmp_path, kubernetes.kubeconfig(*ADMIN)))
    absent = control.wait_kind(ROUTES, "Absent")
    assert "CustomResourceDefinition is missing" in absent["message"] and control.admin("/ready").status == 200
    assert "VirtualService (networking.istio.io/v1 virtualservices): Absent" in control.log
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    wait_until(lambda: control.kind(ROUTES)["condition"] == "Watching", lambda: str(control.kind(ROUTES)), 60)
    kubernetes.kubectl.apply({"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": "late"},
                              "spec": {"hosts": ["late"], "http": [{"route": [{"destination": {"host": "nowhere"}}]}]}})
    wait_until(lambda: any("nowhere" in finding["message"] for finding in control.findings()), lambda: str(control.findings()))
    kubernetes.kubectl("delete", "virtualservice", "late")


def test_the_api_server_is_stopped_under_load(with_crds, closing, tmp_path):
    mesh = ClusterMesh(with_crds, tmp_path, "steady", 18081, closing)
    wait_until(lambda: mesh.wait_serving().served_by("v1"), "v1 serves")
    with Load(mesh.port, host=mesh.app) as load:
        with_crds.stop_server()
        stopped = time.monotonic()
        try:
            for kind in (ROUTES, "services", "endpointslices.discovery.k8s.io"):
                mesh.control.wait_kind(kind, "Unreachable")
            newcomer = closing(mesh.sidecar("newcomer", "127.0.0.9", REMORA_OUTBOUND="127.0.0.9"))
            wait_until(lambda: any("127.0.0.9" in name for name in newcomer.listeners()),
                       "a proxy that connects meanwhile is served")
            wait_until(lambda: time.monotonic() > stopped + OUTAGE_SECONDS, "the outage", OUTAGE_SECONDS + 10)
        finally:
            with_crds.start_server()
        assert mesh.served_by("v1")
        mesh.route_to("v2")
        wait_until(lambda: load.answers[-1] == "v2", lambda: f"what came afterwards is in effect: {mesh.control.kind(ROUTES)}", 60)
        load.wait_for("v2")
    load.assert_nothing_lost()
    for kind in (ROUTES, "services", "endpointslices.discovery.k8s.io"):
        wait_until(lambda kind=kind: mesh.control.kind(kind)["condition"] == "Watching", lambda kind=kind: str(mesh.control.kind(kind)), 60)


def test_an_object_that_cannot_be_read_is_named_and_spoils_nothing(with_crds, closing, tmp_path):
    mesh = ClusterMesh(with_crds, tmp_path, "whole", 18082, closing)
    wait_until(lambda: mesh.wait_serving().served_by("v1"), "v1 serves")
    path = f"/apis/{ISTIO}/namespaces/default/virtualservices/{mesh.app}"
    route = {"route": [{"destination": {"host": mesh.app, "subset": "v2"}}]}

    def write(http, **metadata):
        present = with_crds.request("GET", path)
        present["spec"]["http"], present["metadata"] = http, {**present["metadata"], **metadata}
        with_crds.request("PUT", path, present)

    write([{**route, "retires": {"attempts": 3}}])
    condition = wait_until(lambda: next((each for each in with_crds.request("GET", path).get("status", {}).get("conditions", ())
                                         if each["status"] == "False"), None), "a condition")
    assert "spec.http[0].retires" in condition["message"] and "spec.http[0].retires" in mesh.control.log
    assert mesh.served_by("v1"), "the last good one stays"
    write([{"match": [{"uri": {"exact": f"/{number}-{'x' * 90}"}}], **route} for number in range(6400)])
    finding = wait_until(lambda: next((each for each in mesh.control.findings() if "larger than" in each["message"]), None), "a finding")
    assert f"{ROUTES}/default/{mesh.app}" in finding["file"] and mesh.served_by("v1")
    write([route])
    wait_until(lambda: mesh.served_by("v2"), "a good one takes effect")
    wait_until(lambda: not any("larger than" in each["message"] for each in mesh.control.findings()), "and the finding goes")


def test_a_permission_that_is_taken_away_is_named_and_routing_goes_on(with_crds, closing, tmp_path):
    groups = ["", "apps", "autoscaling", "discovery.k8s.io", "networking.istio.io", "security.istio.io", "flagger.app"]
    own = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
           {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"]}]
    everything = [*own, {"apiGroups": groups, "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    without = [*own, {"apiGroups": [group for group in groups if group != "networking.istio.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
               {"apiGroups": ["networking.istio.io"], "verbs": ["get", "list", "watch"],
                "resources": ["destinationrules", "serviceentries", "workloadentries", "sidecars"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}}
    with_crds.kubectl.apply({**role, "rules": everything})
    with_crds.request("POST", f"{RBAC}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "name": "reader"}]})
    mesh = ClusterMesh(with_crds, tmp_path, "reading", 18083, closing, user=("reader",))
    wait_until(lambda: mesh.wait_serving().served_by("v1"), "v1 serves")
    mesh.apply("", {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": "wrong"},
                    "spec": {"hosts": ["wrong"], "http": [{"route": [{"destination": {"host": "nowhere"}}]}]}})
    wait_until(lambda: 'cannot update resource "virtualservices/status" in API group "networking.istio.io" in the namespace "default"'
               in mesh.control.log, "a status that may not be written is in the log")
    with_crds.kubectl.apply({**role, "rules": without})
    with_crds.stop_server()  # which ends its watches: one that is under way outlives its permission
    with_crds.start_server()
    state = wait_until(lambda: (lambda kind: kind if kind["condition"] == "Forbidden" else None)(mesh.control.kind(ROUTES)),
                       lambda: str(mesh.control.kind(ROUTES)), 60)
    assert 'resource "virtualservices" in API group "networking.istio.io" at the cluster scope' in state["message"], state
    assert mesh.served_by("v1") and mesh.control.admin("/ready").status == 200
    mesh.route_to("v2")
    with_crds.kubectl.apply({**role, "rules": everything})
    wait_until(lambda: mesh.served_by("v2"), "what came meanwhile is in effect once it may be read", 60)


def test_what_an_api_server_fills_in_is_nothing_to_complain_about(with_crds, closing, tmp_path):
    space = "defaults"
    with_crds.namespace(space)
    meta = {"namespace": space, "labels": {"app": "web"}}
    ports = [{"name": "http", "port": 80}]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}
    with_crds.kubectl.apply(
        *({"apiVersion": "v1", "kind": "Service", "metadata": {**meta, "name": name}, "spec": {"selector": {"app": "web"}, "ports": ports, **spec}}
          for name, spec in {"web": {}, "node": {"type": "NodePort"}, "balanced": {"type": "LoadBalancer"}, "headless": {"clusterIP": "None"}}.items()),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**meta, "name": "web"},
         "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {**meta, "name": "web"}, "spec": {
            "maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}},
        {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {**meta, "name": "web"}, "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": {"port": 80}, "suspend": True,
            "analysis": {"interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10}}},
        {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {**meta, "name": "balanced"}, "spec": {
            "hosts": ["balanced"], "http": [{"route": [{"destination": {"host": "balanced"}}]}]}},
        {"apiVersion": ISTIO, "kind": "DestinationRule", "metadata": {**meta, "name": "balanced"}, "spec": {
            "host": "balanced", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 10}}}}},
        {"apiVersion": ISTIO, "kind": "ServiceEntry", "metadata": {**meta, "name": "outside"}, "spec": {
            "hosts": ["outside.example.org"], "resolution": "STATIC", "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": "192.0.2.1"}]}},
        {"apiVersion": ISTIO, "kind": "Sidecar", "metadata": {**meta, "name": "default"}, "spec": {"egress": [{"hosts": ["./*"]}]}},
        {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {**meta, "name": "default"}, "spec": {
            "mtls": {"mode": "PERMISSIVE"}}})
    control = closing(ClusterControl(tmp_path, with_crds.kubeconfig(*ADMIN), "--rollouts", "off"))
    wait_until(lambda: f"balanced.{space}.svc.cluster.local" in control.services(), "it has read them")
    assert [finding for finding in control.findings() if space in str(finding)] == []
