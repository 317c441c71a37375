"""The load: wrk with a fixed number of keep-alive connections, and headers like those of a real client."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from load.peers import Missing, Proxy

_SCRIPT = Path(__file__).resolve().parent / "wrk_report.lua"
_HEADERS = ("User-Agent: remora-bench/1.0", "Accept: application/json", "Accept-Encoding: gzip, deflate",
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
    if shutil.which("wrk") is None:
        raise Missing("wrk is not installed (Debian package wrk; ./dev setup installs it)")


def run(url: str, connections: int, seconds: float) -> dict:
    """Loads `url` and returns what wrk counted."""
    headers = [word for header in _HEADERS for word in ("-H", header)]
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s",
               "--timeout", "10s", "--script", str(_SCRIPT), *headers, url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, complaint = process.communicate()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"wrk failed: {complaint or output}")
    return json.loads(output.strip().splitlines()[-1])


def measure(proxy: Proxy, connections: int, seconds: float) -> Sample:
    """One warm-up second, then one measured round."""
    run(proxy.url, connections, 1)
    rss: list[int] = []
    sampler = threading.Timer(seconds * 0.7, lambda: rss.append(proxy.process.usage().rss_kib))
    sampler.start()
    before = proxy.process.usage()
    result = run(proxy.url, connections, seconds)
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
