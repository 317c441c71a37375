"""What a cluster makes of Deployments, DaemonSets, ReplicaSets and Services: pods that are real servers, endpoints, statuses, garbage.

    with network_of_pods(), KubernetesApi() as kubernetes:
        life = closing(ClusterLife(kubernetes))

It plays the controllers and kubelet of one node. A pod's image says how it serves: `app:2` answers with "2", one with `bad` in its name
fails every other request, one with `dead` never gets ready. Its answer also holds what its `envFrom` gives it.
"""

import contextlib
import hashlib
import itertools
import json
import threading
import time

from support.cluster_parts import endpoint, endpoint_slice, run_pod
from support.pods import Namespace
from support.upstream import Upstream, reply

NAMESPACE = "default"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
SCALING = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
ISTIO = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}"
CANARIES = f"/apis/flagger.app/v1beta1/namespaces/{NAMESPACE}/canaries"
CONFIGS = {kind: f"/api/v1/namespaces/{NAMESPACE}/{kind}" for kind in ("configmaps", "secrets")}
OWNED = (SERVICES, f"{APPS}/deployments", f"{APPS}/daemonsets", SCALING, f"{ISTIO}/virtualservices", f"{ISTIO}/destinationrules",
         *CONFIGS.values())
MERGE = "application/merge-patch+json"
PORT = 8080  # of every pod


@contextlib.contextmanager
def network_of_pods():
    """A network namespace, entered by this thread, where all of 10.244.0.0/16 is this machine."""
    with contextlib.closing(Namespace()) as namespace:
        namespace.ip("addr add 10.244.0.1/16 dev lo")
        with namespace.entered():
            yield namespace


class Server:
    """A pod's container: a real server at the pod's address. When its pod is deleted it goes on through `preStop` (a sleep), then it is
    signalled, as most programs would take it: it accepts no connection any more, and ends with the last one, or with its grace."""

    def __init__(self, kubernetes, workload, number, template):
        self.name, self.address = f"{workload}-{number}", f"10.244.{number // 250 + 1}.{number % 250 + 1}"
        self.template = template
        self.image = template["spec"]["containers"][0]["image"]
        self.counter = itertools.count(1)
        self.settings = self._settings(kubernetes)
        self.upstream = Upstream(self.name, self.answer, port=PORT, address=self.address)
        self.deleted_at, self.signalled = None, False

    @property
    def ready(self):
        return "dead" not in self.image

    def _settings(self, kubernetes):
        found = {}
        for source in self.template["spec"]["containers"][0].get("envFrom", []):
            for member, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
                if member in source:
                    found.update(kubernetes.request("GET", f"{CONFIGS[kind]}/{source[member]['name']}").get("data", {}))
        return found

    def ended(self):
        """Takes the step of its end that is due; whether it was the last one."""
        spec = self.template["spec"]
        pause = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        since = time.monotonic() - self.deleted_at
        if since < pause:
            return False
        if not self.signalled:
            self.signalled = True
            self.upstream.stop_listening()
        busy = any(connection.sock.fileno() >= 0 for connection in self.upstream.connections)
        if busy and since < spec.get("terminationGracePeriodSeconds", 30):
            return False
        self.upstream.close()
        return True

    def answer(self, request):
        body = json.dumps({"image": self.image, "pod": self.name, **self.settings})
        failed = "bad" in self.image and next(self.counter) % 2
        return reply(500 if failed else 200, {"x-image": self.image}, body)


