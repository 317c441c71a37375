"""A route table of 100 MB over ADS (state of the world, then delta), changed under traffic: in one route, then in every virtual
host. How long a worker's longest turn was, what the memory did meanwhile, and whether a request was lost."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from load import peers, results
from load.processes import Process, free_port, memory_kib
from scale import probe

sys.path.insert(0, str(peers.ROOT / "tests"))

_PROBES = 2
_CALM = 2.0  # seconds of traffic before a change
_REST = 5.0  # and after it has arrived
_ROUTES_A_HOST = 23
_PATIENCE = 300.0


def table(mib: int) -> tuple[bytes, int]:
    """The first version of a table of that size, and how many virtual hosts it has."""
    from envoy.config.route.v3 import route_components_pb2, route_pb2  # noqa: PLC0415: only this benchmark needs them
    from google.protobuf import json_format  # noqa: PLC0415
    from support import bootstrap as make  # noqa: PLC0415

    routes = [make.route(f"/api/v{number}/", headers=[make.header("x-env", exact="prod")], to="up", timeout="5s",
                         request_headers_to_add=[make.add_header("x-team", "payments")], name=f"route-{number}")
              for number in range(_ROUTES_A_HOST - 3)]
    routes += [make.route(path="/exact/path", to="up"), make.route(regex="/items/[0-9]+", to="up"), make.route("/", to="up")]
    shape = json_format.ParseDict(make.virtual_host(*routes, name="x"), route_components_pb2.VirtualHost())
    ready = make.virtual_host(make.route(respond=(200, "table-1")), name="ready", domains=["ready.test"])
    config = route_pb2.RouteConfiguration(name="routes")
    count = mib * 2**20 // shape.ByteSize()
    for number in range(count):
        host = config.virtual_hosts.add()
        host.CopyFrom(shape)
        host.name = f"service-{number}"
        host.domains[:] = [f"service-{number}.shop.svc.cluster.local"]
    config.virtual_hosts.append(json_format.ParseDict(ready, route_components_pb2.VirtualHost()))
    return config.SerializeToString(), count


def versions(first: bytes) -> dict[str, bytes]:
    """The changes, by name. Each is answered for as table-2, table-3."""
    one = first.replace(b"/items/[0-9]+", b"/items/[a-z]+", 1).replace(b"table-1", b"table-2")
    return {"one route": one, "every virtual host": one.replace(b"/api/v", b"/api/w").replace(b"table-2", b"table-3")}


class State:
    """A management server that speaks state of the world."""

    def __init__(self, listener: dict, cluster: dict):
        from support.ads import CLUSTERS, LISTENERS, ROUTES, AdsServer  # noqa: PLC0415

        self.server, self.url = AdsServer(), ROUTES
        self.server.muted.add(ROUTES)
        self.server.set(CLUSTERS, [cluster])
        self.server.set(LISTENERS, [listener])

    def wait(self) -> None:
        self.server.wait_request(self.url)

    def send(self, version: str, value: bytes) -> None:
        from envoy.service.discovery.v3 import discovery_pb2  # noqa: PLC0415
        from google.protobuf import any_pb2  # noqa: PLC0415

        resource = any_pb2.Any(type_url=self.url, value=value)
        self.server.current.outbox.put(discovery_pb2.DiscoveryResponse(
            type_url=self.url, version_info=version, nonce=version, resources=[resource]).SerializeToString())


class Delta:
    """One that speaks of differences."""

    def __init__(self, listener: dict, cluster: dict):
        from support.ads import CLUSTERS, LISTENERS, ROUTES  # noqa: PLC0415
        from support.delta_ads import DeltaAdsServer  # noqa: PLC0415

        self.server, self.url = DeltaAdsServer(), ROUTES
        self.server.holding.add(ROUTES)
        self.server.put(CLUSTERS, cluster["name"], cluster)
        self.server.put(LISTENERS, listener["name"], listener)

    def wait(self) -> None:
        self.server.wait_asked(self.url, "routes")

    def send(self, version: str, value: bytes) -> None:
        from envoy.service.discovery.v3 import discovery_pb2  # noqa: PLC0415

        response = discovery_pb2.DeltaDiscoveryResponse(type_url=self.url, nonce=version)
        entry = response.resources.add(name="routes", version=version)
        entry.resource.type_url, entry.resource.value = self.url, value
        next(stream for stream in self.server.streams if stream.open).outbox.put(response.SerializeToString())


VARIANTS = {"state of the world": (State, "GRPC"), "delta": (Delta, "DELTA_GRPC")}


@contextmanager
def proxy(server, api: str, port: int, setup, turns: Path):
    """A proxy of two workers that writes its turns down."""
    from support import bootstrap as make  # noqa: PLC0415

    config = make.bootstrap(ads=server.server.port)
    config["dynamic_resources"]["ads_config"]["api_type"] = api
    config["dynamic_resources"]["lds_config"]["initial_fetch_timeout"] = f"{_PATIENCE:.0f}s"
    file = setup.directory / "large-table.json"
    file.write_text(json.dumps(config))
    shim = setup.build / "libbench_turns.so"
    if not shim.exists():
        raise peers.Missing(f"{shim} is not built")
    program = peers.built(setup, "remora", "remora")
    command = ["env", f"LD_PRELOAD={shim}", f"TURNS_FILE={turns}", program, "-c", str(file), "--concurrency", "2", "-l", "warning"]
    process = Process("remora", command, setup.directory / "large-table.log")
    try:
        server.wait()
        yield process
    finally:
        process.end()


def answered(port: int, wanted: str) -> None:
    """Waits until that version serves."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with probe.connect(port) as client:
                if probe.ask(client) == wanted:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{wanted} did not arrive in {_PATIENCE:.0f} s")


