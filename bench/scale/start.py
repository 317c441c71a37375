"""The start with a large bootstrap: N clusters, N virtual hosts, N prefix routes in another one and up to 1,000 regular expressions
in a third, all in one file. Seconds until the first answer, and memory after it; the median of several starts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median

from load import peers
from load.processes import Process, free_port, memory_kib
from updates.one_of_many import answers

TITLE = "The start with a large bootstrap"
PEERS = ("remora", "envoy")
SIZES = (100, 2000, 10000)
STARTS = 3
MAX_REGEXES = 1000
GOAL_SECONDS, GOAL_MIB = 0.5, 80  # with 10,000 of each


def _to(cluster: int, match: dict) -> dict:
    return {"match": match, "route": {"cluster": f"service-{cluster}"}}


def _hosts(count: int) -> list[dict]:
    ready = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    hosts = [{"name": "ready", "domains": ["ready.test"], "routes": [ready]}]
    hosts += [{"name": f"service-{n}", "domains": [f"service-{n}.test"], "routes": [_to(n, {"prefix": "/"})]} for n in range(count)]
    prefixes = [_to(n, {"prefix": f"/service/{n:07}/"}) for n in range(count)]
    regexes = [_to(n, {"safe_regex": {"regex": f"/v[0-9]+/service{n:07}/.*"}}) for n in range(min(count, MAX_REGEXES))]
    return hosts + [{"name": "prefixes", "domains": ["prefixes.test"], "routes": prefixes},
                    {"name": "regexes", "domains": ["regexes.test"], "routes": regexes}]


def _cluster(number: int) -> dict:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 1 + number % 60000}}
    return {"name": f"service-{number}", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": f"service-{number}",
                                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}}


def bootstrap(count: int, port: int) -> dict:
    kind = "type.googleapis.com/envoy.extensions.filters"
    manager = {"@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "in",
               "route_config": {"name": "routes", "virtual_hosts": _hosts(count)},
               "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}]}
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                "filter_chains": [{"filters": filters}]}
    admin = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
    return {"admin": admin, "static_resources": {"listeners": [listener], "clusters": [_cluster(n) for n in range(count)]}}


def _start(name: str, program: str, count: int, directory: Path) -> dict:
    port = free_port()
    file = directory / f"start-{name}-{count}.json"
    file.write_text(json.dumps(bootstrap(count, port)))
    began = time.monotonic()
    process = Process(name, [program, "-c", str(file), "--concurrency", "2", "-l", "warning"], file.with_suffix(".log"))
    try:
        while not answers(port):
            if time.monotonic() - began > 120 or not process.running():
                raise RuntimeError(f"{name} does not serve: {process.log_tail()}")
            time.sleep(0.002)
        seconds = time.monotonic() - began
        time.sleep(0.2)  # what it gives back once it serves
        return {"seconds": seconds, "mib": memory_kib(process.pid) / 1024, "peak_mib": memory_kib(process.pid, "VmHWM") / 1024}
    finally:
        process.end()


def run(arguments, setup: peers.Setup, _processes, say) -> dict:
    data = {"proxies": {}, "missing": {}}
    for name in (name for name in PEERS if name in arguments.peers):
        try:
            program = peers.program(name, setup)
            for count in SIZES:
                starts = [_start(name, program, count, setup.directory) for _ in range(STARTS)]
                figures = {key: median(start[key] for start in starts) for key in starts[0]}
                data["proxies"].setdefault(name, {})[str(count)] = figures
                say(f"bench: start: {name} with {count:,} of each: {figures['seconds']:.2f} s, {figures['mib']:.0f} MiB")
        except (peers.Missing, RuntimeError) as error:
            data["missing"][name] = str(error).splitlines()[-1]
            say(f"bench: start: {name} NOT RUN: {error}")
    return data


def rows(data: dict) -> list[str]:
    lines = ["N clusters, N virtual hosts, N prefix routes and up to 1,000 regular expressions in the bootstrap, two workers; "
             f"median of {STARTS} starts. The aim with 10,000: {GOAL_SECONDS} s, {GOAL_MIB} MiB.", "",
             "| proxy | N | first answer, s | resident, MiB | at its peak, MiB |", "|---|---|---|---|---|"]
    for name, sizes in data["proxies"].items():
        for count, figures in sizes.items():
            lines.append(f"| {name} | {int(count):,} | {figures['seconds']:.2f} | {figures['mib']:.0f} | {figures['peak_mib']:.0f} |")
    return lines + [f"\nNot run: {name}: {why}" for name, why in data["missing"].items()]
