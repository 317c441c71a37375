"""The last of many routes, or virtual hosts, against a table with that one alone: CPU per request.

Every proxy runs twice per case, with the large table and with the small one, and both get the same request. Rounds
are interleaved; the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import Callable

from load import curl, generator, peers
from load.ends import Ends
from load.processes import free_port, wait_until

TITLE = "The last of many routes"
PEERS = ("remora", "envoy")
WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Case:
    """A kind of table: `hosts(n)` are the virtual hosts of the one with n entries, numbered so that the last is wanted."""

    name: str
    size: int
    target: float | None  # Remora's aim: cost of the last over cost of the only one
    hosts: Callable[[range], list[dict]]
    path: str
    authority: str = "svc.mesh"


def _all(routes: list[dict]) -> list[dict]:
    return [{"name": "all", "domains": ["*"], "routes": routes}]


def _to_backend(match: dict) -> dict:
    return {"match": match, "route": {"cluster": "backend"}}


def _prefixes(numbers: range) -> list[dict]:
    return _all([_to_backend({"prefix": f"/service/{n:07}/"}) for n in numbers])


def _regexes(numbers: range) -> list[dict]:
    return _all([_to_backend({"safe_regex": {"regex": f"/v[0-9]+/service{n:07}/.*"}}) for n in numbers])


def _exact(numbers: range) -> list[dict]:
    return _all([_to_backend({"path": f"/service/{n:07}/items"}) for n in numbers])


def _hosts(numbers: range) -> list[dict]:
    return [{"name": f"svc{n}", "domains": [f"svc{n:07}.mesh"], "routes": [_to_backend({"prefix": "/"})]} for n in numbers]


CASES = (
    Case("prefix routes", 10000, 1.05, _prefixes, "/service/0009999/items"),
    Case("exact paths", 10000, 1.05, _exact, "/service/0009999/items"),
    Case("regex routes", 1000, 1.10, _regexes, "/v2/service0000999/items"),
    Case("virtual hosts", 10000, 1.05, _hosts, "/items", "svc0009999.mesh"),
)


class Table:
    """One proxy with one table."""

    def __init__(self, peer: str, case: Case, size: int, setup: peers.Setup, processes) -> None:
        self.name = f"{peer}, {size} {case.name}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{case.path}"
        self.headers = (f"Host: {case.authority}",)
        config = setup.directory / f"{peer}-{case.name.replace(' ', '-')}-{size}.json"
        config.write_text(json.dumps(_bootstrap(port, setup.backend_port, case.hosts(range(case.size - size, case.size)))))
        command = [peers.program(peer, setup), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
        self.process = processes.start(self.name.replace(",", "").replace(" ", "-"), command)
        wait_until(lambda: self._reply() is not None, self.process, "answering", 120.0)
        reply = self._reply()
        if reply is None or reply.status != 200:
            raise RuntimeError(f"{self.name} does not forward {case.path}: {reply}")

    def _reply(self):
        return curl.get(self.url, Ends(), "--header", self.headers[0])


def _bootstrap(port: int, backend_port: int, hosts: list[dict]) -> dict:
    hcm = {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
           "stat_prefix": "scale", "generate_request_id": False, "route_config": {"name": "scale", "virtual_hosts": hosts},
           "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
               "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "dynamic_stats": False}}]}
    limits = {key: 100000 for key in ("max_connections", "max_pending_requests", "max_requests", "max_retries")}
    return {"static_resources": {
        "listeners": [{"name": "scale", "address": _address(port), "filter_chains": [{"filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm}]}]}],
        "clusters": [{"name": "backend", "type": "STATIC", "connect_timeout": "10s",
                      "circuit_breakers": {"thresholds": [limits]},
                      "load_assignment": {"cluster_name": "backend", "endpoints": [
                          {"lb_endpoints": [{"endpoint": {"address": _address(backend_port)}}]}]}}]}}


def _address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def run(arguments, setup: peers.Setup, processes, say) -> dict:
    generator.check()
    peers.start_backend(setup, processes, arguments.backend, arguments.body_bytes)
    cases, missing = [], {}
    for case in CASES:
        figures = {}
        for peer in (name for name in PEERS if name in arguments.peers):
            try:
                figures[peer] = _compare(peer, case, arguments, setup, processes, say)
            except (peers.Missing, RuntimeError) as error:
                missing[f"{peer}, {case.name}"] = str(error).splitlines()[-1]
                say(f"bench: {case.name}: {peer} NOT RUN: {error}")
        cases.append({"name": case.name, "size": case.size, "target": case.target, "peers": figures})
    settings = {key: getattr(arguments, key) for key in ("rounds", "seconds", "connections", "body_bytes")}
    return {"settings": settings, "cases": cases, "missing": missing}


def _compare(peer: str, case: Case, arguments, setup: peers.Setup, processes, say) -> dict:
    """Rounds of the small and the large table in turn; both processes end with the comparison."""
    tables = [Table(peer, case, size, setup, processes) for size in (1, case.size)]
    try:
        for table in tables:
            generator.load(table, arguments.connections, WARM_UP_SECONDS)
        rounds = []
        for number in range(1, arguments.rounds + 1):
            # The order changes from round to round: whoever comes first meets another machine than the second.
            pair = {id(table): generator.load(table, arguments.connections, arguments.seconds).cpu_us_per_request
                    for table in (tables if number % 2 else reversed(tables))}
            rounds.append([pair[id(table)] for table in tables])
            say(f"bench: {case.name}, round {number}/{arguments.rounds}  {peer:8} {rounds[-1][0]:6.1f} us alone, "
                f"{rounds[-1][1]:6.1f} us as the last of {case.size}")
        return {"alone_us": median(alone for alone, _ in rounds), "last_us": median(last for _, last in rounds),
                "ratio": median(last / alone for alone, last in rounds), "rounds": rounds,
                "rss_mib": tables[1].process.usage().rss_kib / 1024}
    finally:
        for table in tables:
            table.process.end()


def rows(data: dict) -> list[str]:
    lines = ["CPU of a request that the last entry takes, against a table with that entry alone (median of "
             f"{data['settings']['rounds']} rounds of {data['settings']['seconds']:g} s).", "",
             "| the last of | proxy | alone | last | ratio | aim | memory |", "|---|---|---|---|---|---|---|"]
    for case in data["cases"]:
        for peer, figures in case["peers"].items():
            aim = f"<= {case['target']:.2f}" if peer == "remora" and case["target"] else ""
            lines.append(f"| {case['size']:,} {case['name']} | {peer} | {figures['alone_us']:.1f} us | {figures['last_us']:.1f} us | "
                         f"{figures['ratio']:.3f} | {aim} | {figures['rss_mib']:.0f} MiB |")
    lines += [f"\nNot run: {name}: {why}" for name, why in data["missing"].items()]
    return lines
