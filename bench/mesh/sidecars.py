"""The program that plays many sidecars, and what it has seen."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path


class Sidecars:
    """`count` sidecars of one management server, until closed."""

    def __init__(self, program: Path, server: str, count: int, services: int, endpoints: int):
        self.count = count
        self.started = time.time()
        self.ready: dict[int, tuple[float, int]] = {}  # seconds of the clock, bytes received
        self.seen: dict[int, list[float]] = {}  # when each change has arrived, at one sidecar after the other
        self.lost: list[str] = []
        self.clusters = 0
        self._child = subprocess.Popen([program, server, *map(str, (count, services, endpoints))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
            else:
                self.lost.append(line.strip())

    def wait_ready(self, seconds: float) -> None:
        self._wait(lambda: len(self.ready) == self.count, seconds, lambda: f"{len(self.ready)} of {self.count} sidecars ready")

    def wait_seen(self, number: int, seconds: float) -> None:
        """Until every sidecar has got this change."""
        self._wait(lambda: len(self.seen.get(number, ())) == self.count, seconds,
                   lambda: f"change {number} is at {len(self.seen.get(number, ()))} of {self.count} sidecars")

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
