"""The demo's mesh as running processes: control plane, services, and a sidecar for each of them and for the client."""

from __future__ import annotations

import json
import re
import secrets
import socket
import string
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from load.processes import Process, Processes, free_port, wait_until  # noqa: E402  (what the benchmark uses, too)

HERE = Path(__file__).resolve().parent
_TRUST_DOMAIN = "cluster.local"
_SERVICE_PORT = "8080"  # as mesh.yaml and api-canary.yaml have it


@dataclass(frozen=True)
class Workload:
    """An instance of the service, and the address and port that mesh.yaml gives it."""

    name: str
    app: str
    version: str
    address: str
    port: str
    color: str = ""

    @property
    def labels(self) -> dict[str, str]:
        return {"app": self.app, "version": self.version, **({"color": self.color} if self.color else {})}


WORKLOADS = (
    Workload("myapp-v1-a", "myapp", "v1", "127.0.1.1", "9001", "blue"),
    Workload("myapp-v1-b", "myapp", "v1", "127.0.1.2", "9002", "blue"),
    Workload("myapp-v2", "myapp", "v2", "127.0.2.1", "9003", "green"),
)

# What is deployed while the demo runs: versions of one more service, which api-canary.yaml looks after.
RELEASES = (
    Workload("api-v1", "api", "v1", "127.0.3.1", "9011"),
    Workload("api-v2", "api", "v2", "127.0.3.2", "9012"),
    Workload("api-v3", "api", "v3", "127.0.3.3", "9013"),
)


class Instance:
    """The application of a workload, asked directly, not through the mesh."""

    def __init__(self, name: str, port: int):
        self.name = name
        self.port = port

    def counters(self) -> dict[str, int]:
        return json.loads(_fetch(f"http://127.0.0.1:{self.port}/counters"))

    def fail(self, status: int | None) -> None:
        """From now on every request is answered with `status`; None: normally again."""
        _fetch(f"http://127.0.0.1:{self.port}/behaviour", json.dumps({"fail": status}).encode())


class Sidecar:
    """A running proxy and its admin interface."""

    def __init__(self, process: Process, admin_address: Path):
        self.process = process
        self._admin_address = admin_address

    @property
    def admin(self) -> str:
        return self._admin_address.read_text().strip()

    def ready(self) -> bool:
        try:
            return self._admin_address.exists() and _fetch(f"http://{self.admin}/ready").startswith("LIVE")
        except (OSError, urllib.error.URLError):
            return False

    def stats(self, pattern: str) -> dict[str, int]:
        """The counters and gauges whose names match `pattern`."""
        found = {}
        for line in _fetch(f"http://{self.admin}/stats").splitlines():
            name, _, value = line.rpartition(": ")
            if value.isdigit() and re.search(pattern, name):
                found[name] = int(value)
        return found

    def istio_requests(self, metric: str = "istio_requests_total") -> int:
        """How many requests it has counted under Istio's metric, by whatever labels."""
        lines = _fetch(f"http://{self.admin}/stats/prometheus").splitlines()
        return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith(metric + "{"))

    def route_updates(self) -> int:
        """How many route configurations it has accepted so far."""
        return sum(self.stats(r"\.rds\..*\.update_success$").values())


