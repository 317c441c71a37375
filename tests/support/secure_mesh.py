"""A mesh whose sidecars prove who they are: one workload with a sidecar of its own, and a client with one."""

from support.bootstrap import bootstrap, cluster, over_ads
from support.identity import issue, issued_cluster
from support.mesh import ControlPlane, replace, yaml
from support.proxy import Proxy
from support.upstream import Upstream, unused_port
from support.waiting import wait_until

JOIN_TOKEN = "join-token-of-the-test-mesh"
SERVER_ADDRESS = "127.0.77.1"


class SecureMesh:
    """Service `myapp`, its workload at SERVER_ADDRESS behind a sidecar, and a client's sidecar.

    `kinds`: which proxy the client and the server have. `by`: how they prove who they are, "token" or
    "certificate". `app`: what the workload runs, anything with a `port` on 127.0.0.1 and a `close`.
    """

    def __init__(self, folder, closing, kinds, by="token", policy="STRICT", account="myapp", app=None,
                 port_name="http", control_arguments=()):
        self.folder, self.closing, self.by = folder / "mesh", closing, by
        self.app = closing(app or Upstream())
        self.port, self.port_name = unused_port(), port_name
        self.folder.mkdir()
        (folder / "tokens").write_text(JOIN_TOKEN + "\n")
        self.apply("mesh.yaml", self.service(), self.workload())
        self.require(policy)
        self.control = closing(ControlPlane(self.folder, arguments=[
            "--join-token-file", folder / "tokens", "--xds-tls-address", "127.0.0.1:0",
            *control_arguments]))
        self.server = closing(self.sidecar("myapp", kinds[1], SERVER_ADDRESS, account, REMORA_OUTBOUND="none"))
        self.client = closing(self.sidecar("client", kinds[0], "127.0.77.9", "client"))

    def service(self):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "myapp"},
                "spec": {"selector": {"app": "myapp"}, "ports": [{"name": self.port_name, "port": self.port}]}}

    def workload(self):
        return {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": "myapp-1"},
                "spec": {"address": SERVER_ADDRESS, "ports": {self.port_name: self.app.port}, "serviceAccount": "myapp",
                         "labels": {"app": "myapp", "security.istio.io/tlsMode": "istio"}}}

    def require(self, mode):
        """What sidecars take from clients: STRICT, PERMISSIVE or DISABLE."""
        self.apply("policy.yaml", {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
                                   "metadata": {"name": "default", "namespace": "istio-system"},
                                   "spec": {"mtls": {"mode": mode}}})

    def apply(self, name, *documents):
        replace(self.folder, name, "---\n".join(yaml.safe_dump(document) for document in documents))

    def sidecar(self, name, kind, address, account, folder=None, wait_ready=True, **metadata):
        """`folder`: a certificate that is there already, with its cluster."""
        metadata = {"INTERCEPTION_MODE": "NONE", "NAMESPACE": "default", "SERVICE_ACCOUNT": account,
                    "WORKLOAD_NAME": name, "LABELS": {"app": name}, "REMORA_PLAIN_ENVOY": kind == "envoy", **metadata}
        service = {"envoy_grpc": {"cluster_name": "xds-grpc"}}
        if self.by == "certificate":
            folder = folder or issue(self.control.ca, self.folder.parent / f"{name}-identity", "--xds",
                           f"127.0.0.1:{self.control.xds_tls_port}", service_account=account)
            xds = issued_cluster(folder)
        else:
            xds = cluster("xds-grpc", self.control.xds_port, http2=True, connect_timeout="1s")
            service["initial_metadata"] = [{"key": "authorization", "value": f"Bearer {JOIN_TOKEN}"}]
        config = bootstrap([], [xds], node={
            "id": f"sidecar~{address}~{name}.default~default.svc.cluster.local", "cluster": f"{name}.default",
            "metadata": metadata})
        config["dynamic_resources"] = {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]},
            "cds_config": over_ads(), "lds_config": over_ads()}
        return Proxy(config, kind=kind, wait_ready=wait_ready)

    def fetch(self, target="/", **options):
        """A request of the client, through its sidecar."""
        return self.client.fetch(target, listener=f"127.0.0.1_{self.port}", host="myapp", **options)

    def wait_serving(self):
        def serving():
            try:
                return self.fetch().status == 200
            except OSError:
                return False

        wait_until(serving, lambda: (
            f"the mesh serving; the control plane says {self.control.findings()}\n{self.control.tail()}\n"
            f"client: {self.client.tail()}\nserver: {self.server.tail()}"))
        return self
