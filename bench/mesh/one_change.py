"""One service of many is changed: what travels to the sidecars for it, and what it costs the control plane."""

from __future__ import annotations

import itertools
from pathlib import Path

from mesh.cluster import Mesh, Writer
from mesh.sidecars import Sidecars

TIMES = 10  # each kind of change, one after the other

KINDS = {"endpoints": "its endpoints (EndpointSlice)", "cluster": "its cluster (DestinationRule)", "route": "its routes (VirtualService)",
         "service": "a service more"}


def cpu_ms(pid: int) -> float:
    """User and system time of all threads, as the scheduler has counted it."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e6


def measure(mesh: Mesh, writer: Writer, sidecars: Sidecars, control: int, numbers: itertools.count, say) -> dict:
    """Each kind of change, TIMES times; figures for one change and one sidecar. `numbers`: of marks that nobody has used."""
    def endpoints(turn: int) -> None:
        mesh.change(writer, (17 * turn) % mesh.services, next(numbers))

    actions = {"endpoints": endpoints, "cluster": lambda turn: mesh.limit(writer, 17 % mesh.services, turn),
               "route": lambda turn: mesh.route(writer, 17 % mesh.services, turn), "service": lambda turn: mesh.add(writer, turn)}
    return {kind: _one_kind(actions[kind], sidecars, control, say, kind) for kind in KINDS}


def _one_kind(action, sidecars: Sidecars, control: int, say, kind: str) -> dict:
    travelled, spent = [], []
    for turn in range(TIMES):
        before, began = sidecars.totals(), cpu_ms(control)
        action(turn)
        travelled.append(sidecars.wait_quiet(before, 60))
        spent.append(cpu_ms(control) - began)
    share = TIMES * sidecars.count
    figures = {name: sum(getattr(each, name) for each in travelled) / share for name in ("responses", "bytes", "resources", "removed")}
    figures["cpu_ms"] = sorted(spent)[TIMES // 2]
    say(f"bench: one change of {KINDS[kind]}: {figures['resources']:.1f} resources, {figures['bytes']:,.0f} bytes to each sidecar, "
        f"{figures['cpu_ms']:.1f} ms CPU")
    return figures


def markdown(figures: dict, sidecars: int) -> list[str]:
    """A table of what `measure` found."""
    return [f"One change, and what travels for it to each of {sidecars} sidecars; the CPU of remora-control for all of them together (median of {TIMES}).", "",
            "| changed | responses | resources | bytes | CPU ms |", "|---|---|---|---|---|",
            *(f"| {KINDS[kind]} | {each['responses']:.1f} | {each['resources']:.1f} | {each['bytes']:,.0f} | {each['cpu_ms']:.1f} |"
              for kind, each in figures.items())]
