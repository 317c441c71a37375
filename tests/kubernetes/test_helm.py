"""The chart of docker/helm, by the real Helm: judged, rendered with several values, refused with bad ones, installed and taken away."""

import subprocess

import pytest
import yaml
from support.helm import CHART, Helm, helm_binary
from support.proxy import ROOT, Process, bin_dir
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(helm_binary() is None, reason="no helm here: `./dev test --kubernetes` builds it")

VALUE_SETS = {
    "defaults": {},
    "one replica": {"replicas": 1},
    "no canaries": {"rollouts": {"enabled": False}},
    "no injection": {"injection": {"enabled": False}},
    "a revision": {"injection.revision": "canary", "injection.failurePolicy": "Ignore", "injection.settings": {
        "logLevel": "debug", "resources": {"requests": {"cpu": "50m"}}, "interception": {"mode": "TPROXY"}}},
    "all else": {
        "image": {"repository": "registry.example/mesh/remora", "tag": "0.1.0-rc.1", "pullPolicy": "Always", "pullSecrets": ["registry"]},
        "replicas": 3, "resources": {"limits": {"memory": "4Gi"}}, "logLevel": "debug", "plaintextXds": True, "listenAddress": "[::]",
        "mesh": {"trustDomain": "mesh.example", "outboundTrafficPolicy": "REGISTRY_ONLY", "autoMtls": False,
                 "protocolDetectionTimeout": "2s", "certificateLifetime": "1h30m"},
        "disruptionBudget": {"minAvailable": "50%"}, "scrapeAnnotations": False, "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "only", "operator": "Exists"}], "podLabels": {"team": "mesh"},
        "podAnnotations": {"note": "kept"}, "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "preference": {"matchExpressions": [{"key": "fast", "operator": "Exists"}]}}]}}},
}
REFUSED = {  # values, and what the refusal names
    "replicas": (0, "/replicas"), "image.pullPolicy": ("Sometimes", "/image/pullPolicy"), "image.tag": ("a b", "/image/tag"),
    "mesh.trustDomain": ("Upper.Case", "/mesh/trustDomain"), "mesh.trustdomain": ("lower.case", "'trustdomain'"),
    "mesh.outboundTrafficPolicy": ("DENY", "/mesh/outboundTrafficPolicy"), "mesh.certificateLifetime": (60, "/mesh/certificateLifetime"),
    "resources.requests.cpu": ("lots", "/resources/requests/cpu"), "injection.revision": ("A_b", "/injection/revision"),
    "injection.failurePolicy": ("Maybe", "/injection/failurePolicy"), "injection.settings.resuorces": ({}, "'resuorces'"),
    "injection.settings.interception.mode": ("NAT", "/injection/settings/interception/mode"), "listenAddress": ("10.0.0.1", "/listenAddress"),
    "disruptionBudget.minAvailable": ("most", "/disruptionBudget/minAvailable"), "nonsense": (1, "'nonsense'"),
}


@pytest.fixture(name="helm", scope="module")
def _helm(tmp_path_factory):
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(name="cluster", scope="module")
def _cluster(kubernetes):
    kubernetes.namespace("istio-system", **{"pod-security.kubernetes.io/enforce": "restricted"})
    return kubernetes


def test_helm_finds_nothing_wrong(helm):
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART)


def test_the_manifests_are_the_chart_with_its_default_values(helm):
    """./dev manifests writes them."""
    committed = [each for each in yaml.safe_load_all((ROOT / "docker" / "kubernetes" / "remora.yaml").read_text()) if each]
    assert committed == helm.template()


def test_a_package_brings_the_resource_definitions_along(helm, tmp_path):
    helm("package", CHART, "--destination", tmp_path)
    text = helm("show", "crds", next(tmp_path.glob("remora-*.tgz")))
    printed = subprocess.run([bin_dir() / "remoractl", "crds"], check=True, capture_output=True, text=True).stdout
    assert list(filter(None, yaml.safe_load_all(text))) == list(yaml.safe_load_all(printed))


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_the_api_server_takes_every_choice(helm, cluster, values, tmp_path):
    objects = helm.template(values)
    path = tmp_path / "rendered.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    cluster.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", path)
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    if "priorityClassName" not in template["spec"]:  # that one must be there for a pod of it
        cluster.request("POST", "/api/v1/namespaces/istio-system/pods?dryRun=All", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "one"}, "spec": template["spec"]})
    arguments = template["spec"]["containers"][0]["args"]
    asked = subprocess.run([bin_dir() / "remora-control", *arguments], capture_output=True, text=True, env={})
    assert asked.returncode == 1 and "KUBERNETES_SERVICE_HOST" in asked.stderr, f"remora-control takes the arguments: {asked.stderr}"