class Mesh:
    """Starts everything; the addresses and the instances are then known."""

    def __init__(self, binaries: Path, envoy: str | None, directory: Path, processes: Processes, manifests: Path):
        self._binaries = binaries
        self._envoy = envoy
        self._directory = directory
        self._processes = processes
        self.config = directory / "config"
        self.config.mkdir()
        self._ports = {number: str(free_port()) for number in (
            _SERVICE_PORT, *(each.port for each in (*WORKLOADS, *RELEASES)))}
        self.port = int(self._ports[_SERVICE_PORT])
        self.xds_port, self.control_admin_port, self.api_port = free_port(), free_port(), free_port()
        self.instances: dict[str, Instance] = {}
        self.servers: dict[str, Sidecar] = {}
        self._write("mesh.yaml", self._on_free_ports((manifests / "mesh.yaml").read_text()))
        self._write("strict-mtls.yaml", (manifests / "strict-mtls.yaml").read_text())
        self._token = secrets.token_hex(32)
        self._tokens = directory / "join-tokens"
        self._tokens.touch(mode=0o600)
        self._tokens.write_text(self._token + "\n")

    def start(self, routing: str) -> None:
        """Brings it all up with `routing` as the first manifest for myapp."""
        self._write("myapp.yaml", routing)
        self.control = self._processes.start("remora-control", [
            str(self._binaries / "remora-control"), "--config", str(self.config),
            "--store", str(self._directory / "store"), "--join-token-file", str(self._tokens), "--api-address", self.api, "--rollout-min-interval", "1000",
            "--xds-address", f"127.0.0.1:{self.xds_port}", "--admin-address", f"127.0.0.1:{self.control_admin_port}"])
        for workload in WORKLOADS:
            self._start_instance(workload)
        for workload in WORKLOADS:
            self._start_server(workload)
        self.client = self._start_sidecar("client", "127.0.0.1", "client", {"LABELS": {"app": "client"}})
        for sidecar in (*self.servers.values(), self.client):
            wait_until(sidecar.ready, sidecar.process, "ready")
        wait_until(self.answers, self.client.process, f"answering on 127.0.0.1:{self.port}")

    def route(self, manifest: str) -> None:
        """Gives the control plane a new manifest for myapp, and returns when the client's sidecar has taken it."""
        before = self.client.route_updates()
        self._write("myapp.yaml", manifest)
        wait_until(lambda: self.client.route_updates() > before, self.client.process, "using the new routes")

    def deploy(self, workload: Workload, fail: int | None = None) -> None:
        """Starts one more instance with its sidecar, and tells the control plane about it."""
        self._start_instance(workload)
        self.instances[workload.name].fail(fail)
        sidecar = self._start_server(workload)
        wait_until(sidecar.ready, sidecar.process, "ready")
        self.apply(json.dumps({
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": workload.name},
            "spec": {"address": workload.address, "ports": {"http": int(self._ports[workload.port])},
                     "labels": {**workload.labels, "security.istio.io/tlsMode": "istio"},
                     "serviceAccount": workload.app}}))

    def apply(self, manifest: str) -> None:
        """Gives a manifest to the control plane's API, as an operator would."""
        done = subprocess.run([self.remoractl, "--api", self.api, "apply", "-f", "-"], text=True, capture_output=True,
                              input=self._on_free_ports(manifest), timeout=30, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"remoractl apply: {done.stderr.strip() or done.stdout.strip()}")

    def rollout(self, name: str) -> dict | None:
        """What the control plane says about a canary."""
        found = [each for each in json.loads(_fetch(f"http://{self.api}/rollouts")) if each["name"] == name]
        return found[0] if found else None

    @property
    def api(self) -> str:
        return f"127.0.0.1:{self.api_port}"

    @property
    def remoractl(self) -> str:
        return str(self._binaries / "remoractl")

    def answers(self) -> bool:
        """Whether myapp can be reached through the client's sidecar."""
        try:
            _fetch(f"http://127.0.0.1:{self.port}/", headers={"host": "myapp"})
            return True
        except (OSError, urllib.error.URLError):
            return False

    def seen_caller(self) -> str:
        """Whom the application sees calling, when the client calls through the mesh."""
        seen = json.loads(_fetch(f"http://127.0.0.1:{self.port}/headers", headers={"host": "myapp"}))
        return seen.get("x-forwarded-client-cert", "nobody").rpartition("URI=")[2]

    @staticmethod
    def identity(account: str) -> str:
        return f"spiffe://{_TRUST_DOMAIN}/ns/default/sa/{account}"

    def answers_plain_text(self, workload: Workload) -> bool:
        """Whether a caller without TLS gets any answer from a workload's sidecar."""
        address = (workload.address, int(self._ports[workload.port]))
        with socket.create_connection(address, timeout=5) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nhost: myapp\r\nconnection: close\r\n\r\n")
            try:
                return caller.recv(4096).startswith(b"HTTP/")
            except ConnectionResetError:
                return False

    def log_tails(self) -> str:
        """The end of what the control plane and the sidecars have logged."""
        processes = [self.control, self.client.process, *(sidecar.process for sidecar in self.servers.values())]
        return "\n".join(f"--- {process.name}:\n{process.log_tail()}" for process in processes)

    def _on_free_ports(self, text: str) -> str:
        """mesh.yaml with each of its ports moved to one that is free on this machine."""
        return re.sub(r"\b(" + "|".join(self._ports) + r")\b", lambda found: self._ports[found.group()], text)

    def _write(self, name: str, text: str) -> None:
        """Replaces the file in one step: the control plane sees the old one or the new one, never half of it."""
        draft = self._directory / name
        draft.write_text(text)
        draft.rename(self.config / name)

    def _start_instance(self, workload: Workload) -> None:
        port = int(self._ports[workload.port])
        process = self._processes.start(f"service-{workload.name}", [
            sys.executable, str(HERE / "service.py"), "--port", str(port), "--version", workload.version,
            "--instance", workload.name])
        self.instances[workload.name] = Instance(workload.name, port)
        wait_until(lambda: "listens on" in process.log.read_text(), process, "listening")

    def _start_server(self, workload: Workload) -> Sidecar:
        # The client and the servers share one machine, and with it the address outbound listeners bind to: only the
        # client's sidecar gets them.
        sidecar = self._start_sidecar(workload.name, workload.address, workload.app,
                                      {"LABELS": workload.labels, "REMORA_OUTBOUND": "none"})
        self.servers[workload.name] = sidecar
        return sidecar

    def _start_sidecar(self, name: str, address: str, account: str, metadata: dict) -> Sidecar:
        metadata = {"INTERCEPTION_MODE": "NONE", "NAMESPACE": "default", "SERVICE_ACCOUNT": account,
                    "WORKLOAD_NAME": name, **metadata}
        if self._envoy:
            metadata["REMORA_PLAIN_ENVOY"] = "true"  # stock Envoy lacks Istio's filters
        bootstrap = self._directory / f"sidecar-{name}.yaml"
        admin_address = self._directory / f"sidecar-{name}.admin"
        template = string.Template((HERE / "sidecar.yaml.in").read_text())
        bootstrap.write_text(template.substitute(
            address=address, workload=name, metadata=json.dumps(metadata), xds_port=self.xds_port, token=self._token))
        bootstrap.chmod(0o600)
        process = self._processes.start(f"sidecar-{name}", [
            self._envoy or str(self._binaries / "remora"), "-c", str(bootstrap), "--concurrency", "1",
            "--disable-hot-restart", "--drain-time-s", "1", "--admin-address-path", str(admin_address)])
        return Sidecar(process, admin_address)


def _fetch(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> str:
    request = urllib.request.Request(url, data=body, headers=headers or {})
    with urllib.request.urlopen(request, timeout=5) as reply:
        return reply.read().decode()
