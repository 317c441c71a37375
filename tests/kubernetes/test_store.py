"""The mesh's resources in a real API server: read, followed, lost and found again; and what is not permitted or not there."""

import json

import pytest
from support.cluster_control import ClusterControl
from support.http_client import fetch
from support.proxy import ROOT
from support.waiting import wait_until

ISTIO = "networking.istio.io/v1"


@pytest.fixture(name="with_crds", scope="module")
def _with_crds(kubernetes):
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    return kubernetes


@pytest.fixture(name="control")
def _control(with_crds, closing, tmp_path):
    return closing(ClusterControl(tmp_path, with_crds.kubeconfig("admin", "system:masters")))


def service(kubernetes, name):
    kubernetes.request("POST", "/api/v1/namespaces/default/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80}]}})
    return f"{name}.default.svc.cluster.local"


def virtual_service(kubernetes, name, host):
    path = f"/apis/{ISTIO}/namespaces/default/virtualservices"
    kubernetes.request("POST", path, {
        "apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": name},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": host}}]}]}})
    return f"{path}/{name}"


def test_what_the_api_server_has_is_served_and_what_is_wrong_stands_in_the_status(with_crds, control):
    host = service(with_crds, "first")
    wait_until(lambda: host in control.services(), "the service is known")
    path = virtual_service(with_crds, "first", "nowhere")
    condition = wait_until(lambda: with_crds.request("GET", path).get("status", {}).get("conditions"), "a condition is written")[0]
    assert condition["type"] == "Reconciled" and condition["status"] == "False" and "nowhere" in condition["message"]
    with_crds.request("DELETE", "/api/v1/namespaces/default/services/first")
    wait_until(lambda: host not in control.services(), "the service is gone")


def test_the_server_goes_and_comes_back(with_crds, control):
    before = service(with_crds, "before")
    wait_until(lambda: before in control.services(), "the service is known")
    with_crds.stop_server()
    try:
        wait_until(lambda: "cannot connect" in control.kind("services")["message"], lambda: f"it is said: {control.kind('services')}")
        assert control.kind("services")["synced"] and before in control.services(), "what was read last is served"
        assert control.admin("/ready").status == 200
    finally:
        with_crds.start_server()
    after = service(with_crds, "after")
    wait_until(lambda: after in control.services(), "what came meanwhile is known", 60)
    control.wait_kind("services", "Watching")
    assert before in control.services()


def test_our_own_api_shows_the_objects_and_refuses_writes(with_crds, control):
    host = service(with_crds, "shown")
    wait_until(lambda: host in control.services(), "the service is known")
    target = "/api/v1/namespaces/default/services/shown"
    shown = json.loads(fetch(control.api_port, target, host="localhost").body)
    assert shown["metadata"]["uid"] == with_crds.request("GET", target)["metadata"]["uid"]
    refused = fetch(control.api_port, target, method="DELETE", host="localhost")
    assert refused.status == 403 and with_crds.url in refused.body.decode()


def test_without_permission_nothing_is_served_and_the_kind_is_named(with_crds, closing, tmp_path):
    control = closing(ClusterControl(tmp_path, with_crds.kubeconfig("nobody"), ready=False))
    state = control.wait_kind("services", "Forbidden")
    assert 'cannot list resource "services"' in state["message"], state
    page = control.admin("/ready")
    assert page.status == 503 and "virtualservices.networking.istio.io: Forbidden" in page.body.decode()
    assert control.admin("/healthz").status == 200
    assert not control.paths["xds"].exists(), "proxies keep what they have"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "nobody-reads"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": "nobody"}]}
    with_crds.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", role)
    wait_until(control.paths["xds"].exists, "it serves once it may read", 60)
