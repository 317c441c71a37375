"""docker/kubernetes as users apply it: what the API server thinks of it, and `remora-control` with exactly those arguments and rights.

The test plays kubelet, the network and the controllers. Everything that `remora-control` does in a cluster is made to happen, and the API server's
audit log is compared with the Roles: nothing is refused, and nothing is granted that is never used.
"""

import copy
import json
from types import SimpleNamespace

import pytest
from support.cluster_life import CANARIES, CONFIGS, SCALING, ClusterLife
from support.cluster_parts import run_pod
from support.installed import ACCOUNT, ADDRESS, MANIFESTS, NAME, NAMESPACE, Installed, audited_api, calls
from support.replicas import Replicas
from support.waiting import wait_until

RBAC = "/apis/rbac.authorization.k8s.io/v1"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"

# What is granted though what the test makes happen need not use it, with the reason to grant it.
UNUSED = {
    **{(group, resource, "get"): "read again where somebody changed the object while its status was written" for group, resource in (
        *(("networking.istio.io", each) for each in ("virtualservices", "destinationrules", "serviceentries", "workloadentries", "sidecars", "gateways")),
        ("security.istio.io", "peerauthentications"), ("security.istio.io", "requestauthentications"))},
    ("flagger.app", "canaries/finalizers", "update"): "no call of its own: the API server asks for it at others' creation, or the canaries below fail",
    ("", "events", "patch"): "what has happened again is counted",
}


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    folder.chmod(0o755)
    return folder


@pytest.fixture(name="kubernetes", scope="module")
def _kubernetes(network, folder):
    """In a network of the test's own, so that every port of the Deployment is free, and the pod's address is here."""
    network.ip(f"addr add {ADDRESS}/32 dev lo")
    with audited_api(folder) as api:
        yield api


@pytest.fixture(name="installed", scope="module")
def _installed(kubernetes, folder, module_closing):
    life = module_closing(ClusterLife(kubernetes))
    return Installed(folder, kubernetes, module_closing, life).wait_ready()


def test_it_is_applied_strictly_and_twice(installed):
    """The second time changes nothing."""
    again = installed.kubernetes.kubectl("apply", "--server-side", "--validate=strict", "-k", MANIFESTS)
    assert "created" not in str(again)


def test_the_probes_are_answered(installed):
    assert installed.probe("livenessProbe") == 200 and installed.probe("readinessProbe") == 200


def pod_of(deployment):
    """As the ReplicaSet controller makes it."""
    template = copy.deepcopy(deployment["spec"]["template"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "generateName": "remora-control-"}, "spec": template["spec"]}


def test_its_pods_are_admitted_where_pod_security_is_restricted(installed):
    path = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All"
    pod = pod_of(installed.deployment)
    admitted = installed.kubernetes.request("POST", path, pod)
    assert [each["name"] for each in admitted["spec"]["containers"]] == [NAME], "nobody injects the injector"
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(AssertionError, match="restricted"):
        installed.kubernetes.request("POST", path, pod)


