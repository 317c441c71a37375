"""The table and the picture of a run, and whether what we say of our policies holds."""

from __future__ import annotations

from pathlib import Path

from balance import scenarios
from load import results


def summary(measured: dict, settings: dict, load_before: float) -> dict:
    """What balance.json holds."""
    data = {**results.circumstances(load_before), "settings": settings, **measured}
    data["best"] = {name: best(of_one["contenders"]) for name, of_one in measured["scenarios"].items()}
    return data


def best(of_scenario: dict) -> dict:
    """The least p99 and the least error rate of each peer, with the policy that has it."""
    found: dict[str, dict] = {}
    for name, one in of_scenario.items():
        peer, _, policy = name.partition(" ")
        for field in ("p99_ms", "error_percent"):
            value = one[field]["median"]
            known = found.setdefault(peer, {}).get(field)
            if known is None or value < known["value"]:
                found[peer][field] = {"policy": policy, "value": value}
    return found


def markdown(data: dict) -> str:
    settings = data["settings"]
    lines = ["# Load balancing around a bad host", "",
             "Written by `./dev bench balance`; `bench/README.md` says how.", "",
             results.line(data),
             f"{scenarios.HOSTS} hosts, answers of {scenarios.MEAN_US / 1000:g} ms on average (exponentially distributed); "
             f"{settings['rate']:,} requests/s at random times (Poisson) through one worker; {settings['rounds']} interleaved rounds "
             f"of {settings['seconds']:g} s after {scenarios.WARMUP_SECONDS} s of warm-up. Medians of the rounds, with [min - max]. "
             "A response's time counts from when its request was due. How late requests left is the generator's own: where that is not far below the "
             "other figures, the machine was busy, and they mean nothing.",
             "", "![latency and errors of every policy](balance.png)", ""]
    for name, of_one in data["scenarios"].items():
        lines += [f"## {of_one['text'][0].upper()}{of_one['text'][1:]}", "",
                  "| policy | p50 ms | p99 ms | p99.9 ms | errors % | requests to that host % | left late by, p99 ms |", "|---|---|---|---|---|---|---|",
                  *(_row(each, one) for each, one in of_one["contenders"].items()), "", *_claims(data["best"][name]), ""]
    lines += [f"Not run: {name}: {why}" for name, why in data["missing"].items()]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, one: dict) -> str:
    cells = [_cell(one[field], form) for field, form in
             (("p50_ms", ".1f"), ("p99_ms", ".1f"), ("p999_ms", ".1f"), ("error_percent", ".2f"), ("bad_host_percent", ".2f"), ("late_p99_ms", ".1f"))]
    return f"| {name} | " + " | ".join(cells) + " |"


def _cell(spread: dict, form: str) -> str:
    return f"{spread['median']:{form}} [{spread['min']:{form}} - {spread['max']:{form}}]"


def _claims(found: dict) -> list[str]:
    """Our best beside Envoy's best."""
    if "remora" not in found or "envoy" not in found:
        return []
    lines = []
    for field, what in (("p99_ms", "p99"), ("error_percent", "error rate")):
        ours, theirs = found["remora"][field], found["envoy"][field]
        if theirs["value"] > 0:
            lines.append(f"Least {what}: {ours['value'] / theirs['value']:.2f} of Envoy's "
                         f"(remora {ours['policy']} {ours['value']:.2f}, envoy {theirs['policy']} {theirs['value']:.2f}).")
    return lines


def write(data: dict, folder: Path) -> list[Path]:
    paths = results.write(data, markdown(data), folder, "balance")
    return paths + results.plot(Path(__file__).with_name("plot.py"), paths[0])
