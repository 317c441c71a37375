"""A small mesh: the real control plane over a folder of manifests, workloads as fake upstreams, and sidecars."""

import yaml

from support.bootstrap import bootstrap, cluster, over_ads, typed
from support.control_process import ControlProcess
from support.http_client import fetch
from support.proxy import Proxy, bin_dir, under_test
from support.upstream import unused_port
from support.waiting import wait_until


class ControlPlane(ControlProcess):
    """`remora-control` over one folder, which `apply` and `delete` change as an operator would."""

    def __init__(self, folder, xds_port=0, arguments=()):
        self.folder = folder
        binary = bin_dir() / "remora-control"
        if not binary.exists():
            raise FileNotFoundError(f"no control plane to test at {binary}: build it, or set REMORA_BIN_DIR")
        self.store = folder.parent / f"{folder.name}-store"
        self.ca = folder.parent / f"{folder.name}-store.ca"
        paths = [folder.parent / f"{name}-address" for name in ("xds", "admin", "api")]
        tls_path = folder.parent / "xds-tls-address"
        tls_path.unlink(missing_ok=True)
        for path in paths:
            path.unlink(missing_ok=True)
        super().__init__("remora-control", [
            binary, "--config", folder, "--store", self.store, "--xds-address", f"127.0.0.1:{xds_port}",
            "--admin-address", "127.0.0.1:0", "--api-address", "127.0.0.1:0", "--xds-address-path", paths[0],
            "--admin-address-path", paths[1], "--api-address-path", paths[2], "--xds-tls-address-path", tls_path,
            *arguments])
        self.xds_port, self.admin_port, self.api_port = (self.wait_address(path) for path in paths)
        # Written with the others, and empty where nothing is served over TLS.
        self.xds_tls_port = self.address_in(tls_path)


def service(name, port):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": port}]}}


def workload(name, app, upstream, **labels):
    return {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": name},
            "spec": {"address": upstream.address, "ports": {"http": upstream.port}, "labels": {"app": app, **labels}}}


def replace(folder, name, text):
    """Replaces a manifest in one step: who reads it sees the old one or the new one, never half of it."""
    draft = folder.parent / (name + ".draft")
    draft.write_text(text)
    draft.rename(folder / name)


def pushing(cluster_name, interval):
    """The part of a bootstrap that pushes statistics to the metrics service of that cluster."""
    return {"stats_flush_interval": interval, "stats_sinks": [{
        "name": "envoy.stat_sinks.metrics_service", "typed_config": typed(
            "envoy.config.metrics.v3.MetricsServiceConfig", transport_api_version="V3", emit_tags_as_labels=True,
            histogram_emit_mode="HISTOGRAM", grpc_service={"envoy_grpc": {"cluster_name": cluster_name}})}]}


class Mesh:
    """A service with its workloads, the control plane, and the sidecar of a client.

    `workloads`: name -> (upstream, labels). The port of the service is one that was free a moment ago, since a
    sidecar without interception listens on the very port that the Service names.
    """

    control_arguments = ()
    api_type = "DELTA_GRPC"  # or GRPC: how sidecars ask the control plane
    client_kind = None  # "remora" or "envoy"; None: what is under test

    def __init__(self, folder, app, workloads, closing):
        self.folder, self.app, self.closing = folder, app, closing
        self.port = unused_port()
        folder.mkdir()
        self.apply("mesh.yaml", service(app, self.port), *(
            workload(name, app, upstream, **labels) for name, (upstream, labels) in workloads.items()))
        self.control = closing(ControlPlane(folder, arguments=self.control_arguments))
        self.client = closing(self.sidecar("client"))

    def sidecar(self, name, address="127.0.0.1", push=None, kind=None, **metadata):
        """A sidecar as istiod would have it started, with INTERCEPTION_MODE NONE.

        `push`: how often it pushes its statistics to the control plane, "1s"; None: never; or that part of
        the bootstrap itself.
        """
        metadata = {"INTERCEPTION_MODE": "NONE", "NAMESPACE": "default", "WORKLOAD_NAME": name,
                    "LABELS": {"app": name}, **metadata}
        kind = kind or self.client_kind or under_test()
        if kind == "envoy":
            metadata["REMORA_PLAIN_ENVOY"] = True  # The stock Envoy has none of Istio's filters.
        config = bootstrap([], [cluster("xds-grpc", *self.xds_ports, http2=True, connect_timeout="1s")], node={
            "id": f"sidecar~{address}~{name}.default~default.svc.cluster.local", "cluster": f"{name}.default",
            "metadata": metadata})
        config["dynamic_resources"] = {
            "ads_config": {"api_type": self.api_type, "transport_api_version": "V3", "grpc_services": [
                {"envoy_grpc": {"cluster_name": "xds-grpc"}}]},
            "cds_config": over_ads(), "lds_config": over_ads()}
        if push:
            config.update(push if isinstance(push, dict) else pushing("xds-grpc", push))
        return Proxy(config, kind=kind)

    @property
    def xds_ports(self):
        """Where sidecars find the control plane, the first that answers."""
        return (self.control.xds_port,)

    @property
    def host(self):
        return f"{self.app}.default.svc.cluster.local"

    def cluster(self, subset=""):
        """Istio's name of the cluster of one subset."""
        return f"outbound|{self.port}|{subset}|{self.host}"

    def apply(self, name, *documents):
        """Writes a manifest: YAML text as it is, or resources as dicts."""
        replace(self.folder, name, "---\n".join(
            document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False) for document in documents))

    def delete(self, name):
        (self.folder / name).unlink()

    def route_updates(self):
        return sum(self.client.stats(r"rds[.].*[.]update_success$").values())

    def reroute(self, name, *documents):
        """Applies a manifest and waits until the client's sidecar has taken new routes because of it."""
        before = self.route_updates()
        self.apply(name, *documents)
        wait_until(lambda: self.route_updates() > before, lambda: (
            f"new routes in the sidecar; the control plane says {self.control.findings()}\n{self.control.tail()}"))

    def fetch(self, target="/", method="GET", headers=(), body=b"", host=None):
        """A request of the client, through its sidecar."""
        return fetch(self.port, target, method, headers, body, host or self.app)

    def wait_serving(self):
        def serving():
            try:
                return self.fetch().status == 200
            except OSError:
                return False

        wait_until(serving, lambda: f"the mesh serving; the control plane says {self.control.findings()}")
        return self
