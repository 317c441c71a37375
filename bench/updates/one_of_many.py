"""A proxy with many clusters from a management server (go-control-plane, delta ADS): how long it takes until it serves, what it
holds, and what one changed cluster, endpoint or virtual host costs it in CPU, all threads together."""

from __future__ import annotations

import json
import socket
import statistics
import sys
import time
from pathlib import Path

from load import peers, results
from load.processes import Process, free_port, memory_kib

sys.path.insert(0, str(peers.ROOT / "tests"))

_FEW = 10  # clusters of the proxy that the large one is compared with
_QUIET = 0.1  # seconds without CPU after which a change is over


def cpu_ms(pid: int) -> dict[str, float]:
    """CPU of each thread so far."""
    threads = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = f"{(task / 'comm').read_text().strip()} {task.name}"
        threads[name] = int((task / "schedstat").read_text().split()[0]) / 1e6
    return threads


class Many:
    """The resources: clusters over EDS, and one route table with a virtual host for each, in it or (`vhds`) on its own."""

    def __init__(self, count: int, port: int, vhds: bool):
        from support import bootstrap  # noqa: PLC0415: only this benchmark needs the tests' helpers

        self.make, self.port = bootstrap, port
        names = [f"service-{number}" for number in range(count)]
        self.clusters = [bootstrap.cluster(name, eds=bootstrap.over_ads()) for name in names]
        self.endpoints = [bootstrap.assignment(name, 1 + number % 60000) for number, name in enumerate(names)]
        self.vhds = vhds
        prefix = "routes/" if vhds else ""
        self.hosts = [bootstrap.virtual_host(bootstrap.route(to=name), name=prefix + name, domains=[f"{name}.test"]) for name in names]
        self.ready = bootstrap.virtual_host(bootstrap.route(respond=(200, "ready")), name="ready", domains=["ready.test"])
        rds = {"route_config_name": "routes", "config_source": bootstrap.over_ads()}
        self.listeners = [bootstrap.listener(bootstrap.http(rds=rds), port=port)]

    def routes(self) -> dict:
        if not self.vhds:
            return {"routes": [self.make.routing(self.ready, *self.hosts)]}
        source = {"ads": {}, "resource_api_version": "V3"}
        return {"routes": [self.make.routing(self.ready, vhds={"config_source": source})], "hosts": self.hosts}

    def change(self, kind: str, number: int) -> dict:
        """What the server is to be told so that one resource is another one."""
        if kind == "cluster":
            self.clusters[number]["connect_timeout"] = f"{3 + number}s"
            return {"clusters": self.clusters}
        if kind == "endpoint":
            name = self.endpoints[number]["cluster_name"]
            self.endpoints[number] = self.make.assignment(name, 61000 + number)
            return {"endpoints": self.endpoints}
        self.hosts[number]["routes"][0]["route"]["timeout"] = f"{20 + number}s"
        return self.routes()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: ready.test\r\nconnection: close\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def settled_cpu(pid: int) -> dict[str, float]:
    before = cpu_ms(pid)
    while True:
        time.sleep(_QUIET)
        after = cpu_ms(pid)
        if sum(after.values()) - sum(before.values()) < 0.5:
            return after
        before = after


def one_change(server, pid: int, url: str, change: dict) -> dict[str, float]:
    """CPU of each thread for one change, from before the server knows of it until nothing moves any more."""
    before = settled_cpu(pid)
    answered = len(server.requests_of(url))
    server.set(**change)
    server.wait_request(url, lambda request: len(server.requests_of(url)) > answered, "an answer to the change")
    after = settled_cpu(pid)
    return {name: after[name] - before.get(name, 0) for name in after}


