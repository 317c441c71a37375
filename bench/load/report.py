"""Turns the samples of a run into medians, ratios, a table and the files in bench/results/."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from load import peers
from load.generator import Sample

_FIELDS = ("requests_per_second", "cpu_us_per_request", "cpu_share", "p50_us", "p99_us")
_REFERENCES = ("haproxy", "envoy")


@dataclass
class Measured:
    """All rounds of one proxy."""

    version: str
    idle_rss_kib: int
    samples: list[Sample]
    counted: int | None = None  # requests by the proxy's own statistics, where it has Envoy's


def summary(measured: dict[str, Measured], missing: dict[str, str], settings: dict) -> dict:
    """The result of a run as plain data: what http1.json holds."""
    proxies = {name: _one(result) for name, result in measured.items()}
    for name, proxy in proxies.items():
        proxy["ratios"] = {reference: _ratios(measured[name], measured[reference])
                           for reference in _REFERENCES if reference in measured}
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu_model(), "kernel": platform.release(), "cpus": _cpus()},
        "commit": _commit(),
        "settings": settings,
        "proxies": proxies,
        "not_run": missing,
    }


def _one(result: Measured) -> dict:
    spread = {field: _spread([getattr(sample, field) for sample in result.samples]) for field in _FIELDS}
    return {
        "version": result.version,
        **spread,
        "idle_rss_kib": result.idle_rss_kib,
        "loaded_rss_kib": max(sample.rss_kib for sample in result.samples),
        "errors": sum(sample.errors for sample in result.samples),
        "requests": sum(sample.requests for sample in result.samples),
        "requests_by_own_statistics": result.counted,
        "samples": [asdict(sample) for sample in result.samples],
    }


def _spread(values: list[float]) -> dict:
    return {"median": median(values), "min": min(values), "max": max(values)}


def _ratios(of: Measured, to: Measured) -> dict:
    """Round by round against the reference's neighbouring round, so that a drift of the machine cancels out."""
    return {field: _spread([getattr(a, field) / getattr(b, field) for a, b in zip(of.samples, to.samples)])
            for field in ("requests_per_second", "cpu_us_per_request", "p99_us")}


def markdown(data: dict) -> str:
    """The table of a run."""
    settings = data["settings"]
    lines = [
        "# HTTP/1.1 through one worker of each proxy", "",
        f"{data['when']}, commit {data['commit']}; {data['machine']['cpu']}, {data['machine']['cpus']} CPUs, "
        f"Linux {data['machine']['kernel']}.",
        f"wrk with {settings['connections']} keep-alive connections over loopback, {settings['rounds']} interleaved "
        f"rounds of {settings['seconds']:g} s, {settings['body_bytes']}-byte answers from the {settings['backend']} "
        "backend. Medians of the rounds, with [min - max]. Latency is that of a closed loop at full load: it compares "
        "the proxies, it does not predict a service.", "",
        "| proxy | requests/s | CPU us/request | p50 us | p99 us | RSS idle / loaded MiB | errors "
        "| CPU of haproxy | CPU of Envoy |",
        "|---|---|---|---|---|---|---|---|---|"]
    lines += [_row(name, proxy) for name, proxy in data["proxies"].items()]
    lines += [f"| {name} | not run: {reason} | | | | | | | |" for name, reason in data["not_run"].items()]
    lines += ["", "Versions: " + "; ".join(f"{name}: {proxy['version']}" for name, proxy in data["proxies"].items()) + "."]
    return "\n".join(lines) + "\n"


def _row(name: str, proxy: dict) -> str:
    def cell(field: str, form: str) -> str:
        value = proxy[field]
        return f"{value['median']:{form}} [{value['min']:{form}} - {value['max']:{form}}]"

    def ratio(reference: str) -> str:
        if reference not in proxy["ratios"]:
            return ""
        value = proxy["ratios"][reference]["cpu_us_per_request"]
        return f"{value['median']:.2f}x [{value['min']:.2f} - {value['max']:.2f}]"

    return (f"| {name} | {cell('requests_per_second', ',.0f')} | {cell('cpu_us_per_request', '.1f')} "
            f"| {cell('p50_us', ',.0f')} | {cell('p99_us', ',.0f')} "
            f"| {proxy['idle_rss_kib'] / 1024:.1f} / {proxy['loaded_rss_kib'] / 1024:.1f} | {proxy['errors']} "
            f"| {ratio('haproxy')} | {ratio('envoy')} |")


def write(data: dict, directory: Path, name: str) -> list[Path]:
    """Writes NAME.json, NAME.md and NAME.png; returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{name}.{ending}" for ending in ("json", "md", "png")]
    paths[0].write_text(json.dumps(data, indent=1) + "\n")
    paths[1].write_text(markdown(data))
    plot = Path(__file__).resolve().parent / "plot.py"
    subprocess.run([str(peers.python()), str(plot), str(paths[0]), str(paths[2])], check=True)
    return paths


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _commit() -> str:
    run = subprocess.run(["git", "-C", str(peers.ROOT), "rev-parse", "--short", "HEAD"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return run.stdout.strip() or "unknown"
