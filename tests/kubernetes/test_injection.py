"""A real API server takes what `remoractl inject` prints, strictly; and it asks the webhook of `remora-control` about pods."""

import base64
import subprocess

import pytest
import yaml

from support.admission import Webhook
from support.certificates import Authority
from support.cluster_control import ClusterControl
from support.proxy import ROOT, bin_dir
from support.waiting import wait_until

CONFIGURATION = "remora-sidecar-injector"
NAMESPACE = "istio-system"
AUTHORITY = f"/api/v1/namespaces/{NAMESPACE}/secrets/istio-ca-secret"
INSTALLED = list(yaml.safe_load_all((ROOT / "docker" / "kubernetes" / "remora.yaml").read_text()))

POD = {"containers": [{"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}],
                       "livenessProbe": {"httpGet": {"port": "http", "path": "/live"}}, "readinessProbe": {"grpc": {"port": 9000}}}]}


def deployment(**annotations):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}, "annotations": annotations}, "spec": POD}}}


@pytest.mark.parametrize("arguments, annotations", [
    ((), {}), (("--no-native-sidecar",), {}), ((), {"sidecar.istio.io/interceptionMode": "TPROXY", "sidecar.istio.io/proxyCPU": "250m"})])
def test_the_api_server_takes_an_injected_deployment(kubernetes, tmp_path, arguments, annotations):
    root = Authority(tmp_path / "pki", "mesh").certificate
    printed = subprocess.run([bin_dir() / "remoractl", "inject", "-f", "-", "--ca-root-file", root, *arguments], check=True,
                             input=yaml.safe_dump(deployment(**annotations)), capture_output=True, text=True, timeout=30).stdout
    kubernetes.kubectl("apply", "--validate=strict", "-f", "-", stdin=printed)
    names = [each["name"] for each in kubernetes.kubectl.get("deployment", "web")["spec"]["template"]["spec"]["initContainers"]]
    assert names == (["istio-init"] if arguments else ["istio-init", "istio-proxy"])


def of_kind(*kinds):
    """What the installation's manifests say of these kinds."""
    return [thing for thing in INSTALLED if thing and thing["kind"] in kinds]


def bound_to_user(binding):
    """The rights of the installation for a user of the API server instead of a service account."""
    subject = {"kind": "User", "name": "remora-control", "apiGroup": "rbac.authorization.k8s.io"}
    return {**binding, "subjects": [subject]}