def begin(name: str, program: str, server, many: Many, directory: Path) -> Process:
    """The proxy, once it serves."""
    config = many.make.bootstrap(ads=server.port)
    config["dynamic_resources"]["ads_config"]["api_type"] = "DELTA_GRPC"
    file, log = directory / f"{name}.json", directory / f"{name}.log"
    file.write_text(json.dumps(config))
    began = time.monotonic()
    process = Process(name, [program, "-c", str(file), "--concurrency", "2", "-l", "warning"], log)
    try:
        while not answers(many.port):
            if time.monotonic() - began > 120:
                raise RuntimeError(f"{name} did not serve in time: {log.read_text()[-500:]}")
            time.sleep(0.005)
    except BaseException:
        process.end()
        raise
    return process


def rss_with_few(name: str, program: str, directory: Path, vhds: bool) -> float:
    """What a proxy holds that has ten clusters: beyond that it is the clusters that count."""
    from support.management_server import ManagementServer  # noqa: PLC0415

    few = Many(_FEW, free_port(), vhds)
    with ManagementServer() as server:
        server.set(few.clusters, few.endpoints, few.listeners, **few.routes())
        process = begin(f"{name}-few", program, server, few, directory)
        try:
            settled_cpu(process.pid)
            return memory_kib(process.pid) / 1024
        finally:
            process.end()


def run(name: str, program: str, arguments, directory: Path, say) -> dict:
    from support.ads import CLUSTERS, ENDPOINTS, ROUTES, VIRTUAL_HOSTS  # noqa: PLC0415
    from support.management_server import ManagementServer  # noqa: PLC0415

    small = rss_with_few(name, program, directory, arguments.vhds)
    many = Many(arguments.clusters, free_port(), arguments.vhds)
    with ManagementServer() as server:
        server.set(many.clusters, many.endpoints, many.listeners, **many.routes())
        began = time.monotonic()
        process = begin(name, program, server, many, directory)
        try:
            figures = {"ready_seconds": time.monotonic() - began}
            figures["ready_cpu_ms"] = sum(settled_cpu(process.pid).values())
            figures["rss_mib"] = memory_kib(process.pid) / 1024
            figures["bytes_per_cluster"] = round((figures["rss_mib"] - small) * 2**20 / (arguments.clusters - _FEW))
            say(f"bench: {name}: {figures['rss_mib']:.0f} MiB resident, {small:.0f} with {_FEW} clusters: "
                f"{figures['bytes_per_cluster']:,} bytes for each cluster with its endpoint and virtual host")
            for kind, url in (("cluster", CLUSTERS), ("endpoint", ENDPOINTS), ("route", ROUTES)):
                costs = [one_change(server, process.pid, url, many.change(kind, number)) for number in range(arguments.rounds)]
                totals = [sum(cost.values()) for cost in costs]
                figures[f"{kind}_ms"] = statistics.median(totals)
                figures[f"{kind}_threads_ms"] = {thread: round(value, 2) for thread, value in costs[-1].items() if value > 0.05}
                say(f"bench: {name}: one {kind} of {arguments.clusters:,}: {figures[f'{kind}_ms']:.2f} ms of CPU")
            return figures
        finally:
            process.end()


def markdown(data: dict) -> str:
    lines = [f"One change among {data['clusters']:,} clusters over delta ADS, two workers.", "",
             "| proxy | ready, s | CPU until then, ms | resident, MiB | bytes for each cluster | one cluster, ms | one endpoint, ms | one virtual host, ms |",
             "|---|---|---|---|---|---|---|---|"]
    for name, figures in data["proxies"].items():
        lines.append(f"| {name} | {figures['ready_seconds']:.2f} | {figures['ready_cpu_ms']:.0f} | {figures['rss_mib']:.0f} | {figures['bytes_per_cluster']:,} | "
                     f"{figures['cluster_ms']:.2f} | {figures['endpoint_ms']:.2f} | {figures['route_ms']:.2f} |")
    return "\n".join(lines) + "\n"


def write(data: dict, directory: Path) -> list[Path]:
    return results.write(data, f"{markdown(data)}\n{results.line(data)}\n", directory, "updates")
