"""The load: as fast as it goes by wrk, or at a fixed rate by h2load, with headers like those of a real client."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from load.peers import Missing, Proxy

_SCRIPT = Path(__file__).resolve().parent / "wrk_report.lua"
HEADERS = ("User-Agent: remora-bench/1.0", "Accept: application/json", "Accept-Encoding: gzip, deflate",
            "X-Request-Id: 6d2b3a7e-0c5f-4f2e-9d0e-0f3f1f6f7a11", "Cookie: session=0123456789abcdef0123456789abcdef")


@dataclass
class Sample:
    """One round of load through one proxy."""

    requests: int
    requests_per_second: float
    cpu_us_per_request: float
    cpu_share: float  # of one core, while the load ran
    p50_us: float
    p99_us: float
    rss_kib: int
    errors: int


def check() -> None:
    for program, package in (("wrk", "wrk"), ("h2load", "nghttp2-client")):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed (Debian package {package}; ./dev setup installs it)")


def saturate(proxy: Proxy, connections: int, seconds: float) -> Sample:
    """One warm-up second, then a round of as many requests as the proxy will take."""
    _wrk(proxy.url, connections, 1)
    return _sample(proxy, seconds, lambda: _wrk(proxy.url, connections, seconds))


def load(target, connections: int, seconds: float) -> Sample:
    """A round at full speed against anything with a name, a process, a url and headers of its own."""
    return _sample(target, seconds, lambda: _wrk(target.url, connections, seconds, target.headers))


def pace(proxy: Proxy, connections: int, seconds: float, rate: float, log: Path) -> Sample:
    """A round at a fixed rate, well below what the proxy could take: requests leave on time, not on the last answer."""
    return _sample(proxy, seconds, lambda: _h2load(proxy.url, connections, seconds, rate, log))


def _sample(proxy: Proxy, seconds: float, load: Callable[[], dict]) -> Sample:
    """Runs `load`, and reads what the proxy spends meanwhile."""
    rss: list[int] = []
    sampler = threading.Timer(seconds * 0.7, lambda: rss.append(proxy.process.usage().rss_kib))
    sampler.start()
    before = proxy.process.usage()
    result = load()
    cpu_seconds = proxy.process.usage().cpu_seconds - before.cpu_seconds
    sampler.join()
    if result["requests"] == 0:
        raise RuntimeError(f"{proxy.name} completed no request:\n{proxy.process.log_tail()}")
    return Sample(
        requests=result["requests"],
        requests_per_second=result["requests"] / result["seconds"],
        cpu_us_per_request=cpu_seconds * 1e6 / result["requests"],
        cpu_share=cpu_seconds / result["seconds"],
        p50_us=result["p50_us"], p99_us=result["p99_us"], rss_kib=rss[0], errors=result["errors"])


def _wrk(url: str, connections: int, seconds: float, headers: tuple[str, ...] = ()) -> dict:
    output = _run(["wrk", "--threads", "1", "--connections", str(connections),
                   "--duration", f"{max(1, round(seconds))}s", "--timeout", "10s", "--script", str(_SCRIPT),
                   *(word for header in (*HEADERS, *headers) for word in ("-H", header)), url])
    return json.loads(output.strip().splitlines()[-1])


def _h2load(url: str, connections: int, seconds: float, rate: float, log: Path) -> dict:
    log.unlink(missing_ok=True)  # h2load appends
    output = _run(["h2load", "--h1", "--threads", "1", "--clients", str(connections),
                   "--rps", f"{rate / connections:.3f}", "--duration", str(max(1, round(seconds))), f"--log-file={log}",
                   *(word for header in HEADERS for word in ("-H", header)), url])
    took = re.search(r"^finished in ([\d.]+)s", output, re.MULTILINE)
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    latencies = sorted(int(row[2]) for row in rows if row[1] == "200")
    if took is None or not latencies:
        raise RuntimeError(f"h2load completed no request:\n{output}")
    return {"requests": len(latencies), "seconds": float(took.group(1)), "errors": len(rows) - len(latencies),
            "p50_us": latencies[len(latencies) // 2], "p99_us": latencies[len(latencies) * 99 // 100]}


def _run(command: list[str]) -> str:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {output}")
    return output