class Cluster:
    """An API server with the webhook of a running `remora-control`, installed as the manifests say, with no more rights."""

    def __init__(self, kubernetes, closing, folder):
        self.kubernetes, self.kubectl = kubernetes, kubernetes.kubectl
        self.address_path = folder / "webhook-address"
        kubernetes.namespace(NAMESPACE)
        self.kubectl.apply(*of_kind("Role", "ClusterRole"), *map(bound_to_user, of_kind("RoleBinding", "ClusterRoleBinding")))
        (folder / "settings.yaml").write_text(next(
            thing["data"]["settings.yaml"] for thing in of_kind("ConfigMap") if thing["metadata"]["name"] == CONFIGURATION))
        self.control = closing(ClusterControl(
            folder, kubernetes.kubeconfig("remora-control"), "--webhook-address", "127.0.0.1:0", "--webhook-address-path", self.address_path,
            "--webhook-configuration", CONFIGURATION, "--injection-settings", folder / "settings.yaml", "--cert-lifetime", "8s",
            ready=False, environment={"POD_NAMESPACE": NAMESPACE, "POD_NAME": "remora-control-1"}))
        self.port = wait_until(lambda: self.control.address_in(self.address_path), lambda: f"the webhook:\n{self.control.tail()}", 60)
        self.root = base64.b64decode(kubernetes.request("GET", AUTHORITY)["data"]["ca-cert.pem"])
        (folder / "root.pem").write_bytes(self.root)
        self.hook = Webhook(self.port, folder / "root.pem")
        self.configure()

    def configure(self):
        """There is no Service in this cluster that would lead anywhere: the webhook has an address instead."""
        (configuration,) = of_kind("MutatingWebhookConfiguration")
        webhooks = [{**entry, "clientConfig": {"url": f"https://127.0.0.1:{self.port}/inject"}} for entry in configuration["webhooks"]]
        self.kubectl.apply({**configuration, "webhooks": webhooks})
        self.wait_bundle()

    def bundles(self):
        entries = self.kubectl.get("mutatingwebhookconfiguration", CONFIGURATION)["webhooks"]
        return {base64.b64decode(entry["clientConfig"].get("caBundle", "")) for entry in entries}

    def wait_bundle(self):
        wait_until(lambda: self.bundles() == {self.root}, lambda: f"our caBundle:\n{self.control.tail()}")

    def run(self, namespace, name, labels=None, annotations=None):
        """A pod as the API server keeps it: the names of its containers that come with the sidecar."""
        self.kubectl("create", "-f", "-", stdin=self.pod(namespace, name, labels, annotations))
        spec = self.kubectl.get("pod", name, "-n", namespace)["spec"]
        assert [each["name"] for each in spec["containers"]] == ["app"]
        return [each["name"] for each in spec.get("initContainers", [])]

    def pod(self, namespace, name, labels=None, annotations=None):
        """Its service account is named: the plugin of the API server that would do so is off in these tests."""
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": name, "namespace": namespace, "labels": labels or {}, "annotations": annotations or {}},
            "spec": {"serviceAccountName": "default", **POD}}


SIDECAR = ["istio-init", "istio-proxy"]


@pytest.fixture(name="cluster", scope="module")
def _cluster(kubernetes, tmp_path_factory, module_closing):
    yield Cluster(kubernetes, module_closing, tmp_path_factory.mktemp("control"))
    kubernetes.kubectl("delete", "mutatingwebhookconfiguration", CONFIGURATION, "--ignore-not-found")


def test_a_pod_of_a_labelled_namespace_comes_back_with_its_sidecar(cluster):
    cluster.kubernetes.namespace("shop", **{"istio-injection": "enabled"})
    assert cluster.run("shop", "web") == SIDECAR
    made = cluster.kubectl.get("pod", "web", "-n", "shop")
    assert made["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    assert made["spec"]["containers"][0]["livenessProbe"]["httpGet"]["port"] == 15020
    assert made["metadata"]["labels"]["security.istio.io/tlsMode"] == "istio"
    assert cluster.run("shop", "other", {"app": "other"}) == SIDECAR


def test_labels_of_pods_and_namespaces_say_who_is_asked_about(cluster):
    for name, labels in {"in": {"istio-injection": "enabled"}, "none": {}, "off": {"istio-injection": "disabled"},
                         "rev": {"istio.io/rev": "default"}, "other-rev": {"istio.io/rev": "canary"}}.items():
        cluster.kubernetes.namespace(f"by-{name}", **labels)
    wanted, refused, revision = {"sidecar.istio.io/inject": "true"}, {"sidecar.istio.io/inject": "false"}, {"istio.io/rev": "default"}
    assert cluster.run("by-in", "refused", refused) == []
    assert cluster.run("by-none", "plain") == []
    assert cluster.run("by-none", "wanted", wanted) == SIDECAR
    assert cluster.run("by-none", "revised", revision) == SIDECAR
    assert cluster.run("by-none", "other", {"istio.io/rev": "canary"}) == []
    assert cluster.run("by-off", "wanted", wanted) == []
    assert cluster.run("by-rev", "plain") == SIDECAR
    assert cluster.run("by-rev", "refused", refused) == []
    assert cluster.run("by-other-rev", "plain") == []


def test_what_makes_no_sense_is_refused_in_words(cluster):
    cluster.kubernetes.namespace("nonsense", **{"istio-injection": "enabled"})
    text = cluster.kubectl.fails("create", "-f", "-", stdin=cluster.pod(
        "nonsense", "bad", annotations={"sidecar.istio.io/proxyCPU": "much"}))
    assert 'sidecar: sidecar.istio.io/proxyCPU: "much" is no amount' in text


def events_of(cluster, namespace):
    """Reason, about whom, message."""
    return {(each["reason"], f"{each['involvedObject']['kind']} {each['involvedObject']['name']}", each["message"])
            for each in cluster.kubectl.get("events", "-n", namespace)}


def test_what_is_wrong_with_pods_is_told_of_their_workload(cluster):
    cluster.kubernetes.namespace("told", **{"istio-injection": "enabled"})
    owned = cluster.pod("told", "web-1", annotations={"sidecar.istio.io/proxyCPU": "much"})
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "6d4cf56d-0000-0000-0000-000000000001", "controller": True}]
    for more in (("--dry-run=server",), (), ()):
        cluster.kubectl.fails("create", "-f", "-", *more, stdin=owned)
    assert cluster.run("told", "odd", annotations={"sidecar.istio.io/agentLogLevel": "debug"}) == SIDECAR
    expected = {
        ("InjectionRefused", "ReplicaSet web", 'sidecar: sidecar.istio.io/proxyCPU: "much" is no amount, as in 100m or 128Mi'),
        ("InjectionIncomplete", "Pod odd", "sidecar: sidecar.istio.io/agentLogLevel: is not implemented and has no effect")}
    wait_until(lambda: events_of(cluster, "told") == expected, lambda: f"they are told: {events_of(cluster, 'told')}\n{cluster.control.tail()}")

    def times():
        return sorted(each["count"] for each in cluster.kubectl.get("events", "-n", "told"))
    wait_until(lambda: times() == [1, 2], lambda: f"the dry run does not count: {times()}")


