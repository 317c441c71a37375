"""`remora-control` over a Kubernetes API server."""

import json

from support.control_process import ControlProcess
from support.proxy import bin_dir
from support.waiting import wait_until


class ClusterControl(ControlProcess):
    """As the user of `kubeconfig`. `ready=False` does not wait until it serves: it may never. `tls`: xDS over TLS as well."""

    def __init__(self, folder, kubeconfig, *arguments, ready=True, tls=False, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        names = ("admin", "xds", "api", *(("xds-tls",) if tls else ()))
        self.paths = {name: folder / f"{name}-address" for name in names}
        super().__init__("remora-control", [
            bin_dir() / "remora-control", "--kubeconfig", kubeconfig,
            *(word for name, path in self.paths.items()
              for word in (f"--{name}-address", "127.0.0.1:0", f"--{name}-address-path", path)), *arguments], environment=environment)
        self.admin_port = self.wait_address(self.paths["admin"])
        if ready:
            self.xds_port, self.api_port = (self.wait_address(self.paths[name]) for name in ("xds", "api"))
            self.xds_tls_port = self.wait_address(self.paths["xds-tls"]) if tls else 0

    def stop(self):
        """In peace where it still runs, so that the next one need not wait for its lease to run out."""
        if self.running and not self.killed:
            assert self.terminate() == 0, self.tail()
        super().stop()

    def services(self):
        return {service["host"] for service in json.loads(self.admin("/debug/endpointz").body)}

    def leader(self):
        """Whether it leads, else who does."""
        return json.loads(self.admin("/debug/leader").body)

    def wait_leading(self, seconds=20):
        wait_until(lambda: self.leader()["leads"], lambda: f"it leads: {self.leader()}\n{self.tail()}", seconds)
        return self

    def kind(self, resource):
        """How it stands with the kind."""
        return next(entry for entry in json.loads(self.admin("/debug/store").body) if entry["resource"] == resource)

    def wait_kind(self, resource, condition):
        return wait_until(lambda: (lambda kind: kind if kind["condition"] == condition else None)(self.kind(resource)),
                          lambda: f"{resource} {condition}: {self.kind(resource)}")
