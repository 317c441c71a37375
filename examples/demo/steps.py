"""The walk through the seeds: what each step sets, what it wants to see, and how that is judged."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass

from manifests import Manifests
from mesh import WORKLOADS, Mesh, wait_until
from screen import Screen
from traffic import Traffic, Window

_STALLED_SECONDS = 30.0
# A shadow that falls behind loses copies rather than hold up the original: no more may be under way than the canary's
# circuit breaker (100 connections, 100 waiting) lets through, however slow this machine is.
_MIRRORED_AT_ONCE = 100
_SIGMAS = 5.0  # a correct proxy fails a split by chance in about one of 1.7 million steps


@dataclass
class Outcome:
    """A row of the final table."""

    step: str
    wanted: str
    observed: str
    requests: int
    failed: int
    held: bool
    note: str = ""


class Walk:
    """Runs the steps one after the other; `outcomes` grows by a row or more with each."""

    def __init__(self, mesh: Mesh, traffic: Traffic, manifests: Manifests, screen: Screen, requests: int):
        self._mesh = mesh
        self._traffic = traffic
        self._manifests = manifests
        self._screen = screen
        self._requests = requests
        self.outcomes: list[Outcome] = []

    def run(self) -> None:
        self._mutual_tls()
        for v1, v2 in ((90, 10), (50, 50), (0, 100)):
            self._split(f"canary {v1}/{v2}", self._manifests.canary(v1, v2), {"v1": v1 / 100, "v2": v2 / 100})
        self._split("blue-green: blue", self._manifests.blue_green("blue"), {"v1": 1, "v2": 0})
        self._split("blue-green: switch to green", self._manifests.blue_green("green"), {"v1": 0, "v2": 1})
        self._split("blue-green: revert to blue", self._manifests.blue_green("blue"), {"v1": 1, "v2": 0})
        self._mirror()
        self._ab()
        self._outlier()

    def _mutual_tls(self) -> None:
        """The mesh is STRICT: its own callers are known by name, others are not answered."""
        self._screen.line("\nmutual TLS, STRICT")
        wanted, seen = self._mesh.identity("client"), self._mesh.seen_caller()
        self._add(Outcome("mutual TLS: the caller's name", wanted, seen, 1, 0, seen == wanted))
        refused = sum(not self._mesh.answers_plain_text(workload) for workload in WORKLOADS)
        self._add(Outcome("mutual TLS: plaintext caller", f"refused by {len(WORKLOADS)} workloads",
                          f"refused by {refused}", len(WORKLOADS), 0, refused == len(WORKLOADS)))

    def changes(self) -> Outcome:
        """The traffic that flowed between the steps, while the configuration was replaced under it."""
        between = self._traffic.between
        return Outcome("while routes changed", "no failure", _failures(between) or "no failure", between.done,
                       between.failed, between.failed == 0)

    def statistics(self) -> Outcome:
        """Every request that an instance has seen must be in its sidecar's istio_requests_total, and in no other."""
        seen = {name: instance.counters()["requests"] for name, instance in self._mesh.instances.items()}

        def counted(metric: str) -> dict[str, int]:
            return {name: sidecar.istio_requests(metric) for name, sidecar in self._mesh.servers.items()}

        process = self._mesh.client.process
        try:
            wait_until(lambda: counted("istio_requests_total") == seen, process, "all requests counted", 5)
        except RuntimeError:
            pass  # the row shows the difference
        held = counted("istio_requests_total") == seen == counted("istio_request_total")
        observed = ", ".join(f"{name} {number}" for name, number in counted("istio_requests_total").items())
        return Outcome("istio_requests_total", ", ".join(f"{name} {number}" for name, number in seen.items()), observed,
                       sum(seen.values()), 0, held)

    def _route(self, step: str, manifest: str) -> None:
        self._screen.line(f"\n{step}")
        started = time.monotonic()
        self._mesh.route(manifest)
        self._screen.line(f"  manifest written, routes in use after {time.monotonic() - started:.2f} s")
        self._traffic.settle()

    def _watch(self, step: str, window: Window, wanted: dict[str, float], keys: str = "versions") -> None:
        """Shows a window filling up until it is complete."""
        done, since = 0, time.monotonic()
        while not window.complete.wait(0.1):
            self._show(step, window, wanted, keys)
            if window.done > done:
                done, since = window.done, time.monotonic()
            elif time.monotonic() > since + _STALLED_SECONDS:
                raise RuntimeError(f"{step}: no request was answered for {_STALLED_SECONDS:.0f} s")
        self._show(step, window, wanted, keys)
        self._screen.keep()

    def _show(self, step: str, window: Window, wanted: dict[str, float], keys: str) -> None:
        shares = _shares(getattr(window, keys), wanted)
        self._screen.progress(step, shares, wanted, window.done, window.wanted, window.failed)

    def _add(self, outcome: Outcome) -> None:
        self._screen.line(f"  {'held' if outcome.held else 'NOT HELD'}: {outcome.observed} {outcome.note}".rstrip())
        self.outcomes.append(outcome)

    def _split(self, step: str, manifest: str, wanted: dict[str, float]) -> None:
        self._route(step, manifest)
        window = self._traffic.measure(self._requests)
        self._watch(step, window, wanted)
        held = window.failed == 0 and all(
            within(window.versions[version], window.done, share) for version, share in wanted.items())
        self._add(Outcome(step, _percent(wanted), _percent(_shares(window.versions, wanted)), window.done,
                          window.failed, held, _failures(window)))

    def _mirror(self) -> None:
        step, wanted = "mirror 100 %", {"v1": 1.0, "v2": 0.0}
        self._route(step, self._manifests.mirror)
        self._traffic.pause()
        before, settling = self._settled_copies(), self._traffic.between.done
        window, sent, copies = Window(self._requests), 0, 0
        while window.done < window.wanted and copies == sent:
            window.absorb(self._burst(min(_MIRRORED_AT_ONCE, window.wanted - window.done)))
            sent = window.done + self._traffic.between.done - settling  # with the few begun after the burst was full
            copies = self._copies_until(before + sent) - before
            self._show(step, window, wanted, "versions")
        self._screen.keep()
        self._traffic.resume()
        held = window.failed == 0 and window.versions["v1"] == window.done and copies == sent
        self._add(Outcome(step, "v1 100.0%; every request copied to v2",
                          f"v1 {window.versions['v1'] / window.done:.1%}; {copies} copies of {sent}",
                          window.done, window.failed, held, _failures(window)))

    def _burst(self, requests: int) -> Window:
        """Lets paused traffic flow for `requests`, and pauses it again."""
        window = self._traffic.measure(requests)
        self._traffic.resume()
        if not window.complete.wait(_STALLED_SECONDS):
            raise RuntimeError(f"{requests} requests were not answered within {_STALLED_SECONDS:.0f} s")
        self._traffic.pause()
        return window

    def _settled_copies(self) -> int:
        """How many copies v2 has seen, once the client's sidecar has none on its way any more."""
        cluster = r"\|v2\|.*\.upstream_rq_(pending_)?active$"
        client = self._mesh.client
        wait_until(lambda: sum(client.stats(cluster).values()) == 0, client.process, "done with mirroring", 10)
        return self._mesh.instances["myapp-v2"].counters()["mirrored"]

    def _copies_until(self, number: int) -> int:
        """How many copies v2 has seen, once there are `number` of them, or no more come."""
        shadow = self._mesh.instances["myapp-v2"]
        try:
            wait_until(lambda: shadow.counters()["mirrored"] >= number, self._mesh.client.process, "mirrored", 5)
        except RuntimeError:
            pass  # the row shows how many are missing
        return self._settled_copies()

    def _ab(self) -> None:
        step = "A/B by user-id"
        self._route(step, self._manifests.ab)
        users = {"user-123": "v2", "user-1234": "v2", "user-12": "v1", "user-12345": "v1", "User-123": "v1",
                 "xuser-123": "v1", "user-12a": "v1", "": "v1"}
        names = list(users)

        def headers(number: int) -> dict[str, str]:
            user = names[number % len(names)]
            return {"user-id": user} if user else {}

        window = self._traffic.measure(self._requests, headers)
        self._watch(step, window, _shares(Counter(users.values()), ("v1", "v2")))
        right = sum(count for (user, version), count in window.by_headers.items() if users[user] == version)
        self._add(Outcome(step, "user-NNN and user-NNNN v2, others v1", f"{right} of {window.done} as wanted",
                          window.done, window.failed, right == window.done, _failures(window)))

    def _outlier(self) -> None:
        step = "outlier"
        self._route(step, self._manifests.outlier)
        bad = self._mesh.instances["myapp-v1-b"]
        both = {"myapp-v1-a": 0.5, "myapp-v1-b": 0.5}
        self._eject(bad)
        self._instances("outlier ejected", {"myapp-v1-a": 1.0, "myapp-v1-b": 0.0}, self._ejected)
        wait_until(lambda: not self._ejected(), self._mesh.client.process, "the ejected endpoint back", 30)
        self._traffic.settle()
        self._instances("outlier returned", both, lambda: not self._ejected())

    def _ejected(self) -> bool:
        gauges = self._mesh.client.stats(r"\|v1\|.*outlier_detection\.ejections_active$")
        return sum(gauges.values()) == 1

    def _eject(self, bad) -> None:
        """Lets `bad` fail until the client's sidecar leaves it out; heals it before it is taken back."""
        self._traffic.pause()  # so that every failure falls into the window
        window = self._traffic.measure()
        failed_before = bad.counters()["failed"]
        bad.fail(500)
        self._traffic.resume()
        wait_until(self._ejected, self._mesh.client.process, "the failing endpoint ejected", 30)
        self._traffic.settle()
        self._traffic.pause()
        bad.fail(None)
        injected = bad.counters()["failed"] - failed_before
        others = {failure for failure in window.failures if failure != f"status 500 from {bad.name}"}
        self._traffic.resume()
        self._add(Outcome("outlier: fault injected", "only the injected failures", f"{injected} injected, "
                          f"{window.failed} seen", window.done, window.failed - injected,
                          window.failed == injected > 0 and not others, _failures(window) if others else ""))

    def _instances(self, step: str, wanted: dict[str, float], throughout) -> None:
        """Checks who answers, while `throughout` holds from before the first request to after the last."""
        at_start = throughout()
        window = self._traffic.measure(min(self._requests, 400))
        self._watch(step, window, wanted, "instances")
        steady = at_start and throughout()
        fair = all(window.instances[name] == window.done * share if share in (0, 1) else window.instances[name] > 0
                   for name, share in wanted.items())
        wish = _percent(wanted) if 0.0 in wanted.values() else "both endpoints answer"
        self._add(Outcome(step, wish, _percent(_shares(window.instances, wanted)), window.done, window.failed,
                          window.failed == 0 and fair and steady, _failures(window) if steady else "ejection changed"))


def within(count: int, total: int, share: float) -> bool:
    """Whether `count` of `total` is what a fair choice with probability `share` gives."""
    return abs(count - total * share) <= _SIGMAS * math.sqrt(total * share * (1 - share))


def _shares(counts: Counter, keys) -> dict[str, float]:
    total = sum(counts.values()) or 1
    return {key: counts[key] / total for key in keys}


def _percent(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


def _failures(window: Window) -> str:
    return "; ".join(f"{count}x {failure}" for failure, count in window.failures.most_common(3))
