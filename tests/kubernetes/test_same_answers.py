"""kubectl gets the same answers from remora-control's own API as from Kubernetes', word for word."""

import re

import pytest

from support.kubectl import Kubectl
from support.mesh import ControlPlane
from support.proxy import ROOT
from support.waiting import wait_until

NAMESPACE = "same"


def meta(name, **more):
    return {"name": name, "namespace": NAMESPACE, **more}


LABELS = {"app": "web", "tier": "front"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [
    {"name": "web", "image": "web:1", "ports": [{"containerPort": 8080}]}, {"name": "log", "image": "log:2"}]}}
ISTIO = "networking.istio.io/v1"

OBJECTS = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("settings"), "data": {"a": "1", "b": "2"}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": meta("password"), "type": "Opaque", "data": {"p": "cGFzcw=="}},
    {"apiVersion": "v1", "kind": "Service", "metadata": meta("web", labels=LABELS),
     "spec": {"clusterIP": "10.96.11.12", "selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": 8080},
                                                                        {"name": "tls", "port": 443, "targetPort": 8443}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": meta("headless"),
     "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 9090}]}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("web", labels=LABELS),
     "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}},
    {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": meta("web"),
     "spec": {"hosts": ["web", "web.example.org"], "gateways": ["mesh", "front"], "http": [{"route": [{"destination": {"host": "web"}}]}]}},
    {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": meta("plain"),
     "spec": {"hosts": ["plain"], "http": [{"route": [{"destination": {"host": "web"}}]}]}},
    {"apiVersion": ISTIO, "kind": "DestinationRule", "metadata": meta("web"),
     "spec": {"host": "web", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}},
    {"apiVersion": ISTIO, "kind": "ServiceEntry", "metadata": meta("outside"),
     "spec": {"hosts": ["api.example.org"], "location": "MESH_EXTERNAL", "resolution": "STATIC",
              "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}], "endpoints": [{"address": "192.0.2.1"}]}},
    {"apiVersion": ISTIO, "kind": "WorkloadEntry", "metadata": meta("vm"), "spec": {"address": "192.0.2.2", "labels": LABELS}},
    {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": meta("strict"), "spec": {"mtls": {"mode": "STRICT"}}},
    {"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": meta("tokens"),
     "spec": {"jwtRules": [{"issuer": "who", "jwks": "{}"}]}},
    {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": meta("errors"),
     "spec": {"provider": {"type": "prometheus", "address": "http://prometheus:9090"}, "query": "vector(1)"}},
    {"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": meta("chat"),
     "spec": {"type": "slack", "address": "http://chat.example.org/hook"}},
    {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": meta("idle"),
     "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"}, "service": {"port": 80}, "suspend": True,
              "analysis": {"interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10}}},
]
KINDS = ["configmaps", "secrets", "services", "deployments", "virtualservices", "destinationrules", "serviceentries", "workloadentries",
         "peerauthentications", "requestauthentications", "metrictemplates", "alertproviders"]


class Both:
    """One kubectl for each of the two servers."""

    def __init__(self, real, ours):
        self.real, self.ours = real, ours

    def run(self, *words, stdin=None):
        """What each prints, without what differs by nature: exit code and text."""
        return [spoken(each.run(*words, stdin=stdin)) for each in (self.real, self.ours)]

    def same_refusal(self, *words, stdin=None):
        real, ours = outline(self.run(*words, stdin=stdin))
        assert ours == real and real[0] != 0, f"kubectl {words}"

    def same(self, *words, stdin=None):
        real, ours = self.run(*words, stdin=stdin)
        assert ours == real, f"kubectl {words}"
        return real


# What follows these words is an explanation, which each server gives in words of its own.
EXPLAINED = re.compile(r'.*?(Invalid value: "[^"]*"|error in our request|field selector ""|Operation cannot be fulfilled on [^:]*)', re.S)


def outline(answers):
    """Exit codes, and what is refused without the explanation."""
    return [(code, found.group() if (found := EXPLAINED.match(text)) else text) for code, text in answers]


def spoken(done):
    # We also warn where Kubernetes has nothing to say.
    text = done.stdout + "".join(line for line in done.stderr.splitlines(True) if not line.startswith("Warning: "))
    text = re.sub(r"\b\d+(s|m\d+s|m|h)\b", "AGE", text)  # ages
    text = re.sub(r"  +", "  ", text)  # a column is as wide as its widest age
    return done.returncode, text


@pytest.fixture(scope="module")
def both(kubernetes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("same") / "config"
    folder.mkdir()
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    with ControlPlane(folder) as control:
        both = Both(kubernetes.kubectl, Kubectl(tmp_path_factory.mktemp("home"), f"127.0.0.1:{control.api_port}"))
        both.same("create", "namespace", NAMESPACE)
        for each in (both.real, both.ours):
            each("config", "set-context", "--current", f"--namespace={NAMESPACE}")
            wait_until(lambda kubectl=each: kubectl.run("get", "virtualservices,canaries").returncode == 0, "the kinds are served")
        yield both


@pytest.fixture(scope="module")
def filled(both):
    for thing in OBJECTS:
        both.same("apply", "-f", "-", stdin=thing)
    return both


@pytest.mark.parametrize("kind", KINDS)
class TestTables:
    def test_of_a_kind(self, filled, kind):
        filled.same("get", kind)

    def test_wide(self, filled, kind):
        filled.same("get", kind, "-o", "wide")

    def test_names_and_labels(self, filled, kind):
        filled.same("get", kind, "-o", "name")
        filled.same("get", kind, "--show-labels", "--no-headers")

    def test_of_all_namespaces(self, filled, kind):
        mine = [[line for line in text.splitlines() if line.startswith((NAMESPACE + " ", "NAMESPACE"))]
                for _, text in filled.run("get", kind, "-A")]
        assert mine[0] == mine[1]

    def test_selected(self, filled, kind):
        filled.same("get", kind, "-l", "app=web", "-o", "name")
        filled.same("get", kind, "--field-selector", "metadata.name=web", "-o", "name")


def stable(kubectl, kind, name):
    """An object without what no two servers can agree on."""
    found = kubectl.get(kind, name)
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        found["metadata"].pop(field, None)
    found.pop("status", None)  # remora-control says there whether the object is in effect
    return found


class TestObjects:
    @pytest.mark.parametrize("kind, name", [("cm", "settings"), ("secret", "password"), ("vs", "web"), ("dr", "web"), ("se", "outside"),
                                            ("we", "vm"), ("pa", "strict"), ("metrictemplate", "errors")])
    def test_are_kept_as_they_came(self, filled, kind, name):
        assert stable(filled.ours, kind, name) == stable(filled.real, kind, name)

    def test_canaries_print_alike_but_for_what_a_rollout_adds(self, filled):
        real, ours = (text.splitlines()[0] for _, text in filled.run("get", "canaries", "-o", "wide"))
        assert ours.split() == real.split()


class TestRefusals:
    @pytest.mark.parametrize("words", [
        ("get", "vs", "nobody"), ("get", "nothings"), ("delete", "svc", "nobody"), ("get", "vs", "-n", "nowhere"),
        ("patch", "vs", "nobody", "--type=merge", "-p", "{}"), ("label", "vs", "web", "-l?"),
        ("get", "vs", "--field-selector", "spec.hosts=a")], ids=" ".join)
    def test_in_the_same_words(self, filled, words):
        code, text = filled.same(*words)
        assert text and (code != 0 or "No resources found" in text)

    @pytest.mark.parametrize("words", [
        ("patch", "vs", "web", "--type=json", "-p", '[{"op": "remove", "path": "/spec/nothing"}]'), ("label", "vs", "web", "bad key=1"),
        ("get", "vs", "-l", "a in b")], ids=" ".join)
    def test_with_another_explanation(self, filled, words):
        filled.same_refusal(*words)

    def test_what_is_there_cannot_be_created(self, filled):
        filled.same("create", "-f", "-", stdin=OBJECTS[0])
        filled.same("create", "-f", "-", stdin=OBJECTS[5])

    def test_a_name_that_is_none(self, filled):
        filled.same_refusal("create", "-f", "-", stdin={**OBJECTS[5], "metadata": meta("Not_A_Name")})
        filled.same_refusal("create", "-f", "-", stdin={**OBJECTS[0], "metadata": meta("Not_A_Name")})

    def test_an_old_version_is_a_conflict(self, filled):
        old = [each.get("cm", "settings") for each in (filled.real, filled.ours)]
        filled.same("annotate", "cm", "settings", "seen=1")
        said = [spoken(each.run("replace", "-f", "-", stdin=thing)) for each, thing in zip((filled.real, filled.ours), old)]
        assert outline(said)[0] == outline(said)[1] and "the object has been modified" in said[0][1]


class TestChanges:
    @pytest.mark.parametrize("words", [
        ("label", "vs", "web", "colour=blue"), ("label", "vs", "web", "colour=blue"), ("label", "vs", "web", "colour=green"),
        ("label", "vs", "web", "--overwrite", "colour=green"), ("label", "vs", "web", "colour-"), ("annotate", "dr", "web", "note=x"),
        ("patch", "svc", "web", "-p", '{"spec":{"ports":[{"port":443,"name":"https"}]}}'),
        # Kubernetes fills defaults in ("protocol": "TCP"); we show what was written.
        ("get", "svc", "web", "-o", "jsonpath={.spec.ports[*].name} {.spec.ports[*].targetPort}"),
        ("patch", "deploy", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"log","image":"log:3"}]}}}}'),
        ("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}"),
        ("patch", "vs", "web", "--type=merge", "-p", '{"spec":{"hosts":["web"]}}'),
        ("patch", "vs", "web", "--type=json", "-p", '[{"op":"add","path":"/spec/hosts/-","value":"more"}]'),
        ("get", "vs", "web", "-o", "jsonpath={.spec.hosts}"), ("get", "vs", "web", "-o", "jsonpath={.metadata.generation}"),
        ("delete", "vs", "plain"), ("delete", "vs", "plain", "--ignore-not-found"), ("delete", "cm", "-l", "nobody=here"),
        ("delete", "we", "--all")], ids=" ".join)
    def test_say_the_same(self, filled, words):
        filled.same(*words)
