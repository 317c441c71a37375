"""A real Kubernetes API server over a real etcd: what a cluster is to programs that only talk to its API.

Nothing else of a cluster runs here: no kubelet, no controllers. What they would write, a test writes itself (`support.cluster_parts`).
"""

import base64
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

import yaml

from support.certificates import Authority
from support.kubectl import Kubectl
from support.proxy import ROOT, Process
from support.waiting import wait_until

START_SECONDS = 90
ISSUER = "https://kubernetes.default.svc"


def apiserver_binary():
    """The API server that `./dev test --kubernetes` builds, or None."""
    path = pathlib.Path(os.environ.get("REMORA_KUBE_APISERVER", ROOT / "build" / "tools" / "kube_apiserver"))
    return path if path.exists() else None


def available():
    return apiserver_binary() is not None and shutil.which("etcd") is not None


def free_ports(count):
    """Ports that nobody had a moment ago: neither etcd nor the API server takes a port 0."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Etcd(Process):
    def __init__(self, folder):
        client, peer = free_ports(2)
        self.url = f"http://127.0.0.1:{client}"
        super().__init__("etcd", [
            "etcd", "--data-dir", folder / "data", "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
            "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--log-level", "warn"], folder)

    def is_up(self):
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return json.load(answer)["health"] == "true"
        except OSError:
            return False


class ApiServer(Process):
    """kube-apiserver with RBAC, client certificates and service-account tokens."""

    def __init__(self, folder, etcd, authority, serving, signing_key, port, *arguments):
        super().__init__("kube-apiserver", [
            apiserver_binary(), "--etcd-servers", etcd.url, "--bind-address", "127.0.0.1", "--secure-port", port,
            "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none", "--authorization-mode", "RBAC",
            "--tls-cert-file", serving.certificate, "--tls-private-key-file", serving.key, "--client-ca-file", authority.certificate,
            "--service-account-issuer", ISSUER, "--service-account-key-file", signing_key,
            "--service-account-signing-key-file", signing_key, "--api-audiences", f"{ISSUER},istio-ca",
            "--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount",
            "--enable-aggregator-routing=false", "--profiling=false", "--v", "1", *arguments], folder)


class ClusterKubectl(Kubectl):
    """kubectl as one user of the cluster."""

    def __init__(self, home, config):  # pylint: disable=super-init-not-called
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.config = home, config


class KubernetesApi:
    """etcd and kube-apiserver. `kubeconfig(user, groups)` makes users, `kubectl` is the cluster's administrator."""

    def __init__(self, *arguments):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="remora-test-kubernetes-"))
        self.arguments = arguments
        self.authority = Authority(self.folder / "pki", "kubernetes-ca")
        self.serving = self.authority.issue("kube-apiserver", "IP:127.0.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
        self.signing_key = self.folder / "pki" / "service-accounts.key"
        subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", self.signing_key], check=True)
        self.etcd = self.server = None
        self.users = {}
        try:
            self._start_etcd()
            self._start_server_somewhere()
            self.kubectl = self.kubectl_as("admin", "system:masters")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in (self.server, self.etcd):
            if process:
                process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def stop_server(self):
        """The API server is gone; its objects are safe in etcd."""
        self.server.stop()

    def start_server(self, wait=True):
        """Again, on the same port."""
        self.server = ApiServer(self._new_folder("apiserver"), self.etcd, self.authority, self.serving, self.signing_key, self.port,
                                *self.arguments)
        if wait:
            self._wait_for_server()

    # --- users -------------------------------------------------------------------------------------------------------

    def kubeconfig(self, user, *groups):
        """A kubeconfig with a client certificate for `user`, as a path. Its rights are those that RBAC gives."""
        if user not in self.users:
            pair = self._user_pair(user, groups)
            self.users[user] = self.write_kubeconfig(user, {
                "client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)})
        return self.users[user]

    def write_kubeconfig(self, name, user, **cluster):
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": self.url, "certificate-authority-data": encoded(self.authority.certificate), **cluster}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}]}))
        return path

    def kubectl_as(self, user, *groups):
        return ClusterKubectl(self.folder / f"home-{user}", self.kubeconfig(user, *groups))

    def service_account(self, namespace, name):
        self.kubectl.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})

    def token(self, namespace, name, audience="istio-ca", pod=None, seconds=3600):
        """A token of a service account as kubelet asks for it, bound to `pod` (name, uid)."""
        spec = {"audiences": [audience], "expirationSeconds": seconds}
        if pod:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod[0], "uid": pod[1]}
        answer = self.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
                              {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return answer["status"]["token"]

    # --- the API -----------------------------------------------------------------------------------------------------

    def request(self, method, path, body=None, content_type="application/json"):
        """One call as the administrator; fails loudly on anything but success."""
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"content-type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.context()) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code}: {error.read().decode()[:2000]}") from None

    def namespace(self, name, **labels):
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def apply_status(self, thing):
        """Writes an object's status as a controller does."""
        group, _, version = thing["apiVersion"].rpartition("/")
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        meta = thing["metadata"]
        path = f"{base}/namespaces/{meta['namespace']}/{PLURALS[thing['kind']]}/{meta['name']}/status"
        return self.request("PATCH", path, {"status": thing["status"]}, "application/merge-patch+json")

    # --- within ------------------------------------------------------------------------------------------------------

    def context(self):
        pair = self._user_pair("admin", ("system:masters",))
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(pair.certificate, pair.key)
        return context

    def _user_pair(self, user, groups):
        pairs = self.__dict__.setdefault("_pairs", {})
        if user not in pairs:
            pairs[user] = self.authority.issue(user, groups=groups)
        return pairs[user]

    def _new_folder(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def _start_etcd(self):
        for _ in range(5):
            self.etcd = Etcd(self._new_folder("etcd"))
            wait_until(lambda: self.etcd.is_up() or not self.etcd.running, "etcd answers", START_SECONDS)
            if self.etcd.running:
                return
        raise AssertionError(f"etcd does not start:\n{self.etcd.tail()}")

    def _start_server_somewhere(self):
        for _ in range(5):  # another process may take the port first
            (self.port,) = free_ports(1)
            self.start_server(wait=False)
            if self._wait_for_server():
                return
        raise AssertionError(f"kube-apiserver does not start:\n{self.server.tail()}")

    def _wait_for_server(self):
        wait_until(lambda: not self.server.running or self._is_ready(), lambda: f"API server ready:\n{self.server.tail()}", START_SECONDS)
        return self.server.running

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5, context=self.context()) as answer:
                return answer.status == 200
        except OSError:
            return False


PLURALS = {"Deployment": "deployments", "ReplicaSet": "replicasets", "DaemonSet": "daemonsets", "Pod": "pods", "Service": "services",
           "Canary": "canaries", "Node": "nodes"}


def encoded(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()
