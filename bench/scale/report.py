"""Runs measurements of scale and keeps their results: one json and one page, a section each.

A run of some of them leaves the others' sections as they were.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from load import peers, report
from load.processes import Processes
from scale import MEASUREMENTS


def run(names: list[str], arguments, setup, say, load_before: float) -> dict:
    """The results of `names` over those of earlier runs."""
    kept = arguments.results / "scale.json"
    data = json.loads(kept.read_text()) if kept.exists() else {}
    for name in names:
        with Processes(setup.directory) as processes:
            result = MEASUREMENTS[name].run(arguments, setup, processes, say)
        when = datetime.now(timezone.utc).isoformat(timespec="seconds")
        data[name] = {"when": when, **report.machine(load_before), **result}
    return data


def markdown(data: dict) -> str:
    lines = ["# Scale", "", "Written by `./dev bench scale`; `bench/README.md` says how. Envoy and Remora read the same",
             "configuration, in one run, on one machine.", "", "![what the last of many, and one change among many, cost](scale.png)", ""]
    for name, measurement in MEASUREMENTS.items():
        if name not in data:
            continue
        machine = data[name]["machine"]
        lines += [f"## {measurement.TITLE}", "", *measurement.rows(data[name]), "",
                  f"{data[name]['when']}, commit {data[name]['commit']}, {machine['cpus']} x {machine['cpu']}, "
                  f"load before {machine['load_before']:.1f}.", ""]
    return "\n".join(lines)


def write(data: dict, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "scale.json", folder / "scale.md"]
    paths[0].write_text(json.dumps(data, indent=1) + "\n")
    paths[1].write_text(markdown(data))
    picture = folder / "scale.png"
    try:
        subprocess.run([str(peers.python()), str(Path(__file__).with_name("plot.py")), str(paths[0]), str(picture)], check=True)
        paths.append(picture)
    except (peers.Missing, subprocess.CalledProcessError) as error:
        print(f"bench: no plot: {error}", file=sys.stderr)
    return paths
