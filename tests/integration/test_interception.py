"""Two pods with sidecars and a control plane in a third, joined by nothing but the kernel's rules: as in a cluster."""

import pytest
import yaml

from support.bootstrap import bootstrap, over_ads
from support.identity import issue, issued_cluster
from support.mesh import replace
from support.pods import APP_UID, Network, PodControlPlane, PodProxy, unavailable
from support.proxy import bin_dir
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "")
SERVICE = "web.default.svc.cluster.local"


class InterceptedMesh:
    """`web` and `client`, each with a sidecar that knows it only by its rules."""

    def __init__(self, folder, closing):
        self.folder, self.closing = folder / "mesh", closing
        self.folder.mkdir()
        self.network = closing(Network())
        self.system, self.web, self.client = (self.network.pod(name) for name in ("control", "web", "client"))
        self.stranger, self.world = self.network.pod("stranger"), self.network.outside("world.test")
        self.network.name(SERVICE, "10.96.0.10")
        self.apply("mesh.yaml", {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "clusterIP": "10.96.0.10", "ports": [
                {"name": "http", "port": 80, "targetPort": 8080}]}}, {
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": "web-1"},
            "spec": {"address": self.web.v4, "ports": {"http": 8080}, "serviceAccount": "web",
                     "labels": {"app": "web", "security.istio.io/tlsMode": "istio"}}}, {
            "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": "istio-system"}, "spec": {"mtls": {"mode": "STRICT"}}})
        self.app = self.serve(self.web, 8080)
        self.outside = self.serve(self.world, 8080)
        self.control = closing(PodControlPlane(self.system, self.folder, arguments=[
            "--xds-tls-address", f"{self.system.v4}:15012"]))

    def serve(self, pod, port):
        with pod.entered(APP_UID):
            return self.closing(Upstream(pod.name, address="0.0.0.0", port=port))

    def apply(self, name, *documents):
        replace(self.folder, name, "---\n".join(yaml.safe_dump(document) for document in documents))

    def sidecar(self, pod):
        identity = issue(self.control.ca, self.folder.parent / f"{pod.name}-identity", "--xds", f"{self.system.v4}:15012",
                         service_account=pod.name)
        config = bootstrap([], [issued_cluster(identity)], node={
            "id": f"sidecar~{pod.v4}~{pod.name}.default~default.svc.cluster.local", "cluster": f"{pod.name}.default",
            "metadata": {"INTERCEPTION_MODE": "REDIRECT", "NAMESPACE": "default", "SERVICE_ACCOUNT": pod.name,
                         "WORKLOAD_NAME": pod.name, "LABELS": {"app": pod.name}, "INSTANCE_IPS": f"{pod.v4},{pod.v6}"}})
        config["dynamic_resources"] = {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [
                {"envoy_grpc": {"cluster_name": "xds-grpc"}}]},
            "cds_config": over_ads(), "lds_config": over_ads()}
        proxy = self.closing(PodProxy(pod, config))
        done = pod.run(bin_dir() / "remoractl", "iptables")
        assert done.returncode == 0, done.stderr
        return proxy

    def wait_serving(self):
        def serving():
            try:
                return self.client.fetch(SERVICE, 80).status == 200
            except (OSError, AssertionError):
                return False

        wait_until(serving, lambda: f"{self.control.tail()}\nclient: {self.client_proxy.tail()}\nweb: {self.web_proxy.tail()}")
        return self

    def start(self):
        self.web_proxy, self.client_proxy = self.sidecar(self.web), self.sidecar(self.client)
        return self.wait_serving()


@pytest.fixture
def mesh(tmp_path, closing):
    return InterceptedMesh(tmp_path, closing).start()


def test_a_call_goes_from_sidecar_to_sidecar_with_mutual_tls(mesh):
    assert mesh.client.fetch(SERVICE, 80).body == b"web"
    assert any(mesh.web_proxy.stats(r"ssl[.]handshake$").values()) and mesh.app.connections[-1].peer in ("127.0.0.6", "127.0.0.1")


def test_a_plaintext_stranger_is_refused(mesh):
    before = len(mesh.app.requests)
    with pytest.raises((OSError, AssertionError)):
        mesh.stranger.fetch("web", 8080)
    assert len(mesh.app.requests) == before


def test_the_world_is_reached_through_the_sidecar(mesh):
    assert mesh.client.fetch("world.test", 8080).body == b"world.test"
    assert mesh.client_proxy.wait_stat("cluster.PassthroughCluster.upstream_cx_total")


def test_an_application_calls_its_own_service_and_its_own_pod(mesh):
    assert mesh.web.fetch(SERVICE, 80).body == b"web"
    assert mesh.web.fetch("web", 8080).body == b"web"
    assert mesh.app.connections[-1].peer == mesh.web.v4  # nobody is in between