def test_a_budget_and_a_spread_keep_a_replica_alive(installed):
    budget = installed.kubernetes.request("GET", f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/{NAME}")["spec"]
    labels = installed.deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert installed.deployment["spec"]["replicas"] > budget["minAvailable"] >= 1
    for spread in installed.pod["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"].items() <= labels.items()


# --- what it does with its rights ------------------------------------------------------------------------------------

FAULTY = {  # by resource: a spec that the API server takes, and of which a status has something to say
    "networking.istio.io/v1/virtualservices": {"hosts": ["x"], "http": [{"route": [{"destination": {"host": "nowhere"}}]}]},
    "networking.istio.io/v1/destinationrules": {"host": "x", "subsets": [{"name": "a", "labels": {"a": "b"}}, {"name": "a"}]},
    "networking.istio.io/v1/serviceentries": {"hosts": ["x.example"], "resolution": "DNS", "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]},
    "networking.istio.io/v1/workloadentries": {"address": "10.0.0.1", "network": "elsewhere"},
    "networking.istio.io/v1/sidecars": {"egress": [{"hosts": ["./*.*.example"]}]},
    "networking.istio.io/v1/gateways": {"servers": [{"port": {"number": 80, "name": "http", "protocol": "SMTP"}, "hosts": ["x.example"]}]},
    "security.istio.io/v1/peerauthentications": {"portLevelMtls": {"8080": {"mode": "STRICT"}}},
    "security.istio.io/v1/requestauthentications": {"jwtRules": [{"issuer": "who"}]},
}
KINDS = {"virtualservices": "VirtualService", "destinationrules": "DestinationRule", "serviceentries": "ServiceEntry",
         "workloadentries": "WorkloadEntry", "sidecars": "Sidecar", "gateways": "Gateway", "peerauthentications": "PeerAuthentication",
         "requestauthentications": "RequestAuthentication"}


def test_what_is_wrong_stands_in_the_status_of_every_kind(installed):
    paths = []
    for resource, spec in FAULTY.items():
        version, _, plural = resource.rpartition("/")
        paths.append(f"/apis/{version}/namespaces/default/{plural}/faulty")
        installed.kubernetes.request("POST", paths[-1].rpartition("/")[0], {
            "apiVersion": version, "kind": KINDS[plural], "metadata": {"name": "faulty"}, "spec": spec})
    for path in paths:
        wait_until(lambda path=path: installed.kubernetes.request("GET", path).get("status", {}).get("conditions"),
                   lambda path=path: f"{path}: {installed.kubernetes.request('GET', path)}\n{installed.control.tail()}")


def test_a_pod_gets_its_sidecar_through_the_service(installed):
    kubernetes = installed.kubernetes
    wait_until(lambda: all(hook["clientConfig"].get("caBundle") for hook in kubernetes.request("GET", f"{WEBHOOKS}/remora-sidecar-injector")["webhooks"]),
               lambda: f"the webhook's authority is known:\n{installed.control.tail()}")
    kubernetes.namespace("shop", **{"istio-injection": "enabled"})
    pod = kubernetes.request("POST", "/api/v1/namespaces/shop/pods", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {
            "serviceAccountName": "default", "containers": [{"name": "app", "image": "app"}]}})
    sidecar = next(each for each in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]] if each["name"] == "istio-proxy")
    assert sidecar["image"] == installed.container["image"], "the control plane's own"
    assert "remora-control.istio-system.svc" in json.dumps(sidecar["args"])


def test_a_proxy_comes_with_a_token_of_its_service_account(installed, closing, tmp_path):
    kubernetes = installed.kubernetes
    kubernetes.service_account("default", "caller")
    run_pod(kubernetes, "default", "caller", "10.244.9.9", {"app": "caller"}, account="caller")
    uid = kubernetes.request("GET", "/api/v1/namespaces/default/pods/caller")["metadata"]["uid"]
    replicas = Replicas(kubernetes, tmp_path, closing, NAMESPACE)
    proxy = replicas.sidecar(SimpleNamespace(xds_tls_port=15012), "caller", "10.244.9.9", "caller",
                             kubernetes.token("default", "caller", pod=("caller", uid)))
    wait_until(lambda: proxy.stat("control_plane.connected_state") == 1, lambda: proxy.tail())
    wait_until(lambda: "SYNCED" in installed.admin("/debug/syncz").text, lambda: installed.admin("/debug/syncz").text)


