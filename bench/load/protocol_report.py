"""The table of a run of protocol scenarios, and its file in bench/results/."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from statistics import median

from load import results
from load.protocols import Result, Scenario

_GOALS = {"haproxy": 1.05, "envoy": 0.32}  # CPU per request of Remora, as a share of the peer's


def summary(measured: dict[Scenario, dict[str, Result]], missing: dict[str, str], settings: dict) -> dict:
    """The result of a run as plain data."""
    return {**results.circumstances(settings.pop("load_before")), "settings": settings,
            "scenarios": {scenario.name: {"title": scenario.title, "proxies": _proxies(runs)}
                          for scenario, runs in measured.items()},
            "not_run": missing}


def _proxies(results: dict[str, Result]) -> dict:
    return {name: {"version": result.version, "cipher": result.cipher, "requests_by_own_statistics": result.counted,
                   "requests_per_second": _spread([each.requests_per_second for each in result.rounds]),
                   "cpu_us_per_request": _spread([each.cpu_us_per_request for each in result.rounds]),
                   "cpu_us_by_process": [_spread(list(values)) for values in zip(*(each.cpu_us for each in result.rounds))],
                   "rss_kib": max(each.rss_kib for each in result.rounds),
                   "errors": sum(each.errors for each in result.rounds),
                   "ratios": {other: _ratio(result, results[other]) for other in _GOALS if other in results},
                   "rounds": [asdict(each) for each in result.rounds]}
            for name, result in results.items()}


def _spread(values: list[float]) -> dict:
    return {"median": median(values), "min": min(values), "max": max(values)}


def _ratio(ours: Result, theirs: Result) -> dict:
    return _spread([a.cpu_us_per_request / b.cpu_us_per_request for a, b in zip(ours.rounds, theirs.rounds)])


def markdown(data: dict) -> str:
    settings = data["settings"]
    lines = ["# HTTP/2, TLS and mutual TLS through one worker of each proxy", "",
             results.line(data),
             f"{settings['rounds']} interleaved rounds of {settings['seconds']:g} s over loopback at full speed (h2load), "
             f"{settings['body_bytes']}-byte answers; HTTP/1.1: {settings['connections']} connections; HTTP/2: "
             f"{settings['h2_connections']} connections of {settings['streams']} streams. Medians of the rounds, with "
             "[min - max]; CPU microseconds per request include the kernel's work.",
             f"Goals for Remora: at most {_GOALS['haproxy']} of haproxy's CPU per request and {_GOALS['envoy']} of Envoy's."]
    for scenario in data["scenarios"].values():
        lines += ["", f"## {scenario['title']}", "",
                  "| proxy | requests/s | CPU us/request | of haproxy's | of Envoy's | by process | RSS MiB | errors |",
                  "|---|---|---|---|---|---|---|---|",
                  *(_row(name, proxy) for name, proxy in scenario["proxies"].items())]
        ciphers = {proxy["cipher"] for proxy in scenario["proxies"].values() if proxy["cipher"]}
        if ciphers:
            lines += ["", f"Cipher with the client: {', '.join(sorted(ciphers))}."]
    lines += [f"\nNot run: {name}: {reason}" for name, reason in data["not_run"].items()]
    return "\n".join(lines) + "\n"


def _row(name: str, proxy: dict) -> str:
    def cell(spread: dict, form: str) -> str:
        return f"{spread['median']:{form}} [{spread['min']:{form}} - {spread['max']:{form}}]"

    def ratio(other: str) -> str:
        if other not in proxy["ratios"]:
            return ""
        missed = name == "remora" and proxy["ratios"][other]["median"] > _GOALS[other]
        return cell(proxy["ratios"][other], ".2f") + (" **missed**" if missed else "")

    parts = " + ".join(f"{each['median']:.1f}" for each in proxy["cpu_us_by_process"])
    return (f"| {name} | {cell(proxy['requests_per_second'], ',.0f')} | {cell(proxy['cpu_us_per_request'], '.1f')} "
            f"| {ratio('haproxy')} | {ratio('envoy')} | {parts} | {proxy['rss_kib'] / 1024:.1f} | {proxy['errors']} |")


def write(data: dict, directory: Path, name: str) -> list[Path]:
    """Writes NAME.json and NAME.md; returns the paths."""
    return results.write(data, markdown(data), directory, name)
