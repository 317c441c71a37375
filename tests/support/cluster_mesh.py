"""A mesh in a cluster: a real API server, remora-control over it, and pods that we run as kubelet would.

    with ClusterMesh(kubernetes, folder) as mesh:
        pods = mesh.run_deployment("api-v1")            # what the API server has under that name, injected
        mesh.publish("api", {"http": 8080}, pods)       # as the endpoint controller
"""

import base64
import os
import socket
import threading

from support.cluster_control import ClusterControl
from support.cluster_parts import endpoint, endpoint_slice, remove_pod, set_pod_ready
from support.pod_mesh import MeshPod, Pods
from support.pods import set_namespace
from support.tcp import Server
from support.waiting import wait_until

NAMESPACE = "default"
AUTHORITY = f"/api/v1/namespaces/{NAMESPACE}/secrets/istio-ca-secret"


class ClusterMesh(Pods):
    """The API server and remora-control are the machine's; pods reach remora-control by a relay in a pod of its own."""

    def __init__(self, kubernetes, folder, *control_arguments):
        super().__init__()
        self.kubernetes = kubernetes
        try:
            self.control = self.closing(ClusterControl(
                folder / "control", kubernetes.kubeconfig("admin", "system:masters"), *control_arguments, tls=True,
                environment={"POD_NAME": "remora-control", "POD_NAMESPACE": NAMESPACE}))
            secret = wait_until(lambda: kubernetes.request("GET", AUTHORITY), "the mesh's authority")
            self.root = folder / "root-cert.pem"
            self.root.write_bytes(base64.b64decode(secret["data"]["ca-cert.pem"]))
            self.closing(Relay(self.system, 15012, self.control.xds_tls_port))
        except BaseException:
            self.exits.close()
            raise

    def run(self, manifest, *arguments):
        """The pod is made, scheduled here, and ready."""
        injected = self.inject(manifest, *arguments)
        name, account = injected["metadata"]["name"], injected["spec"].setdefault("serviceAccountName", "default")
        self.kubernetes.service_account(NAMESPACE, account)
        made = self.kubernetes.request("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", injected)
        pod = MeshPod(self, injected, self.kubernetes.token(NAMESPACE, account, pod=(name, made["metadata"]["uid"])))
        set_pod_ready(self.kubernetes, NAMESPACE, name, True, pod.pod.v4)
        return pod

    def run_deployment(self, name, count=None, **labels):
        """Its pods: as many as it wants, or fewer; with labels beside its own."""
        spec = self.kubernetes.request("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")["spec"]
        template = spec["template"]
        return [self.run({"apiVersion": "v1", "kind": "Pod", "spec": template["spec"], "metadata": {
            "name": f"{name}-{number}", "namespace": NAMESPACE, "labels": {**template["metadata"]["labels"], **labels}}})
                for number in range(count or spec["replicas"])]

    def publish(self, service, ports, pods, not_ready=()):
        """All endpoints of a service."""
        self.kubernetes.kubectl.apply(endpoint_slice(NAMESPACE, service, ports, [
            endpoint(pod.pod.v4, (NAMESPACE, pod.name), ready=pod not in not_ready) for pod in pods]))

    def remove(self, pod):
        remove_pod(self.kubernetes, NAMESPACE, pod.name)


class Relay:
    """Connections to that port of a pod become connections to one of this machine, with which pods share no network."""

    def __init__(self, pod, port, to):
        self.to = to
        self.machine = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with pod.entered():
            self.servers = [Server(self.serve, address=address, port=port) for address in ("0.0.0.0", pod.v6)]

    def serve(self, connection):
        set_namespace(self.machine)  # this thread's, which is the connection's own
        with socket.create_connection(("127.0.0.1", self.to)) as there:
            back = threading.Thread(target=copy, args=(there, connection), daemon=True)
            back.start()
            copy(connection, there)
            back.join()
        connection.close()

    def close(self):
        for server in self.servers:
            server.close()
        os.close(self.machine)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