@pytest.fixture(name="rolled_out", scope="module")
def _rolled_out(installed):
    """A Deployment with all that a revision is made of, released once; and a DaemonSet."""
    installed.configure("configmaps", "api-settings", mode="old")
    installed.configure("secrets", "api-secret", word="old")
    installed.apply(f"{SCALING}/api", {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "minReplicas": 2, "maxReplicas": 4,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}})
    sources = [{"configMapRef": {"name": "api-settings"}}, {"secretRef": {"name": "api-secret"}}]
    analysis = {"interval": "10s", "stepWeight": 50, "maxWeight": 50, "metrics": []}
    installed.deploy("api", "app:1", settings=sources)
    installed.deploy("agent", "app:1", "DaemonSet")
    installed.kubernetes.request("POST", CANARIES, installed.canary("api", analysis=analysis, revertOnDeletion=True, autoscalerRef={
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "api"}))
    installed.kubernetes.request("POST", CANARIES, installed.canary("agent", "DaemonSet", analysis=analysis, skipAnalysis=True))
    for name, kind in (("api", "Deployment"), ("agent", "DaemonSet")):
        installed.wait_phase(name, "Initialized", seconds=120)
        installed.wait_rest(name, kind)
    installed.configure("configmaps", "api-settings", mode="new")
    installed.configure("secrets", "api-secret", word="new")
    installed.apply(f"{SCALING}/api", {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"},
                                       "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "maxReplicas": 6}})
    installed.apply(f"{CANARIES}/api", {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "api"}, "spec": {
        "service": {"apex": {"labels": {"side": "front"}}, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}}})
    installed.set_image("api", "app:2")
    installed.set_image("agent", "app:2", "DaemonSet")
    for name in ("api", "agent"):
        installed.wait_phase(name, "Succeeded", seconds=150)
    return installed


def test_canaries_are_driven(rolled_out):
    assert rolled_out.image("api-primary") == rolled_out.image("agent-primary", "DaemonSet") == "app:2"
    assert rolled_out.get(CONFIGS["configmaps"], "api-settings-primary")["data"] == {"mode": "new"}
    assert rolled_out.weights("api") == [("api-primary", 100), ("api-canary", 0)]
    rolled_out.kubernetes.kubectl("delete", "canary", "api", "-n", "default", "--timeout=60s")
    assert rolled_out.workload("api")["spec"]["replicas"] == 2


# --- and which it has ------------------------------------------------------------------------------------------------


def granted(kubernetes):
    """(API group, resource, verb) of every rule that is bound to it."""
    rules = []
    for binding in (*kubernetes.request("GET", f"{RBAC}/clusterrolebindings")["items"],
                    *kubernetes.request("GET", f"{RBAC}/namespaces/{NAMESPACE}/rolebindings")["items"]):
        if any(f"system:serviceaccount:{each.get('namespace')}:{each['name']}" == ACCOUNT for each in binding.get("subjects", [])):
            place = f"namespaces/{NAMESPACE}/roles" if binding["roleRef"]["kind"] == "Role" else "clusterroles"
            rules += kubernetes.request("GET", f"{RBAC}/{place}/{binding['roleRef']['name']}")["rules"]
    assert rules and not any("*" in str(rule) for rule in rules)
    return {(group, resource, verb) for rule in rules for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}


def test_its_rights_are_what_it_needs(rolled_out, folder):
    rolled_out.control.terminate()  # it gives the lease back
    events = calls(folder)
    assert len(events) > 100 and {each["user"]["username"] for each in events} == {ACCOUNT}
    refused = {(each["verb"], each["requestURI"].partition("?")[0]) for each in events
               if each["annotations"].get("authorization.k8s.io/decision") != "allow"}
    assert not refused
    used = {(each["objectRef"].get("apiGroup", ""), "/".join(filter(None, (each["objectRef"]["resource"], each["objectRef"].get("subresource")))),
             each["verb"]) for each in events if "objectRef" in each}
    rights = granted(rolled_out.kubernetes)
    assert used <= rights, used - rights
    assert set(UNUSED) <= rights, "each of them is granted"
    assert rights - used <= set(UNUSED), f"granted and not used: {sorted(rights - used - set(UNUSED))}"
