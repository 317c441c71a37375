"""remora-control over a real Kubernetes API server: start, many sidecars, and endpoints that change all the time."""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from load import peers, results
from load.processes import Process, free_port, memory_kib
from mesh import one_change
from mesh.cluster import Mesh, Writer, write_all
from mesh.sidecars import Sidecars

sys.path.insert(0, str(peers.ROOT / "tests"))


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Clock:
    """CPU seconds and memory of some processes, since a moment."""

    def __init__(self, **pids: int):
        self._pids = pids
        self._began = time.monotonic()
        self._cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}

    def stop(self) -> dict:
        took = time.monotonic() - self._began
        return {"seconds": took, "cpu_seconds": {name: cpu_seconds(pid) - self._cpu[name] for name, pid in self._pids.items()},
                "rss_mib": {name: memory_kib(pid) / 1024 for name, pid in self._pids.items()}}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def run(arguments, setup: peers.Setup, processes, say) -> dict:
    """One run from an empty API server to the end of the churn; the figures."""
    from support.kubernetes import KubernetesApi, available  # noqa: PLC0415: only this benchmark needs it

    if not available():
        raise peers.Missing("no kube-apiserver or etcd: `./dev test --kubernetes` builds and installs them")
    mesh = Mesh(arguments.services, arguments.endpoints)
    with KubernetesApi("--max-requests-inflight", "0", "--max-mutating-requests-inflight", "0",
                       "--enable-priority-and-fairness=false") as api:
        api.kubectl("apply", "--server-side", "-f", str(peers.ROOT / "docker" / "kubernetes" / "crds.yaml"))
        writer = Writer(api.port, api.context())
        began = time.monotonic()
        count = write_all(writer, mesh, arguments.pods, progress=lambda done: say(f"bench: {done:,} objects written"))
        say(f"bench: {count:,} objects in the API server after {time.monotonic() - began:.0f} s")
        with Run(arguments, setup, processes, api, mesh, writer, say) as measured:
            return measured.figures() | {"objects": count, "apiserver": "kube-apiserver v1.34.2"}


class Run:
    """remora-control and its sidecars."""

    def __init__(self, arguments, setup, processes, api, mesh, writer, say):
        self.arguments, self.mesh, self.writer, self.say = arguments, mesh, writer, say
        self.api = api
        self.sidecars = None
        xds, admin = free_port(), free_port()
        self.xds = f"127.0.0.1:{xds}"
        self.admin = admin
        self.began = time.monotonic()
        self.control: Process = processes.start("remora-control", [
            str(setup.build / "remora-control"), "--kubeconfig", str(api.kubeconfig("admin", "system:masters")),
            "--xds-address", self.xds, "--admin-address", f"127.0.0.1:{admin}", "--api-address", "127.0.0.1:0"])
        self.program = setup.build / "bench_sidecars"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.sidecars:
            self.sidecars.close()
        self.control.end()

    def figures(self) -> dict:
        return {"start": self._start(), "connect": self._connect(), "quiet": self._quiet(), "churn": self._churn(),
                "one_change": self._one_change()}

    def _start(self) -> dict:
        from support.http_client import fetch  # noqa: PLC0415

        def ready() -> bool:
            try:
                return fetch(self.admin, "/ready", headers={"connection": "close"}, host="admin").status == 200
            except OSError:
                return False

        while not ready():
            if not self.control.running() or time.monotonic() - self.began > 120:
                raise RuntimeError(f"remora-control is not ready:\n{self.control.log.read_text()[-2000:]}")
            time.sleep(0.02)
        figures = {"seconds": time.monotonic() - self.began, "cpu_seconds": cpu_seconds(self.control.pid),
                   "rss_mib": memory_kib(self.control.pid) / 1024}
        self.say(f"bench: ready after {figures['seconds']:.1f} s, {figures['cpu_seconds']:.1f} s CPU, {figures['rss_mib']:.0f} MiB")
        return figures

    def _connect(self) -> dict:
        clock = Clock(control=self.control.pid)
        self.sidecars = Sidecars(self.program, self.xds, self.arguments.sidecars, self.mesh.services, self.mesh.endpoints,
                                 self.arguments.xds)
        self.sidecars.wait_ready(300)
        figures = clock.stop()
        times = [when - self.sidecars.started for when, _ in self.sidecars.ready.values()]
        figures |= {"p50": quantile(times, 0.5), "last": max(times), "clusters": self.sidecars.clusters,
                    "mib_each": max(size for _, size in self.sidecars.ready.values()) / 2**20}
        self.say(f"bench: {len(times)} sidecars ready, the last after {figures['last']:.1f} s; {figures['rss_mib']['control']:.0f} MiB")
        return figures

    def _quiet(self) -> dict:
        """Nothing happens: what the control plane costs by being there."""
        clock = Clock(control=self.control.pid)
        time.sleep(min(5.0, self.arguments.seconds))
        return clock.stop()

    def _churn(self) -> dict:
        sent, acknowledged = {}, {}
        total = int(self.arguments.churn * self.arguments.seconds)
        clock = Clock(control=self.control.pid, apiserver=self.api.server.pid, etcd=self.api.etcd.pid, sidecars=self.sidecars.pid)
        began = time.monotonic()

        def change(number: int) -> None:
            time.sleep(max(0.0, began + number / self.arguments.churn - time.monotonic()))
            sent[number] = time.time()
            self.mesh.change(self.writer, number % self.mesh.services, number)
            acknowledged[number] = time.time()
            if number % self.arguments.churn == 0:
                self.say(f"bench: {number:,} of {total:,} endpoint changes")

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(change, range(total)))
        took = time.monotonic() - began
        for number in range(max(0, total - 50), total):
            self.sidecars.wait_seen(number, 60)
        figures = clock.stop()
        pushes = [when - sent[number] for number, arrivals in self.sidecars.seen.items() for when in arrivals]
        writes = [acknowledged[number] - sent[number] for number in sent]
        missing = total * self.arguments.sidecars - len(pushes)
        return figures | {"changes": total, "per_second": total / took, "arrivals": len(pushes), "missing": missing,
                          "push_ms": {name: quantile(pushes, share) * 1000 for name, share in SHARES.items()},
                          "write_ms": {name: quantile(writes, share) * 1000 for name, share in SHARES.items()},
                          "cpu_ms_per_change": figures["cpu_seconds"]["control"] * 1000 / total}


    def _one_change(self) -> dict:
        used = int(self.arguments.churn * self.arguments.seconds)
        return one_change.measure(self.mesh, self.writer, self.sidecars, self.control.pid, itertools.count(used), self.say)


SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


XDS = {"state": "ADS (state of the world)", "delta": "delta ADS"}


def summary(figures: dict, arguments, load_before: float) -> dict:
    keys = ("services", "endpoints", "sidecars", "churn", "seconds", "pods", "xds")
    return {**results.circumstances(load_before), "settings": {key: getattr(arguments, key) for key in keys}, **figures}


def markdown(data: dict) -> str:
    settings, start, connect, quiet, churn = (data[key] for key in ("settings", "start", "connect", "quiet", "churn"))
    total = settings["services"] * settings["endpoints"]
    rows = [
        ("start: everything read, ready", f"{start['seconds']:.1f} s", f"{start['cpu_seconds']:.1f} s", f"{start['rss_mib']:.0f}"),
        (f"{settings['sidecars']} sidecars connect at once; {connect['clusters']:,} clusters, {connect['mib_each']:.1f} MiB for each",
         f"p50 {connect['p50']:.1f} s, last {connect['last']:.1f} s", f"{connect['cpu_seconds']['control']:.1f} s",
         f"{connect['rss_mib']['control']:.0f}"),
        ("nothing happens", f"{quiet['seconds']:.0f} s", f"{100 * quiet['cpu_seconds']['control'] / quiet['seconds']:.1f} % of a core",
         f"{quiet['rss_mib']['control']:.0f}"),
        (f"{churn['per_second']:.0f} endpoint changes a second", f"{churn['seconds']:.0f} s",
         f"{100 * churn['cpu_seconds']['control'] / churn['seconds']:.0f} % of a core; {churn['cpu_ms_per_change']:.2f} ms a change",
         f"{churn['rss_mib']['control']:.0f}")]
    push, write = churn["push_ms"], churn["write_ms"]
    others = ", ".join(f"{name} {100 * seconds / churn['seconds']:.0f} %" for name, seconds in churn["cpu_seconds"].items() if name != "control")
    return "\n".join([
        "# remora-control over a Kubernetes API server", "",
        results.line(data),
        f"{settings['services']:,} services, {total:,} endpoints{', as many pods' if settings['pods'] else ''}, in {data['apiserver']} over etcd, "
        f"and {settings['sidecars']} simulated sidecars over {XDS[settings['xds']]}, each with a connection of its own; all on this machine.",
        *(["Others were at work on the machine meanwhile: CPU time counts here, latencies only say what a crowd does to them."]
          if data["machine"]["load_before"] > 2 else []), "",
        "| | time | CPU of remora-control | RSS MiB |", "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows), "",
        "| milliseconds | p50 | p90 | p99 | max |", "|---|---|---|---|---|",
        "| from sending the write until a sidecar has it | " + " | ".join(f"{push[name]:.0f}" for name in SHARES) + " |",
        "| of these, until the API server has answered the write | " + " | ".join(f"{write[name]:.0f}" for name in SHARES) + " |", "",
        f"{churn['arrivals']:,} arrivals, {churn['missing']:,} of them missing. CPU of the others during the churn: {others} of a core.", "",
        *one_change.markdown(data["one_change"], settings["sidecars"])]) + "\n"


def write(data: dict, directory: Path) -> list[Path]:
    settings = data["settings"]
    name = "mesh" + ("" if settings["services"] == 2000 else f"-{settings['services']}") + ("-state" if settings["xds"] == "state" else "")
    return results.write(data, markdown(data), directory, name)
