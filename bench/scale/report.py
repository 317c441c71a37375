"""Runs measurements of scale and keeps their results: one json and one page, a section each.

A run of some of them leaves the others' sections as they were.
"""

from __future__ import annotations

import json
from pathlib import Path

from load import results
from load.processes import Processes
from scale import MEASUREMENTS


def run(names: list[str], arguments, setup, say, load_before: float) -> dict:
    """The results of `names` over those of earlier runs."""
    kept = arguments.results / "scale.json"
    data = json.loads(kept.read_text()) if kept.exists() else {}
    for name in names:
        with Processes(setup.directory) as processes:
            result = MEASUREMENTS[name].run(arguments, setup, processes, say)
        data[name] = {**results.circumstances(load_before), **result}
    return data


def markdown(data: dict) -> str:
    lines = ["# Scale", "", "Written by `./dev bench scale`; `bench/README.md` says how. Envoy and Remora read the same",
             "configuration, in one run, on one machine.", "", "![what the last of many, and one change among many, cost](scale.png)", ""]
    for name, measurement in MEASUREMENTS.items():
        if name not in data:
            continue
        lines += [f"## {measurement.TITLE}", "", *measurement.rows(data[name]), "",
                  results.line(data[name]), ""]
    return "\n".join(lines)


def write(data: dict, folder: Path) -> list[Path]:
    paths = results.write(data, markdown(data), folder, "scale")
    return paths + results.plot(Path(__file__).with_name("plot.py"), paths[0])
