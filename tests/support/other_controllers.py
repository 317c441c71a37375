"""Stock Flagger and Argo Rollouts as a cluster runs them, the Prometheus they ask, and what is written while a canary is driven."""

import http.server
import json
import os
import pathlib
import threading
import urllib.error
import urllib.parse
import urllib.request

from support.cluster_life import CANARIES, ISTIO
from support.kubernetes import free_ports
from support.proxy import ROOT, Process

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def program(name):
    """The controller that `./dev test --kubernetes` builds, or None."""
    path = pathlib.Path(os.environ.get(f"REMORA_{name.upper()}", ROOT / "build" / "tools" / name))
    return path if path.exists() else None


class FakePrometheus:
    """Answers every query with what the test says: `success` in percent, `latency` in milliseconds. `queries`: what was asked."""

    def __init__(self):
        self.success, self.latency, self.queries = 100.0, 10.0, []
        prometheus = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                self.reply(urllib.parse.urlsplit(self.path).query)

            def do_POST(self):  # pylint: disable=invalid-name
                self.reply(self.rfile.read(int(self.headers.get("content-length", 0))).decode())

            def reply(self, form):
                body = json.dumps(prometheus.answer(urllib.parse.parse_qs(form).get("query", [""])[0])).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, query):
        text = " ".join(query.split())
        if text == "vector(1)":  # whether anybody is here
            value = 1.0
        else:
            value = self.latency if "histogram_quantile" in text else self.success
            self.queries.append(text)
        return {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, str(value)]}]}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Flagger(Process):
    def __init__(self, kubeconfig, prometheus):
        (port,) = free_ports(1)
        super().__init__("flagger", [
            program("flagger"), "-kubeconfig", kubeconfig, "-metrics-server", prometheus.url, "-mesh-provider", "istio",
            "-namespace", "default", "-port", port, "-log-level", "info"])


class ArgoRollouts(Process):
    def __init__(self, kubeconfig):
        metrics, health = free_ports(2)
        super().__init__("argo-rollouts", [
            program("argo_rollouts"), "--kubeconfig", kubeconfig, "--leader-elect=false", "--namespace", "default",
            "--metricsport", metrics, "--healthzPort", health, "--istio-api-version", "v1"], environment={"POD_NAMESPACE": "default"})


def define_argo_kinds(kubernetes):
    """Argo's kinds, of any content: its controller reads them strictly itself."""
    for kind, plural, scope in (("Rollout", "rollouts", "Namespaced"), ("AnalysisRun", "analysisruns", "Namespaced"),
                                ("AnalysisTemplate", "analysistemplates", "Namespaced"), ("Experiment", "experiments", "Namespaced"),
                                ("ClusterAnalysisTemplate", "clusteranalysistemplates", "Cluster")):
        subresources = {"status": {}}
        if kind == "Rollout":
            subresources["scale"] = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.HPAReplicas",
                                     "labelSelectorPath": ".status.selector"}
        kubernetes.request("POST", DEFINITIONS, {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.argoproj.io"},
            "spec": {"group": "argoproj.io", "scope": scope, "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                     "versions": [{"name": "v1alpha1", "served": True, "storage": True, "subresources": subresources, "schema": {
                         "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})


class Recorder:
    """Every state of a VirtualService's weights and of a Canary's phase, as the API server tells of them."""

    def __init__(self, kubernetes, name):
        self.kubernetes, self.name = kubernetes, name
        self.weights, self.phases = [], []
        for path, read in ((f"{ISTIO}/virtualservices", self._weight), (CANARIES, self._phase)):
            threading.Thread(target=self._follow, args=(path, read), daemon=True).start()

    def clear(self):
        """Forgets all but the newest."""
        del self.weights[:-1], self.phases[:-1]

    def _weight(self, thing):
        routes = thing["spec"].get("http") or thing["spec"].get("tcp") or [{}]
        return self.weights, tuple(to.get("weight", 0) for to in routes[-1].get("route", []))

    def _phase(self, thing):
        return self.phases, thing.get("status", {}).get("phase")

    def _follow(self, path, read):
        """Lists, and watches from there, until the API server is gone. Watches are short: one that began on the storage that a definition
        had a moment ago tells nothing."""
        version = None
        while True:
            try:
                if version is None:
                    listed = self._get(path)
                    version = listed["metadata"]["resourceVersion"]
                    for thing in listed["items"]:
                        self._add(*read(thing))
                version = self._watch(path, read, version)
            except urllib.error.HTTPError as refused:
                refused.close()
                threading.Event().wait(0.1)
            except OSError:
                return

    def _get(self, path):
        with self._open(path) as answer:
            return json.load(answer)

    def _watch(self, path, read, version):
        """The version of the last event; None where the server has forgotten `version`."""
        with self._open(path, f"&watch=1&timeoutSeconds=3&resourceVersion={version}") as stream:
            for line in stream:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return None
                self._add(*read(event["object"]))
                version = event["object"]["metadata"]["resourceVersion"]
        return version

    def _open(self, path, more=""):
        return urllib.request.urlopen(f"{self.kubernetes.url}{path}?fieldSelector=metadata.name={self.name}{more}", context=self.kubernetes.context())

    @staticmethod
    def _add(seen, value):
        if value and (not seen or seen[-1] != value):
            seen.append(value)
