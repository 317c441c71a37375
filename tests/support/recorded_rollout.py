"""A rollout as the control plane tells it, for tests of the page: made up, but of the real shape."""

import datetime
import time


NOW = datetime.datetime.now(datetime.timezone.utc)  # One for all, so that a step keeps its time from call to call.


def stamp(seconds_ago):
    moment = NOW - datetime.timedelta(seconds=seconds_ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def checks(success, latency, text=""):
    return [
        {"name": "load-test", "kind": "webhook", "value": None, "min": None, "max": None, "samples": None,
         "outcome": "pass", "text": ""},
        {"name": "request-success-rate", "kind": "metric", "value": success, "min": 99, "max": None, "samples": 482,
         "outcome": "pass" if success >= 99 else "fail", "text": text},
        {"name": "request-duration", "kind": "metric", "value": latency, "min": None, "max": 500, "samples": 482,
         "outcome": "pass" if latency <= 500 else "fail", "text": ""}]


def entry(seconds_ago, weight, decision, reason, measured=(), phase="Progressing"):
    return {"time": stamp(seconds_ago), "phase": phase, "weight": weight, "decision": decision, "reason": reason,
            "checks": list(measured)}


def progressing():
    return {
        "namespace": "default", "name": "api", "service": "api", "phase": "Progressing",
        "message": "Halt advancement: request-success-rate 92.4 is below 99", "strategy": "canary", "paused": False,
        "iteration": 0, "iterations": 0, "canaryWeight": 20, "primaryWeight": 80, "maxWeight": 50, "failedChecks": 2,
        "threshold": 5, "intervalSeconds": 60, "nextTick": stamp(-42), "lastTransitionTime": stamp(260),
        "primary": {"version": "v1", "workloads": ["api-v1"], "endpoints": 2},
        "canary": {"version": "v2", "workloads": ["api-v2"], "endpoints": 2},
        "timeline": [
            entry(420, 0, "start", "v2 is a new version"),
            entry(300, 10, "advance", "all checks passed", checks(99.98, 41.2)),
            entry(240, 20, "advance", "all checks passed", checks(100, 44)),
            entry(120, 20, "hold", "request-success-rate 96.3 is below 99", checks(96.3, 61)),
            entry(60, 20, "hold", "request-success-rate 92.4 is below 99", checks(92.4, 87, "36 of 482 requests failed"))]}


def rolled_back():
    failed = progressing()
    failed.update(phase="Failed", canaryWeight=0, primaryWeight=100, failedChecks=5, message="Rolled back: failed checks threshold reached 5")
    failed["timeline"] = [*failed["timeline"],
                          entry(0, 0, "rollback", "5 of 5 checks have failed", checks(90.1, 92), "Failed")]
    return failed


def version(name, rate, success, p50, p99, series):
    return {"version": name, "workloads": [f"api-{name}"], "reporter": "destination", "requestsPerSecond": rate,
            "successRate": success, "p50Ms": p50, "p99Ms": p99, **({"series": series} if series else {})}


def traffic(with_series=False):
    series = history() if with_series else [None, None]
    return {"time": time.time() * 1000, "proxies": 5, "windowSeconds": 10, "resolutionSeconds": 2, "services": [
        {"namespace": "default", "name": "api", "versions": [
            version("v1", 38.4, 99.97, 4.2, 41.0, series[0]), version("v2", 9.6, 92.4, 5.1, 87.3, series[1])]}]}


def history(points=210):
    """What the two versions did in the last seven minutes: the canary appears after two, and falls ill after five."""
    def column(value):
        return [value(step) for step in range(points)]

    def canary(well, ill):
        return column(lambda step: None if step < 60 else ill + step % 4 if step > 140 else well + step % 4 / 40)

    end = {"end": time.time() * 1000}
    return [{**end, "requestsPerSecond": column(lambda step: 40 + step % 5), "successRate": column(lambda step: 99.9 + step % 3 / 30),
             "p50Ms": column(lambda step: 4 + step % 3 / 5), "p99Ms": column(lambda step: 40 + step % 7)},
            {**end, "requestsPerSecond": canary(10, 10), "successRate": canary(99.9, 90), "p50Ms": canary(5, 5), "p99Ms": canary(43, 84)}]


def destination(subset, weight):
    return {"host": "api", "subset": subset, "weight": weight, "apps": ["api"], "versions": [subset]}


def mesh():
    return {
        "services": [
            {"namespace": "default", "name": "api", "host": "api.default.svc.cluster.local",
             "versions": [{"app": "api", "version": "v1", "endpoints": 2}, {"app": "api", "version": "v2", "endpoints": 2}],
             "virtualService": "VirtualService default/api",
             "routes": [{"requests": "all requests", "mirrors": [],
                         "destinations": [destination("v1", 80), destination("v2", 20)]}]},
            {"namespace": "default", "name": "load", "host": "load.default.svc.cluster.local", "versions": [
                {"app": "load", "version": "", "endpoints": 1}], "virtualService": "", "routes": []}],
        "findings": [
            {"severity": "error", "file": "/etc/remora/shop.yaml", "line": 14, "resource": "VirtualService default/shop",
             "path": "spec.http[0].route[1].destination.subset",
             "message": "subset \"v3\" of shop is not defined; the last good routing stays",
             "text": "/etc/remora/shop.yaml:14: error"}]}


def snapshot(*rollouts):
    return {"time": time.time() * 1000, "rollouts": list(rollouts) or [progressing()], "traffic": traffic(True),
            "mesh": mesh()}
