"""The policies that are compared, each in a proxy of its own, and how such a proxy is configured."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from pathlib import Path

from load import curl, peers
from load.processes import Process, Processes, free_port, wait_until

_CONFIG = Path(__file__).resolve().parent / "config"


@dataclass(frozen=True)
class Contender:
    """A peer with a policy. `setting`: what its configuration says of that."""

    peer: str
    policy: str
    setting: str

    @property
    def name(self) -> str:
        return f"{self.peer} {self.policy}"


@dataclass
class Running:
    """A contender's process."""

    contender: Contender
    port: int
    process: Process


def _typed(name: str) -> str:
    """One of our own policies, with its defaults (docs/load-balancing.md)."""
    struct = {"@type": "type.googleapis.com/xds.type.v3.TypedStruct",
              "type_url": f"type.googleapis.com/remora.load_balancing_policies.v1.{name}", "value": {}}
    return "load_balancing_policy: " + json.dumps(
        {"policies": [{"typed_extension_config": {"name": name, "typed_config": struct}}]})


CONTENDERS = (
    Contender("haproxy", "roundrobin", "roundrobin"),
    Contender("haproxy", "leastconn", "leastconn"),
    Contender("haproxy", "random(2)", "random(2)"),
    Contender("envoy", "round_robin", "lb_policy: ROUND_ROBIN"),
    Contender("envoy", "least_request", "lb_policy: LEAST_REQUEST"),
    Contender("remora", "round_robin", "lb_policy: ROUND_ROBIN"),
    Contender("remora", "least_request", "lb_policy: LEAST_REQUEST"),
    Contender("remora", "peak_ewma", _typed("PeakEwma")),
    Contender("remora", "prequal", _typed("Prequal")),
)


def start(contender: Contender, ports: list[int], setup: peers.Setup, processes: Processes) -> Running:
    """The contender in front of the hosts on `ports`, once it hands on a request."""
    port = free_port()
    label = "".join(letter if letter.isalnum() else "_" for letter in contender.name)
    directory = setup.directory / label
    directory.mkdir(exist_ok=True)
    process = processes.start(label, _command(contender, port, ports, directory, setup))
    wait_until(lambda: curl.get(f"http://127.0.0.1:{port}/counts", peers.Ends()), process, "forwarding requests", 60.0)
    return Running(contender, port, process)


def _command(contender: Contender, port: int, ports: list[int], directory: Path, setup: peers.Setup) -> list[str]:
    if contender.peer == "haproxy":
        servers = "\n  ".join(f"server host{number} 127.0.0.1:{host}" for number, host in enumerate(ports))
        config = _render("haproxy.cfg.in", directory, port=port, policy=contender.setting, servers=servers)
        return [peers.installed("haproxy", "haproxy"), "-db", "-f", config]
    endpoints = json.dumps([{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": host}}}}
                            for host in ports])
    config = _render("bootstrap.yaml.in", directory, port=port, policy=contender.setting, endpoints=endpoints)
    return [peers.program(contender.peer, setup), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]


def _render(template: str, directory: Path, **fields) -> str:
    target = directory / template.removesuffix(".in")
    target.write_text(string.Template((_CONFIG / template).read_text()).substitute(fields))
    return str(target)
