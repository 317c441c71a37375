"""The overload manager: resources are measured, and what is configured is done when they become scarce."""

import pytest

from support.bootstrap import bootstrap, http_listener, route
from support.overload import (action, injected, manager, monitor, most_connections, point, scaled,  # noqa: F401
                              threshold, wait_value)
from support.proxy import Proxy

SHRINK = "envoy.overload_actions.shrink_heap"
IDLE = {"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE"}


def shrink(*triggers):
    return {"name": SHRINK, "triggers": list(triggers)}


def config(*monitors, **more):
    return bootstrap([http_listener(route("/", respond=(200, "")))], overload_manager=manager(*monitors, **more))


def test_a_threshold_and_what_is_shown_of_it(injected):
    with Proxy(config(monitor("file", "injected_resource", filename=str(injected.path)), actions=[shrink(threshold("file", 0.75))])) as proxy:
        wait_value(proxy, f"overload.{SHRINK}.active", 0)
        injected.set(0.75)
        wait_value(proxy, "overload.file.pressure", 75)
        wait_value(proxy, f"overload.{SHRINK}.active", 1)
        wait_value(proxy, f"overload.{SHRINK}.scale_percent", 100)
        injected.set(0.5)
        wait_value(proxy, "overload.file.pressure", 50)
        wait_value(proxy, f"overload.{SHRINK}.active", 0)
        wait_value(proxy, f"overload.{SHRINK}.scale_percent", 0)


def test_an_action_that_scales(injected):
    with Proxy(config(monitor("file", "injected_resource", filename=str(injected.path)), actions=[shrink(scaled("file", 0.25, 0.75))])) as proxy:
        for pressure, percent, active in ((0.25, 0, 0), (0.5, 50, 0), (0.75, 100, 1), (1, 100, 1), (0, 0, 0)):
            injected.set(pressure)
            wait_value(proxy, "overload.file.pressure", pressure * 100)
            wait_value(proxy, f"overload.{SHRINK}.scale_percent", percent)
            wait_value(proxy, f"overload.{SHRINK}.active", active)


def test_the_heap_shrinks_while_it_is_due(injected):
    with Proxy(config(monitor("file", "injected_resource", filename=str(injected.path)), actions=[shrink(threshold("file", 0.5))])) as proxy:
        injected.set(1)
        wait_value(proxy, f"overload.{SHRINK}.active", 1)
        assert proxy.fetch("/").status == 200
        proxy.wait_stat(f"overload.{SHRINK}.shrink_count")  # every ten seconds


def test_a_number_that_cannot_be_read_is_counted_and_changes_nothing(injected):
    with Proxy(config(monitor("file", "injected_resource", filename=str(injected.path)), actions=[shrink(threshold("file", 0.5))])) as proxy:
        injected.set(0.5)
        wait_value(proxy, f"overload.{SHRINK}.active", 1)
        injected.set("much")
        proxy.wait_stat("overload.file.failed_updates", 2)
        assert (proxy.stat(f"overload.{SHRINK}.active"), proxy.stat("overload.file.pressure")) == (1, 50)


def test_what_the_machine_has(injected):
    monitors = [monitor("heap", "fixed_heap", max_heap_size_bytes=10_000_000_000), monitor("small", "fixed_heap", max_heap_size_bytes=100_000),
                monitor("group", "cgroup_memory", max_memory_bytes=1), monitor("cpu", "cpu_utilization")]
    with Proxy(config(*monitors, actions=[shrink(threshold("small", 1))])) as proxy:
        proxy.wait_stat("overload.small.pressure", 100)
        wait_value(proxy, f"overload.{SHRINK}.active", 1)
        proxy.wait_stat("overload.group.pressure", 100)
        assert proxy.stat("overload.heap.pressure") < 5
        assert proxy.stat("overload.cpu.pressure") <= 100
        names = {name for name in proxy.stats("^overload")}
        assert {f"overload.{name}.{what}" for name in ("heap", "group", "cpu") for what in ("pressure", "failed_updates", "skipped_updates")} <= names


