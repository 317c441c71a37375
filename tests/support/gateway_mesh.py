"""A gateway at the edge of a small mesh: the real control plane, a proxy that Gateways choose, and clients from outside."""

import re
import ssl
import threading

from support.bootstrap import bootstrap, cluster, over_ads
from support.http_client import Client
from support.kubectl import Kubectl
from support.mesh import ControlPlane, replace, yaml
from support.proxy import Proxy
from support.upstream import unused_port
from support.waiting import wait_until

ISTIO = "networking.istio.io/v1"
JOIN_TOKEN = "join-token-of-the-test-mesh"


class TlsClient(Client):
    """A connection over TLS that asks for `name`; `ca`: whom it trusts; `pair`: its own certificate."""

    def __init__(self, port, name, ca, pair=None):
        super().__init__(port)
        context = ssl.create_default_context(cafile=str(ca.certificate))
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=name)
        except OSError:
            self.sock.close()
            raise

    def serial(self):
        return self.sock.getpeercert()["serialNumber"]


class GatewayMesh:
    """`upstreams`: name -> Upstream, each a Service of one workload without a sidecar, on port 80.

    The gateway runs in the namespace `edge` and listens at 127.0.0.1 only.
    """

    def __init__(self, folder, closing, kind, **upstreams):
        self.folder, self.closing, self.kind, self.upstreams = folder / "mesh", closing, kind, upstreams
        self.folder.mkdir()
        (folder / "tokens").write_text(JOIN_TOKEN + "\n")
        self.apply("services.yaml", *(each for name, upstream in upstreams.items() for each in (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
             "spec": {"selector": {"app": name}, "ports": [{"name": name.partition("-")[0], "port": 80}]}},
            {"apiVersion": ISTIO, "kind": "WorkloadEntry", "metadata": {"name": name}, "spec": {
                "address": upstream.address, "ports": {name.partition("-")[0]: upstream.port}, "labels": {"app": name}}})))
        self.control = closing(ControlPlane(self.folder, arguments=["--join-token-file", folder / "tokens"]))
        self.kubectl = Kubectl(folder / "home", f"http://127.0.0.1:{self.control.api_port}")

    def apply(self, name, *documents):
        replace(self.folder, name, "---\n".join(yaml.safe_dump(document) for document in documents))

    def start(self, namespace="edge", wait_ready=True, token=JOIN_TOKEN, node_type="router"):
        """A gateway's proxy."""
        service = {"envoy_grpc": {"cluster_name": "xds-grpc"}}
        if token:
            service["initial_metadata"] = [{"key": "authorization", "value": f"Bearer {token}"}]
        config = bootstrap([], [cluster("xds-grpc", self.control.xds_port, http2=True, connect_timeout="1s")], node={
            "id": f"{node_type}~127.0.0.1~edge-1.{namespace}~{namespace}.svc.cluster.local", "cluster": f"edge.{namespace}",
            "metadata": {"NAMESPACE": namespace, "SERVICE_ACCOUNT": "edge", "LABELS": {"istio": "ingress"},
                         "INTERCEPTION_MODE": "REDIRECT", "REMORA_PLAIN_ENVOY": self.kind == "envoy"}})
        config["dynamic_resources"] = {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]},
            "cds_config": over_ads(), "lds_config": over_ads()}
        return self.closing(Proxy(config, kind=self.kind, wait_ready=wait_ready))

    def secret(self, name, pair, namespace="edge", ca=None):
        """Puts a certificate in, as kubectl does it."""
        data = {"tls.crt": pair.certificate.read_text(), "tls.key": pair.key.read_text()}
        if ca:
            data["ca.crt"] = ca.certificate.read_text()
        self.kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
                            "type": "kubernetes.io/tls", "stringData": data})

    def until(self, status, ask):
        """Waits until a request is answered so: changes take a moment to reach the proxy."""
        def asked():
            try:
                answer = ask()
            except OSError:
                return None
            return answer if answer.status == status else None

        return wait_until(asked, lambda: f"status {status}; {self.control.findings()}\n{self.control.tail()}")


def gateway(*servers, name="edge", namespace="edge"):
    return {"apiVersion": ISTIO, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"istio": "ingress"}, "servers": [{"bind": "127.0.0.1", **server} for server in servers]}}


def server(port, protocol, *hosts, **tls):
    """One server of a Gateway; names of ports are told apart by the first host."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{protocol}-{port}-{hosts[0]}".lower())
    return {"port": {"number": port, "name": name, "protocol": protocol}, "hosts": list(hosts),
            **({"tls": tls} if tls else {})}


def routes(name, hosts, **spec):
    return {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": name},
            "spec": {"hosts": hosts, "gateways": ["edge/edge"], **spec}}


def to(host, **more):
    return {"route": [{"destination": {"host": host, "port": {"number": 80}}}], **more}


class TlsLoad:
    """Asks over TLS as long as the `with` block runs: on connections that stay, and on new ones for each request."""

    def __init__(self, port, name, ca):
        self.port, self.name, self.ca = port, name, ca
        self.serials, self.failures, self.count = set(), [], 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(anew,)) for anew in (True, True, False, False)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait(20)
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self, anew):
        try:
            while not self.over.is_set():
                with TlsClient(self.port, self.name, self.ca) as client:
                    if anew:
                        self.serials.add(client.serial())
                    while not self.over.is_set():
                        answer = client.request(host=self.name)
                        self.count += 1
                        if answer.status != 200:
                            self.failures.append(answer)
                        if anew:
                            break
        except Exception as error:  # Whatever it is, it is a request that was lost.
            self.failures.append(error)

    def wait(self, more):
        begin = self.count
        wait_until(lambda: self.failures or self.count >= begin + more, "requests under way")


def free_ports(count):
    return [unused_port() for _ in range(count)]