def test_certificate_changes_while_pods_are_made(cluster):
    cluster.kubernetes.namespace("rotation", **{"istio-injection": "enabled"})
    first, seen, number = cluster.hook.certificate()["serialNumber"], set(), 0
    while len(seen - {first}) < 2:
        number += 1
        assert number < 500, "the certificate never changed"
        assert cluster.run("rotation", f"web-{number}") == SIDECAR
        seen.add(cluster.hook.certificate()["serialNumber"])
    assert cluster.bundles() == {cluster.root}, "the authority is the same"


def test_a_broken_bundle_is_mended(cluster, tmp_path):
    cluster.kubernetes.namespace("mended", **{"istio-injection": "enabled"})
    stranger = base64.b64encode(Authority(tmp_path / "pki", "stranger").certificate.read_bytes()).decode()
    for index in (2, 0):
        cluster.kubectl("patch", "mutatingwebhookconfiguration", CONFIGURATION, "--type=json", "-p", yaml.safe_dump(
            [{"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": stranger}]))
        cluster.wait_bundle()
    cluster.kubectl("delete", "mutatingwebhookconfiguration", CONFIGURATION)
    wait_until(lambda: "is gone" in cluster.control.log, "it is said")
    cluster.configure()
    wait_until(lambda: cluster.kubectl.run("create", "-f", "-", stdin=cluster.pod("mended", "web")).returncode == 0, "API server has heard")
    spec = cluster.kubectl.get("pod", "web", "-n", "mended")["spec"]
    assert [each["name"] for each in spec["initContainers"]] == SIDECAR


def test_without_the_webhook_no_pod_slips_through(cluster):
    """failurePolicy Fail: a pod without its sidecar would speak plain text where the mesh expects none."""
    cluster.kubernetes.namespace("strict", **{"istio-injection": "enabled"})
    cluster.control.terminate()
    text = cluster.kubectl.fails("create", "-f", "-", stdin=cluster.pod("strict", "web"))
    assert "failed calling webhook" in text and "sidecar-injector.istio.io" in text
