"""Turns the samples of a run into medians, ratios, a table and the files in bench/results/."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from load import results
from load.generator import Sample

_FIELDS = ("requests_per_second", "cpu_us_per_request", "cpu_share", "p50_us", "p99_us")
_REFERENCES = ("haproxy", "envoy")


@dataclass
class Measured:
    """All rounds of one proxy."""

    version: str
    idle_rss_kib: int
    samples: list[Sample] = field(default_factory=list)  # at full speed
    paced: list[Sample] = field(default_factory=list)  # at the fixed rate
    counted: int | None = None  # requests by the proxy's own statistics, where it has Envoy's


def summary(measured: dict[str, Measured], missing: dict[str, str], settings: dict) -> dict:
    """The result of a run as plain data: what http1.json holds."""
    proxies = {name: _one(result) for name, result in measured.items()}
    for name, proxy in proxies.items():
        proxy["ratios"] = {reference: _ratios(measured[name], measured[reference])
                           for reference in _REFERENCES if reference in measured}
    return {
        **results.circumstances(settings.pop("load_before")),
        "settings": settings,
        "proxies": proxies,
        "not_run": missing,
    }


def _one(result: Measured) -> dict:
    return {
        "version": result.version,
        **_spreads(result.samples),
        "paced": _spreads(result.paced),
        "idle_rss_kib": result.idle_rss_kib,
        "loaded_rss_kib": max(sample.rss_kib for sample in result.samples),
        "errors": sum(sample.errors for sample in (*result.samples, *result.paced)),
        "requests": sum(sample.requests for sample in (*result.samples, *result.paced)),
        "requests_by_own_statistics": result.counted,
        "samples": [asdict(sample) for sample in result.samples],
        "paced_samples": [asdict(sample) for sample in result.paced],
    }


def _spreads(samples: list[Sample]) -> dict:
    return {name: _spread([getattr(sample, name) for sample in samples]) for name in _FIELDS}


def _spread(values: list[float]) -> dict:
    return {"median": median(values), "min": min(values), "max": max(values)}


def _ratios(of: Measured, to: Measured) -> dict:
    """Round by round against the reference's neighbouring round, so that a drift of the machine cancels out."""
    def spread(name: str, ours: list[Sample], theirs: list[Sample]) -> dict:
        return _spread([getattr(a, name) / getattr(b, name) for a, b in zip(ours, theirs)])

    return {"requests_per_second": spread("requests_per_second", of.samples, to.samples),
            "cpu_us_per_request": spread("cpu_us_per_request", of.samples, to.samples),
            "paced_cpu_us_per_request": spread("cpu_us_per_request", of.paced, to.paced),
            "paced_p99_us": spread("p99_us", of.paced, to.paced)}


def markdown(data: dict) -> str:
    """The tables of a run."""
    settings, proxies = data["settings"], data["proxies"]
    lines = [
        "# HTTP/1.1 through one worker of each proxy", "",
        results.line(data),
        f"{settings['rounds']} interleaved rounds of {settings['seconds']:g} s over loopback, "
        f"{settings['body_bytes']}-byte answers from the {settings['backend']} backend. "
        "Medians of the rounds, with [min - max].",
        "", f"## Full speed: {settings['connections']} keep-alive connections (wrk)", "",
        "| proxy | requests/s | CPU us/request | of haproxy's | of Envoy's | RSS idle / loaded MiB | errors |",
        "|---|---|---|---|---|---|---|",
        *(_full_speed_row(name, proxy) for name, proxy in proxies.items()),
        *(f"| {name} | not run: {reason} | | | | | |" for name, reason in data["not_run"].items()),
        "", f"## {settings['rate']:,.0f} requests/s for all: {settings['paced_connections']} connections (h2load)", "",
        "| proxy | CPU us/request | of haproxy's | of Envoy's | p50 us | p99 us |", "|---|---|---|---|---|---|",
        *(_paced_row(name, proxy) for name, proxy in proxies.items()),
        "", "Versions: " + "; ".join(f"{name}: {proxy['version']}" for name, proxy in proxies.items()) + "."]
    return "\n".join(lines) + "\n"


def _full_speed_row(name: str, proxy: dict) -> str:
    return (f"| {name} | {_cell(proxy['requests_per_second'], ',.0f')} | {_cell(proxy['cpu_us_per_request'], '.1f')} "
            f"| {_ratio_cells(proxy, 'cpu_us_per_request')} "
            f"| {proxy['idle_rss_kib'] / 1024:.1f} / {proxy['loaded_rss_kib'] / 1024:.1f} | {proxy['errors']} |")


def _paced_row(name: str, proxy: dict) -> str:
    paced = proxy["paced"]
    return (f"| {name} | {_cell(paced['cpu_us_per_request'], '.1f')} "
            f"| {_ratio_cells(proxy, 'paced_cpu_us_per_request')} "
            f"| {_cell(paced['p50_us'], ',.0f')} | {_cell(paced['p99_us'], ',.0f')} |")


def _cell(spread: dict, form: str) -> str:
    return f"{spread['median']:{form}} [{spread['min']:{form}} - {spread['max']:{form}}]"


def _ratio_cells(proxy: dict, name: str) -> str:
    ratios = proxy["ratios"]
    return " | ".join(_cell(ratios[reference][name], ".2f") if reference in ratios else "" for reference in _REFERENCES)


def write(data: dict, directory: Path, name: str) -> list[Path]:
    """Writes NAME.json, NAME.md and NAME.png; returns the paths."""
    paths = results.write(data, markdown(data), directory, name)
    return paths + results.plot(Path(__file__).resolve().parent / "plot.py", paths[0])