@pytest.mark.parametrize("broken, path", [
    (lambda good: {"resource_monitors": [good, good]}, "resource_monitors[1].name"),
    (lambda good: {"resource_monitors": []}, "resource_monitors"),
    (lambda good: {"resource_monitors": [monitor("heap", "fixed_heap")]}, "resource_monitors[0].typed_config.max_heap_size_bytes"),
    (lambda good: {"actions": [shrink(threshold("other", 0.5))]}, "actions[0].triggers[0].name"),
    (lambda good: {"actions": [shrink(threshold("heap", 0.5), threshold("heap", 0.6))]}, "actions[0].triggers[1].name"),
    (lambda good: {"actions": [shrink(threshold("heap", 0.5)), shrink(threshold("heap", 0.6))]}, "actions[1].name"),
    (lambda good: {"actions": [shrink(threshold("heap", 1.5))]}, "actions[0].triggers[0].threshold.value"),
    (lambda good: {"actions": [shrink(scaled("heap", 0.5, 0.5))]}, "actions[0].triggers[0].scaled.scaling_threshold"),
    (lambda good: {"actions": [shrink()]}, "actions[0].triggers"),
    (lambda good: {"actions": [{**shrink(threshold("heap", 0.5)), "name": "envoy.overload_actions.none"}]}, "actions[0].name"),
    (lambda good: {"actions": [action("reset_high_memory_stream", threshold("heap", 0.5))]}, "actions[0].name"),
    (lambda good: {"actions": [action("reduce_timeouts", threshold("heap", 0.5))]}, "actions[0].typed_config"),
    (lambda good: {"actions": [action("reduce_timeouts", threshold("heap", 0.5), reduced=[])]}, "actions[0].typed_config.timer_scale_factors"),
    (lambda good: {"actions": [action("reduce_timeouts", threshold("heap", 0.5), reduced=[IDLE])]},
     "actions[0].typed_config.timer_scale_factors[0]"),
    (lambda good: {"actions": [action("reduce_timeouts", threshold("heap", 0.5), reduced=[{**IDLE, "min_timeout": "1s"}] * 2)]},
     "actions[0].typed_config.timer_scale_factors[1].timer"),
    (lambda good: {"actions": [action("reduce_timeouts", threshold("heap", 0.5), reduced=[{**IDLE, "min_scale": {"value": 101}}])]},
     "actions[0].typed_config.timer_scale_factors[0].min_scale.value"),
    (lambda good: {"actions": [action("shrink_heap", threshold("heap", 0.5), reduced=[{**IDLE, "min_timeout": "1s"}])]},
     "actions[0].typed_config"),
    (lambda good: {"loadshed_points": [point("tcp_listener_accept", threshold("heap", 0.5))] * 2}, "loadshed_points[1].name"),
    (lambda good: {"loadshed_points": [point("tcp_listener_accept", threshold("other", 0.5))]}, "loadshed_points[0].triggers[0].name"),
    (lambda good: {"resource_monitors": [most_connections(0)]}, "resource_monitors[0].typed_config.max_active_downstream_connections"),
    (lambda good: {"resource_monitors": [{**most_connections(5), "name": "connections"}]}, "resource_monitors[0].name"),
])
def test_refuses(broken, path):
    good = monitor("heap", "fixed_heap", max_heap_size_bytes=1_000_000_000)
    settings = {"resource_monitors": [good], **broken(good)}
    with Proxy(bootstrap([http_listener(route("/", respond=(200, "")))], overload_manager=settings), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert proxy.kind == "envoy" or f"overload_manager.{path}" in proxy.log


@pytest.mark.remora_only("it takes any name, and those that nothing asks for are without effect")
@pytest.mark.parametrize("name", ["http3_server_go_away_on_dispatch", "nonsense"])
def test_refuses_a_load_shed_point_that_is_not_there(name):
    settings = manager(monitor("heap", "fixed_heap", max_heap_size_bytes=1_000_000_000), points=[point(name, threshold("heap", 0.5))])
    with Proxy(bootstrap([http_listener(route("/", respond=(200, "")))], overload_manager=settings), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert f"overload_manager.loadshed_points[0].name: the load shed point 'envoy.load_shed_points.{name}'" in proxy.log