class ClusterLife:
    """One thread that does again and again what is to be done. `without_pods`: who was ever left with none, target and primary."""

    def __init__(self, kubernetes):
        self.kubernetes, self.stopped = kubernetes, threading.Event()
        self.servers, self.slices, self.leaving = {}, {}, []
        self.without_pods, self.error = [], None
        self.numbers = itertools.count(1)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.thread.join()
        for server in [*self.leaving, *itertools.chain(*self.servers.values())]:
            server.upstream.close()
            self._remove(server)  # another life makes pods of these names
        assert not self.error, self.error
        assert not self.without_pods, f"target and primary both without pods: {self.without_pods}"

    def collect_garbage(self):
        """What the garbage collector does: removes what has owners of which none exists any more. Their names."""
        alive = {item["metadata"]["uid"] for path in (CANARIES, f"{APPS}/deployments") for item in self._items(path)}
        removed = []
        for path in OWNED:
            for item in self._items(path):
                owners = item["metadata"].get("ownerReferences", [])
                if owners and not any(owner["uid"] in alive for owner in owners):
                    self.kubernetes.request("DELETE", f"{path}/{item['metadata']['name']}")
                    removed.append((path.rpartition("/")[2], item["metadata"]["name"]))
        return sorted(removed)

    def _items(self, path):
        return self.kubernetes.request("GET", path)["items"]

    def _run(self):
        try:
            while not self.stopped.wait(0.05):
                self._turn()
        except (AssertionError, OSError) as error:  # the test says so at its end
            self.error = error

    def _turn(self):
        deployments = {item["metadata"]["name"]: item for item in self._items(f"{APPS}/deployments")}
        daemons, sets = ({item["metadata"]["name"]: item for item in self._items(f"{APPS}/{kind}")}
                         for kind in ("daemonsets", "replicasets"))
        for name, deployment in deployments.items():
            primary = deployments.get(f"{name}-primary")
            if primary and not deployment["spec"]["replicas"] and not primary["spec"]["replicas"]:
                self.without_pods.append(name)
            self._act("deployments", deployment, deployment["spec"]["replicas"])
        for daemon in daemons.values():  # of the one node, which has no labels
            self._act("daemonsets", daemon, 0 if daemon["spec"]["template"]["spec"].get("nodeSelector") else 1)
        for replicas in sets.values():  # of others than Deployments, whose pods are made without them
            self._act("replicasets", replicas, replicas["spec"]["replicas"])
        for gone in set(self.servers) - set(deployments) - set(daemons) - set(sets):
            self._scale("deployments", gone, None, 0)
            del self.servers[gone]
        self._publish()
        self._bury()

    def _act(self, kind, workload, wanted):
        name = workload["metadata"]["name"]
        self._scale(kind, name, workload["spec"]["template"], wanted)
        ready = sum(server.ready for server in self.servers[name])
        if kind == "daemonsets":
            status = {"currentNumberScheduled": wanted, "desiredNumberScheduled": wanted, "numberMisscheduled": 0,
                      "updatedNumberScheduled": wanted, "numberReady": ready, "numberAvailable": ready}
        elif kind == "replicasets":
            status = {"replicas": wanted, "fullyLabeledReplicas": wanted, "readyReplicas": ready, "availableReplicas": ready}
        else:
            status = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready, "availableReplicas": ready,
                      "unavailableReplicas": wanted - ready}
        status["observedGeneration"] = workload["metadata"]["generation"]
        if any(workload.get("status", {}).get(field, 0) != value for field, value in status.items()):
            self._write(f"{APPS}/{kind}/{name}/status", {"status": status}, MERGE)

    def _scale(self, kind, name, template, wanted):
        """New pods before old ones go. One that goes stays an endpoint until it is gone, as one that is terminating."""
        running = self.servers.get(name, [])
        fresh = [server for server in running if server.template == template][:wanted]
        while len(fresh) < wanted:
            fresh.append(self._start(kind, name, template))
        self.servers[name] = fresh
        for server in running:
            if server not in fresh:
                server.deleted_at = time.monotonic()
                self.leaving.append(server)
                self.kubernetes.request("DELETE", f"{PODS}/{server.name}")

    def _bury(self):
        for server in [each for each in self.leaving if each.ended()]:
            self.leaving.remove(server)
            self._remove(server)

    def _remove(self, server):
        self.kubernetes.request("DELETE", f"{PODS}/{server.name}?gracePeriodSeconds=0")

    def _start(self, kind, name, template):
        server = Server(self.kubernetes, name, next(self.numbers), template)
        digest = hashlib.sha256(json.dumps(template).encode()).hexdigest()[:9]
        owner = {"apiVersion": "apps/v1", "controller": True, "uid": digest, "kind": "ReplicaSet", "name": name}
        if kind == "deployments":
            owner["name"] = f"{name}-{digest}"
        elif kind == "daemonsets":
            owner["kind"] = "DaemonSet"
        run_pod(self.kubernetes, NAMESPACE, server.name, server.address, {**template["metadata"]["labels"], "pod-template-hash": digest},
                {"http": PORT}, ready=server.ready, owners=[owner], node="node-1")
        return server

    def _publish(self):
        """The endpoints of each service; they are written where they are others than before."""
        for service in self._items(SERVICES):
            selector, meta = service["spec"].get("selector"), service["metadata"]
            if not selector:
                continue
            chosen = [server for server in [*itertools.chain(*self.servers.values()), *self.leaving]
                      if selector.items() <= server.template["metadata"]["labels"].items()]
            ports = {port.get("name", ""): PORT for port in service["spec"]["ports"]}
            wanted = endpoint_slice(NAMESPACE, meta["name"], ports, [
                endpoint(server.address, (NAMESPACE, server.name), server.ready and not server.deleted_at, serving=server.ready,
                         terminating=bool(server.deleted_at)) for server in chosen])
            if self.slices.get(meta["uid"]) != wanted:
                self.slices[meta["uid"]] = wanted
                self._write(f"{SLICES}/{meta['name']}-slice?fieldManager=life&force=true", wanted, "application/apply-patch+yaml")

    def _write(self, path, body, content_type):
        try:
            self.kubernetes.request("PATCH", path, body, content_type)
        except AssertionError as error:
            if ": 404:" not in str(error):  # somebody deleted it in this very moment
                raise
