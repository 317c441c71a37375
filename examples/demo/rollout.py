"""The last part of the demo: releases that metrics decide. A good version is promoted, a bad one rolled back."""

from __future__ import annotations

import time

from manifests import Manifests
from mesh import RELEASES, Mesh, wait_until
from screen import Screen
from steps import Outcome
from traffic import Traffic, Window

_CANARY = "api"
_PATIENCE_SECONDS = 90


class Rollout:
    """Deploys one version after the other under traffic and watches what the canary does with it."""

    def __init__(self, mesh: Mesh, traffic: Traffic, manifests: Manifests, screen: Screen):
        self._mesh = mesh
        self._traffic = traffic
        self._manifests = manifests
        self._screen = screen
        self._shown = 0
        self.outcomes: list[Outcome] = []

    def run(self) -> None:
        first, good, bad = RELEASES
        self._screen.line("\nrollout: a canary looks after api")
        self._mesh.deploy(first)
        self._mesh.apply(self._manifests.release)
        self._wait("Initialized")
        self._traffic.start()
        wait_until(lambda: self._traffic.between.versions[first.version] > 0, self._mesh.client.process, "serving api")
        self._release("rollout: good v2 promoted", good, "Succeeded", good.version, None)
        self._release("rollout: bad v3 rolled back", bad, "Failed", good.version, 500)

    def _release(self, step: str, workload, phase: str, winner: str, fail: int | None) -> None:
        """Deploys `workload`; the canary must reach `phase`, and `winner` must have all the traffic afterwards."""
        self._screen.line(f"\n{step}")
        started, window = time.monotonic(), self._traffic.measure()
        self._mesh.deploy(workload, fail)
        self._wait(phase, since=workload.version)
        seconds = time.monotonic() - started
        self._traffic.settle()
        after = self._traffic.measure(400)
        if not after.complete.wait(30):
            raise RuntimeError(f"{step}: 400 requests were not answered within 30 s")
        injected = self._mesh.instances[workload.name].counters()["failed"]
        held = after.versions[winner] == after.done and after.failed == 0 and window.failed == injected
        self.outcomes.append(Outcome(
            step, f"{winner} has all, only {workload.version}'s failures" if fail else f"{winner} has all, no failure",
            f"{phase} after {seconds:.0f} s; {winner} {after.versions[winner] / after.done:.1%}"
            + (f"; {injected} of {window.done} injected" if fail else ""),
            window.done + after.done, window.failed + after.failed - injected, held,
            "" if held else _differences(window, after)))
        self._screen.line(f"  {'held' if held else 'NOT HELD'}: {self.outcomes[-1].observed}")

    def _wait(self, phase: str, since: str = "") -> None:
        """Until the canary is in this phase (of the release of version `since`), telling each of its decisions."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            state = self._mesh.rollout(_CANARY)
            self._tell(state)
            if state and state["phase"] == phase and (not since or self._over(state, since)):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the canary {_CANARY} did not get {phase} within {_PATIENCE_SECONDS} s: it is "
                                   f"{state['phase'] + ', ' + state['message'] if state else 'unknown'}")
            time.sleep(0.1)

    @staticmethod
    def _over(state: dict, version: str) -> bool:
        """Whether the release of `version` has ended: it is the primary now, or it was the canary that failed."""
        return version in (state["primary"].get("version"), state["canary"].get("version"))

    def _tell(self, state: dict | None) -> None:
        timeline = state["timeline"] if state else []
        for entry in timeline[self._shown:]:
            checks = "; ".join(check["text"] for check in entry.get("checks", []))
            self._screen.line(f"  {entry['phase']:<12} canary {entry['weight']:>3} %  {entry['decision']:<9} "
                              f"{entry['reason']}{' (' + checks + ')' if checks else ''}")
        self._shown = len(timeline)


def _differences(window: Window, after: Window) -> str:
    return "; ".join(f"{count}x {what}" for what, count in (window.failures + after.failures).most_common(3))