class Memory:
    """Resident memory over time: (seconds since the change, MiB)."""

    def __init__(self, pid: int):
        self.pid, self.before, self.began, self.samples = pid, memory_kib(pid) / 1024, time.monotonic(), []

    def watch(self, done) -> None:
        while not done():
            self.samples.append((time.monotonic() - self.began, memory_kib(self.pid) / 1024))
            time.sleep(0.01)

    def figures(self) -> dict:
        doubled = [at for at, mib in self.samples if mib > 1.5 * self.before]
        return {"before_mib": round(self.before), "peak_mib": round(max(mib for _, mib in self.samples)),
                "after_mib": round(self.samples[-1][1]), "over_half_more_s": round(doubled[-1] - doubled[0], 2) if doubled else 0.0}


def longest_turn(turns: Path, since: float) -> tuple[float, float]:
    """Of the workers: the most CPU of one turn, and the longest one, in ms."""
    rows = [line.split("\t") for line in turns.read_text().splitlines()]
    late = [row for row in rows if row[0].startswith("wrk:") and float(row[1]) + float(row[2]) / 1e3 > since]
    return max((float(row[3]) for row in late), default=0.0), max((float(row[2]) for row in late), default=0.0)


def change(server, pid: int, port: int, version: str, value: bytes, setup, turns: Path) -> dict:
    """One change under traffic."""
    answer = f"table-{version}"
    files = [setup.directory / f"probe-{number}.json" for number in range(_PROBES)]
    script = str(Path(probe.__file__))
    clients = [Process(f"probe {file.stem}", [sys.executable, script, str(port), str(file)], file.with_suffix(".log")) for file in files]
    time.sleep(_CALM)
    memory = Memory(pid)
    server.send(version, value)
    arrived: list[float] = []

    def over() -> bool:
        if not arrived:
            with probe.connect(port) as client:
                if probe.ask(client) == answer:
                    arrived.append(time.monotonic())
        if not arrived and time.monotonic() > memory.began + _PATIENCE:
            raise RuntimeError(f"{answer} did not arrive in {_PATIENCE:.0f} s")
        return bool(arrived) and time.monotonic() > arrived[0] + _REST

    try:
        memory.watch(over)
    finally:
        for client in clients:
            client.end()
    samples = [sample for file in files for sample in json.loads(file.read_text())]
    busy = [took * 1e3 for at, took, _ in samples if at >= memory.began]
    cpu, wall = longest_turn(turns, memory.began)
    return {"arrived_s": round(arrived[0] - memory.began, 2), "turn_cpu_ms": cpu, "turn_ms": wall, **memory.figures(),
            "requests": len(samples), "lost": sum(body is None for _, _, body in samples), "slowest_ms": round(max(busy), 2)}


def run(arguments, setup, say) -> dict:
    from support import bootstrap as make  # noqa: PLC0415

    os.environ.setdefault("REMORA_TEST_DEADLINE", str(int(_PATIENCE)))
    load_before = os.getloadavg()[0]
    first, hosts = table(arguments.mib)
    say(f"bench: {hosts:,} virtual hosts, {hosts * _ROUTES_A_HOST:,} routes, {len(first) / 2**20:.1f} MiB")
    data = {**results.circumstances(load_before), "hosts": hosts, "routes": hosts * _ROUTES_A_HOST, "mib": round(len(first) / 2**20, 1), "variants": {}}
    for variant, (kind, api) in VARIANTS.items():
        port, turns = free_port(), setup.directory / f"turns-{api}.txt"
        turns.touch()
        rds = {"route_config_name": "routes", "config_source": make.over_ads(f"{_PATIENCE:.0f}s")}
        server = kind(make.listener(make.http(rds=rds), port=port), make.cluster("up", 9))
        with server.server, proxy(server, api, port, setup, turns) as process:
            server.send("1", first)
            answered(port, "table-1")
            time.sleep(_REST)
            rows = data["variants"][variant] = {}
            for number, (name, value) in enumerate(versions(first).items(), 2):
                rows[name] = change(server, process.pid, port, str(number), value, setup, turns)
                say(f"bench: {variant}: {name}: {rows[name]}")
    return data


def markdown(data: dict) -> str:
    lines = ["# A large route table, changed under traffic", "", "Written by `./dev bench large-table`; `bench/README.md` says how.", "",
             f"{data['hosts']:,} virtual hosts with {data['routes']:,} routes, {data['mib']} MiB over ADS; two workers, "
             f"{_PROBES} clients that ask 1,000 times a second each. A turn \"in all\", and a request, also wait for a processor that others "
             "have: on a busy machine the CPU time of a turn is the figure to watch.", "",
             "| protocol | changed | arrives after, s | longest turn of a worker: CPU, ms | in all, ms | slowest request, ms | requests | lost | "
             "memory before, MiB | peak | after | more than half more for, s |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for variant, rows in data["variants"].items():
        for name, row in rows.items():
            lines.append(f"| {variant} | {name} | {row['arrived_s']} | {row['turn_cpu_ms']:.2f} | {row['turn_ms']:.2f} | {row['slowest_ms']} | "
                         f"{row['requests']:,} | {row['lost']} | {row['before_mib']} | {row['peak_mib']} | {row['after_mib']} | {row['over_half_more_s']} |")
    lines += ["", results.line(data), ""]
    return "\n".join(lines)


def write(data: dict, directory: Path) -> list[Path]:
    return results.write(data, markdown(data), directory, "large_table")
