"""The traces of tests/golden/outlier_replay against running proxies: ejections, event log and statistics, of Remora and of the real Envoy."""

import json
import pathlib

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http_listener, route
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

TRACES = sorted((pathlib.Path(__file__).resolve().parents[1] / "golden" / "outlier_replay").glob("*.txt"))
KINDS = [under_test()] + (["envoy"] if under_test() == "remora" and envoy_binary() else [])
OUTLIER = "cluster.up.outlier_detection."
OLDER_NAMES = {"ejections_total", "ejections_consecutive_5xx", "ejections_success_rate"}
SETTINGS = {"interval": "0.2s", "base_ejection_time": "0.4s", "max_ejection_percent": 100}


def lines_of(trace):
    return [line.split() for line in trace.read_text().splitlines() if line and not line.startswith("#")]


def obedient(connection):
    """A host that ends each request as it asks to be."""
    while (request := connection.read_request()) is not None:
        outcome = request.get("x-outcome")
        if outcome == "reset":
            return connection.reset()
        connection.send(reply(int(outcome), {}, ""))


class Replay:
    """A cluster in which each host is a subset, so that requests say to whom they go."""

    def __init__(self, kind, names, settings, folder, closing):
        self.ports = {name: unused_port() if name.startswith("nobody") else closing(Upstream(script=obedient)).port for name in names}
        self.events = folder / "events"
        routes = [route(f"/{name}", to="up", metadata_match={"filter_metadata": {"envoy.lb": {"host": name}}}) for name in names]
        config = bootstrap([http_listener(*routes)], [cluster(
            "up", *(endpoint(port, metadata={"host": name}) for name, port in self.ports.items()),
            outlier_detection={**SETTINGS, **settings}, common_lb_config={"healthy_panic_threshold": {"value": 0}},
            lb_subset_config={"subset_selectors": [{"keys": ["host"]}]})])
        config["cluster_manager"] = {"outlier_detection": {"event_log_path": str(self.events)}}
        self.proxy = closing(Proxy(config, kind=kind))

    def ask(self, name, outcome):
        return self.proxy.fetch(f"/{name}", headers={"x-outcome": outcome}).status

    def ejected(self, name):
        return f"up::127.0.0.1:{self.ports[name]}::health_flags::/failed_outlier_check" in self.proxy.admin("/clusters").text

    def play(self, name, what, times=1):
        if what == "ejected":
            wait_until(lambda: self.ejected(name), f"{name} ejected")
        elif what == "returns":
            wait_until(lambda: not self.ejected(name), f"{name} back")
            wait_until(lambda: self.ask(name, "200") == 200, f"{name} asked again, of which workers hear a moment later")
        else:
            for _ in range(int(times)):
                self.ask(name, what)

    def logged(self):
        """The event log in the words of a trace."""
        names = {f"127.0.0.1:{port}": name for name, port in self.ports.items()}
        events = [json.loads(line) for line in (self.events.read_text() if self.events.exists() else "").splitlines()]
        return [["event", names[event["upstream_url"]], event["action"], event["type"],
                 "enforced" if event["enforced"] else "detected", str(event["num_ejections"])] for event in events]

    def counted(self):
        stats = {name.removeprefix(OUTLIER): value for name, value in self.proxy.stats("outlier_detection").items()}
        return {name: value for name, value in stats.items() if value and name not in OLDER_NAMES}


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
@pytest.mark.parametrize("kind", KINDS)
def test_what_becomes_of_a_trace(kind, trace, tmp_path, closing):
    lines = lines_of(trace)
    settings = {name: json.loads(value) for _, name, value in (line for line in lines if line[0] == "set")}
    replay = Replay(kind, lines[0][1:], settings, tmp_path, closing)
    events = [line for line in lines if line[0] == "event"]
    stats = {name: int(value) for _, name, value in (line for line in lines if line[0] == "stat")}
    for line in lines[1:]:
        if line[0] not in ("set", "event", "stat"):
            replay.play(*line)
    # Who has been ejected returns by and by: what comes behind the trace's end is left out.
    wait_until(lambda: replay.logged()[:len(events)] == events, lambda: f"the log {events}, not {replay.logged()}")
    stats.pop("ejections_active", None)
    wait_until(lambda: {k: v for k, v in replay.counted().items() if k != "ejections_active"} == stats,
               lambda: f"{stats}, not {replay.counted()}")
