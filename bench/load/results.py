"""What every file in bench/results/ says of its run, and how such files are written."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from load import peers


def circumstances(load_before: float) -> dict:
    """When and where a run took place, and of what."""
    return {"when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": {"cpu": _cpu_model(), "kernel": platform.release(), "cpus": _cpus(), "load_before": load_before},
            "commit": _commit()}


def line(data: dict) -> str:
    """The same in words."""
    machine = data["machine"]
    return (f"{data['when']}, commit {data['commit']}; {machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}; "
            f"load average before the run {machine['load_before']:.1f}.")


def write(data: dict, text: str, directory: Path, name: str) -> list[Path]:
    """NAME.json and NAME.md."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{name}.json", directory / f"{name}.md"]
    paths[0].write_text(json.dumps(data, indent=1) + "\n")
    paths[1].write_text(text)
    return paths


def plot(script: Path, data: Path) -> list[Path]:
    """The picture that a script makes of a file of results, beside it; nothing where there is no matplotlib."""
    picture = data.with_suffix(".png")
    try:
        subprocess.run([str(peers.python()), str(script), str(data), str(picture)], check=True)
    except (peers.Missing, subprocess.CalledProcessError) as error:
        print(f"bench: no plot: {error}", file=sys.stderr)
        return []
    return [picture]


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
