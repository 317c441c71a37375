"""`remora-control` over a Kubernetes API server."""

import json

from support.http_client import fetch
from support.proxy import Process, bin_dir
from support.waiting import wait_until


class ClusterControl(Process):
    """As the user of `kubeconfig`. `ready=False` does not wait until it serves: it may never. `tls`: xDS over TLS as well."""

    def __init__(self, folder, kubeconfig, *arguments, ready=True, tls=False, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        names = ("admin", "xds", "api", *(("xds-tls",) if tls else ()))
        self.paths = {name: folder / f"{name}-address" for name in names}
        super().__init__("remora-control", [
            bin_dir() / "remora-control", "--kubeconfig", kubeconfig,
            *(word for name, path in self.paths.items()
              for word in (f"--{name}-address", "127.0.0.1:0", f"--{name}-address-path", path)), *arguments], environment=environment)
        self.admin_port = self.port("admin")
        if ready:
            self.xds_port, self.api_port = self.port("xds"), self.port("api")
            self.xds_tls_port = self.port("xds-tls") if tls else 0

    def stop(self):
        """In peace where it still runs, so that the next one need not wait for its lease to run out."""
        if self.running and not self.killed:
            assert self.terminate() == 0, self.tail()
        super().stop()

    def port(self, name):
        return wait_until(lambda: self._address(self.paths[name]), lambda: f"{name} address:\n{self.tail()}")

    def _address(self, path):
        assert self.running, f"remora-control ended at start:\n{self.tail()}"
        text = path.read_text().strip() if path.exists() else ""
        return int(text.rpartition(":")[2]) if text else 0

    def admin(self, target):
        return fetch(self.admin_port, target, headers={"connection": "close"}, host="admin")

    def services(self):
        return {service["host"] for service in json.loads(self.admin("/debug/endpointz").body)}

    def findings(self):
        return json.loads(self.admin("/debug/errors").body)

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
