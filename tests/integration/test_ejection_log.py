"""cluster_manager.outlier_detection.event_log_path: what is written of ejections. The same lines as the real Envoy's."""

import json

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
QUICK = {"interval": "0.2s", "base_ejection_time": "0.3s", "max_ejection_percent": 100, "enforcing_success_rate": 0}


@pytest.fixture(params=KINDS)
def logged(request, tmp_path, closing):
    """A cluster of a host that fails and further good ones; what is written."""

    def begin(good=1, bad_port=None, **outlier):
        bad = closing(Upstream("bad", lambda _: reply(503, {}, "bad")))
        bad_port = bad_port or bad.port
        ports = [bad_port, *(closing(Upstream("good")).port for _ in range(good))]
        config = bootstrap([http_listener(route(to="up"))], [cluster("up", *ports, outlier_detection={**QUICK, **outlier})])
        log = tmp_path / "ejections"
        config["cluster_manager"] = {"outlier_detection": {"event_log_path": str(log)}}
        proxy = closing(Proxy(config, kind=request.param))

        def events(count):
            wait_until(lambda: log.exists() and len(log.read_text().splitlines()) >= count, lambda: f"{count} lines in {log.read_text()}")
            found = [json.loads(line) for line in log.read_text().splitlines()]
            for event in found:
                assert event.pop("timestamp").endswith("Z")
                assert int(event.pop("secs_since_last_action", 0)) < 60
                assert (event.pop("cluster_name"), event.pop("upstream_url")) == ("up", f"127.0.0.1:{bad_port}")
            return found

        return proxy, events

    return begin


def ask(proxy, times):
    with proxy.connect() as client:
        for _ in range(times):
            client.request()


def test_an_ejection_and_the_return(logged):
    proxy, events = logged(consecutive_5xx=3, enforcing_consecutive_gateway_failure=0, consecutive_gateway_failure=1000)
    ask(proxy, 8)
    assert events(2)[:2] == [
        {"type": "CONSECUTIVE_5XX", "action": "EJECT", "num_ejections": 1, "enforced": True, "eject_consecutive_event": {}},
        {"type": "CONSECUTIVE_5XX", "action": "UNEJECT", "num_ejections": 1, "enforced": False}]
    wait_until(lambda: ask(proxy, 2) or len(events(2)) >= 3, lambda: "the host is not ejected again")
    assert events(3)[2] == {"type": "CONSECUTIVE_5XX", "action": "EJECT", "num_ejections": 2, "enforced": True, "eject_consecutive_event": {}}


def test_what_is_not_enforced(logged):
    proxy, events = logged(consecutive_5xx=3, enforcing_consecutive_5xx=0, consecutive_gateway_failure=3)
    ask(proxy, 6)
    assert sorted(event["type"] for event in events(2)) == ["CONSECUTIVE_5XX", "CONSECUTIVE_GATEWAY_FAILURE"]
    assert all((event["num_ejections"], event["enforced"]) == (0, False) for event in events(2))


def test_hosts_that_cannot_be_reached(logged):
    proxy, events = logged(bad_port=unused_port(), split_external_local_origin_errors=True, consecutive_local_origin_failure=2)
    ask(proxy, 8)
    assert events(1)[0] == {"type": "CONSECUTIVE_LOCAL_ORIGIN_FAILURE", "action": "EJECT", "num_ejections": 1, "enforced": True,
                            "eject_consecutive_event": {}}


@pytest.mark.parametrize("settings, event", [
    ({"enforcing_success_rate": 100},
     {"type": "SUCCESS_RATE", "eject_success_rate_event": {"host_success_rate": 0, "cluster_average_success_rate": 80,
                                                           "cluster_success_rate_ejection_threshold": 4}}),
    ({"success_rate_minimum_hosts": 100, "enforcing_failure_percentage": 100, "failure_percentage_minimum_hosts": 3,
      "failure_percentage_request_volume": 5},
     {"type": "FAILURE_PERCENTAGE", "eject_failure_percentage_event": {"host_success_rate": 0}})])
def test_rates(logged, settings, event):
    proxy, events = logged(good=4, consecutive_5xx=100000, consecutive_gateway_failure=100000, interval="0.5s",
                           **{"success_rate_minimum_hosts": 3, "success_rate_request_volume": 5, **settings})
    wait_until(lambda: ask(proxy, 100) or proxy.stat("cluster.up.outlier_detection.ejections_enforced_total") >= 1,
               lambda: "nobody is ejected")
    assert events(1)[0] == {"action": "EJECT", "num_ejections": 1, "enforced": True, **event}