@pytest.mark.parametrize("name, bad", REFUSED.items(), ids=REFUSED)
def test_wrong_values_are_refused_by_name(helm, name, bad):
    value, named = bad
    done = helm.run("template", "remora", CHART, *helm.values({name: value}))
    assert done.returncode != 0 and named in done.stderr, done


EVERY_SETTING = {
    "image": "other:1", "imagePullPolicy": "Always", "discoveryAddress": "control.example:15012", "clusterID": "east", "meshID": "mesh",
    "addressFamily": "dual", "logLevel": "debug", "componentLogLevel": "http:debug", "nativeSidecar": False,
    "holdApplicationUntilProxyStarts": False, "rewriteAppHTTPProbers": False, "enablePrometheusMerge": False, "concurrency": 2,
    "terminationDrainDuration": "20s", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
    "interception": {"mode": "TPROXY", "includeOutboundIPRanges": "10.0.0.0/8", "excludeOutboundIPRanges": "10.1.0.0/16",
                     "includeInboundPorts": "*", "excludeInboundPorts": "22", "includeOutboundPorts": "9000", "excludeOutboundPorts": "25",
                     "excludeInterfaces": "eth1"},
    "readiness": {"enabled": True, "initialDelaySeconds": 2, "periodSeconds": 3, "failureThreshold": 5}}


@pytest.mark.parametrize("values", [{}, {"injection.settings": EVERY_SETTING}], ids=["defaults", "every setting"])
def test_remora_control_takes_the_settings_of_sidecars(helm, closing, tmp_path, values):
    config = next(each for each in helm.template(values) if each["kind"] == "ConfigMap")
    (tmp_path / "settings.yaml").write_text(config["data"]["settings.yaml"])
    listening = tmp_path / "webhook-address"
    process = closing(Process("settings", [
        bin_dir() / "remora-control", "--store", tmp_path / "store", "--trust-loopback", "--injection-settings", tmp_path / "settings.yaml",
        *(word for name in ("xds", "admin", "api", "webhook") for word in (f"--{name}-address", "127.0.0.1:0")),
        "--webhook-address-path", listening]))
    wait_until(lambda: listening.exists() or not process.running, process.tail)
    assert process.running, process.tail()


def test_what_is_switched_off_needs_no_rights(helm):
    def rights(values):
        role = next(each for each in helm.template(values) if each["kind"] == "ClusterRole")
        return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    without = rights({"rollouts": {"enabled": False}})
    assert {each for each in rights({}) if each[0] == "configmaps"} and not {each for each in without if each[0] in ("configmaps", "deployments", "canaries")}
    assert {each for each in without if each[0] == "secrets"} == {("secrets", "get")}, "gateways name their certificates"
    neither = rights({"rollouts": {"enabled": False}, "gateways": {"credentials": False}})
    assert not {each for each in neither if each[0] == "secrets"}
    assert not {each for each in without if each[1] in ("create", "update") and each[0] in ("services", "virtualservices")}
    assert not {each for each in rights({"injection": {"enabled": False}}) if each[0] == "mutatingwebhookconfigurations"}


def test_an_installation_comes_and_goes(cluster, tmp_path):
    helm = Helm(tmp_path, cluster.kubeconfig("admin", "system:masters"))
    helm("install", "remora", CHART, "--namespace", "istio-system", "--set", "replicas=2")
    kinds = "deployment,service,serviceaccount,role,rolebinding,poddisruptionbudget,configmap"
    made = cluster.kubectl("get", kinds, "-n", "istio-system", "-l", "app.kubernetes.io/part-of=remora", "-o", "name")
    assert "deployment.apps/remora-control" in str(made)
    assert len(cluster.kubectl.get("crd")) > 8
    hooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/remora-sidecar-injector"
    cluster.request("PATCH", hooks, [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "b3Vycw=="}], "application/json-patch+json")
    helm("upgrade", "remora", CHART, "--namespace", "istio-system", "--set", "replicas=3")
    assert cluster.request("GET", hooks)["webhooks"][0]["clientConfig"].get("caBundle") == "b3Vycw==", "an upgrade leaves remora-control's word alone"
    helm("uninstall", "remora", "--namespace", "istio-system")
    left = cluster.kubectl("get", kinds, "-n", "istio-system", "-l", "app.kubernetes.io/part-of=remora", "-o", "name")
    assert "remora" not in str(left)
    assert len(cluster.kubectl.get("crd")) > 8, "the mesh's objects outlive the program"
