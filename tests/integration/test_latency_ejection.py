"""Hosts that answer much slower than the others are ejected, and it is said why (docs/outlier-detection.md)."""

import json
import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.meanwhile import Meanwhile
from support.upstream import Upstream, slow_while
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("it does not eject by latency")
OUTLIER = "cluster.up.outlier_detection."


class Asking(Meanwhile):
    """Asks through the proxy all the time, so that every interval has answers of all hosts."""

    def __init__(self, proxy):
        self.clients = [proxy.connect() for _ in range(4)]

    def step(self):
        for client in self.clients:
            client.send(b"GET / HTTP/1.1\r\nhost: test.local\r\n\r\n")
        for client in self.clients:
            client.response()


@pytest.fixture
def slow_host(start, closing, tmp_path):
    """Three hosts, of which one takes its time while `slow` is set; asked all the time."""

    def begin(max_ejection_percent=40, **latency):
        slow = threading.Event()
        slow.set()
        hosts = [closing(Upstream("slow", slow_while(slow))), closing(Upstream("a")), closing(Upstream("b"))]
        config = bootstrap([http_listener(route(to="up"))], [cluster(
            "up", *(host.port for host in hosts), lb_policy="ROUND_ROBIN",
            common_lb_config={"healthy_panic_threshold": {"value": 0}},
            outlier_detection={"interval": "1s", "base_ejection_time": "1s", "max_ejection_percent": max_ejection_percent,
                               "enforcing_success_rate": 0},
            metadata={"filter_metadata": {"remora": {"latency_ejection": {
                "request_volume": 3, "minimum_latency_ms": 50, **latency}}}})])
        config["cluster_manager"] = {"outlier_detection": {"event_log_path": str(tmp_path / "events")}}
        return start(config), hosts, slow

    return begin


def explained(proxy, port):
    answer = proxy.admin("/explain", method="POST", body=json.dumps({"listener": "in", "authority": "test.local", "path": "/"}))
    endpoints = json.loads(answer.body)["cluster"]["endpoints"]
    return next(entry for entry in endpoints if entry["address"] == f"127.0.0.1:{port}")


def test_a_slow_host_is_ejected_and_returns(slow_host, tmp_path):
    proxy, hosts, slow = slow_host()
    port = hosts[0].port
    with Asking(proxy):
        proxy.wait_stat(OUTLIER + "ejections_enforced_latency")
        wait_until(lambda: "health_flags::/failed_outlier_check" in proxy.admin("/clusters").text, "it is shown")
        shown = proxy.admin("/clusters").text
        assert f"up::127.0.0.1:{port}::last_ejection::latency\n" in shown
        assert shown.count("last_ejection") == 1
        slow.clear()
        wait_until(lambda: proxy.stat(OUTLIER + "ejections_active") == 0, "it returns")
        asked = len(hosts[0].requests)
        wait_until(lambda: len(hosts[0].requests) > asked + 10, "it is asked again")
    event = json.loads((tmp_path / "events").read_text().splitlines()[0])
    assert (event["type"], event["action"], event["enforced"], event["upstream_url"]) == ("LATENCY", "EJECT", True, f"127.0.0.1:{port}")
    said = event["eject_latency_event"]
    assert said["host_latency_ms"] > said["latency_ejection_threshold_ms"] >= 50 > said["cluster_median_latency_ms"]
    said = explained(proxy, port)
    assert said["ejected"] is False and said["outlier_detection"]["last_ejection"] == "latency"


def test_a_host_that_is_one_too_many_is_spared_and_it_is_said(slow_host):
    proxy, hosts, _ = slow_host(max_ejection_percent=10)
    with Asking(proxy):
        proxy.wait_stat(OUTLIER + "ejections_overflow")
        said = wait_until(lambda: (entry := explained(proxy, hosts[0].port)).get("outlier_detection", {}).get("spared") and entry, "it is said")
    assert said["ejected"] is False and said["outlier_detection"]["latency_ms"] > 50
    assert proxy.stat(OUTLIER + "ejections_enforced_latency") == 0
    assert "latency_ejection_threshold_ms::" in proxy.admin("/clusters").text


def test_it_may_be_watched_only(slow_host):
    proxy, hosts, _ = slow_host(enforcing=0)
    with Asking(proxy):
        proxy.wait_stat(OUTLIER + "ejections_detected_latency")
    assert proxy.stat(OUTLIER + "ejections_enforced_total") == 0
