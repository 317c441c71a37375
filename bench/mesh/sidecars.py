"""The program that plays many sidecars, and what it has seen."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Totals:
    """Responses, and what they held."""

    responses: int
    bytes: int
    resources: int
    removed: int

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(self.responses - other.responses, self.bytes - other.bytes, self.resources - other.resources, self.removed - other.removed)


class Sidecars:
    """`count` sidecars of one management server, until closed."""

    def __init__(self, program: Path, server: str, count: int, services: int, endpoints: int, protocol: str = "state"):
        self.count = count
        self.started = time.time()
        self.ready: dict[int, tuple[float, int]] = {}  # seconds of the clock, bytes received
        self.seen: dict[int, list[float]] = {}  # when each change has arrived, at one sidecar after the other
        self.lost: list[str] = []
        self.clusters = 0
        self._totals: list[Totals] = []
        self._child = subprocess.Popen([program, server, *map(str, (count, services, endpoints, protocol))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._child.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._child.stdout:
            kind, sidecar, at, *rest = line.rstrip("\n").split(" ", 3)
            when = int(at) / 1e6
            if kind == "seen":
                self.seen.setdefault(int(rest[0]), []).append(when)
            elif kind == "ready":
                size, clusters, _ = rest[0].split()
                self.ready[int(sidecar)] = (when, int(size))
                self.clusters = int(clusters)
            elif kind == "total":
                self._totals.append(Totals(*map(int, rest[0].split())))
            else:
                self.lost.append(line.strip())

    def wait_ready(self, seconds: float) -> None:
        self._wait(lambda: len(self.ready) == self.count, seconds, lambda: f"{len(self.ready)} of {self.count} sidecars ready")

    def wait_seen(self, number: int, seconds: float) -> None:
        """Until every sidecar has got this change."""
        self._wait(lambda: len(self.seen.get(number, ())) == self.count, seconds,
                   lambda: f"change {number} is at {len(self.seen.get(number, ()))} of {self.count} sidecars")

    def totals(self) -> "Totals":
        """What all of them have got since the start."""
        known = len(self._totals)
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        self._wait(lambda: len(self._totals) > known, 30, lambda: "no totals")
        return self._totals[-1]

    def wait_quiet(self, since: "Totals", seconds: float) -> "Totals":
        """Until each has got something after `since`, and nothing more comes; what it was."""
        last: list[Totals] = [since]

        def quiet() -> bool:
            last.append(self.totals())
            time.sleep(0.15)
            return last[-1].responses >= since.responses + self.count and last[-1] == last[-3:][0]

        self._wait(quiet, seconds, lambda: f"{last[-1].responses - since.responses} responses for {self.count} sidecars")
        return last[-1] - since

    def _wait(self, condition, seconds: float, what) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.lost:
                raise RuntimeError(f"a sidecar lost its stream: {self.lost[0]}")
            if time.monotonic() > end:
                raise RuntimeError(f"after {seconds:g} s: {what()}")
            time.sleep(0.02)

    def close(self) -> None:
        self._child.stdin.close()
        self._child.wait(30)
