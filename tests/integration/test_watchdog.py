"""Threads that stand still (docs/faults.md, row 39): one by one they are stopped, as a debugger stops them."""

import os
import re
import signal

import pytest

from support.bootstrap import bootstrap, http_listener, route
from support.proxy import Proxy
from support.standstill import Standstill
from support.waiting import wait_until

WORKER = "wrk:worker_0"
QUICK = {"miss_timeout": "0.05s", "megamiss_timeout": "0.2s"}


def config(**more):
    return bootstrap([http_listener(route("/", respond=(200, "here")))], **more)


@pytest.fixture
def guarded(start):
    def begin(concurrency=2, **more):
        proxy = start(config(**(more or {"watchdogs": {"worker_watchdog": QUICK, "main_thread_watchdog": QUICK}})), concurrency=concurrency)
        assert proxy.fetch().status == 200
        return proxy
    return begin


def test_a_worker_that_stands_still_is_counted_and_named(guarded):
    proxy = guarded()
    with Standstill(proxy, WORKER):
        for name in ("workers.watchdog_miss", "workers.watchdog_mega_miss", "server.worker_0.watchdog_miss", "server.worker_0.watchdog_mega_miss"):
            proxy.wait_stat(name)
        if proxy.kind == "remora":
            wait_until(lambda: re.search(r"warning.*thread worker_0 has stood still for [0-9]+ ms", proxy.log), lambda: proxy.log)
    assert all(proxy.fetch().status == 200 for _ in range(20))
    if proxy.kind == "remora":
        wait_until(lambda: "thread worker_0 goes on" in proxy.log, lambda: proxy.log)


def test_the_main_thread_is_watched_as_well(guarded):
    """Requests are served all the while."""
    proxy = guarded()
    port = proxy.port()
    with Standstill(proxy, proxy.pid):
        assert proxy.fetch().status == 200 and port
        wait_until(lambda: proxy.kind == "envoy" or "thread main_thread has stood still" in proxy.log, "it is noticed")
    if proxy.kind == "remora":
        proxy.wait_stat("main_thread.watchdog_miss")
        proxy.wait_stat("server.main_thread.watchdog_miss")


@pytest.mark.parametrize("settings", [
    {"watchdogs": {"worker_watchdog": {"kill_timeout": "1s", "max_kill_timeout_jitter": "0.05s"}}},
    {"watchdog": {"kill_timeout": "1s"}},
], ids=["of workers", "of all"])
def test_who_is_stuck_for_too_long_ends_the_process(settings):
    with Proxy(config(**settings), concurrency=2) as proxy:
        stuck = Standstill(proxy, WORKER).__enter__()
        assert stuck.died() == -signal.SIGABRT
        proxy.killed = True  # as it was meant to
        assert proxy.kind == "envoy" or "thread worker_0 has stood still for longer than kill_timeout: the process ends" in proxy.log


def test_so_do_many():
    settings = {"watchdogs": {"worker_watchdog": {"multikill_timeout": "1s", "multikill_threshold": {"value": 60}}}}
    with Proxy(config(**settings), concurrency=3) as proxy:
        with Standstill(proxy, WORKER):
            proxy.wait_stat("workers.watchdog_mega_miss")
        assert proxy.fetch().status == 200  # one of three is not enough
        stuck = Standstill(proxy, WORKER, "wrk:worker_1").__enter__()
        assert stuck.died() == -signal.SIGABRT
        proxy.killed = True
        assert proxy.kind == "envoy" or "2 threads" in proxy.log


@pytest.mark.remora_only("it counts, and kills, when the whole process was stopped")
def test_a_process_that_was_stopped_as_a_whole_is_not_its_threads_fault():
    with Proxy(config(watchdog={"kill_timeout": "1s", **QUICK})) as proxy:
        proxy.signal(signal.SIGSTOP)
        stopped_at = os.times().elapsed
        wait_until(lambda: os.times().elapsed > stopped_at + 3, "three times what would be deadly")
        proxy.signal(signal.SIGCONT)
        assert proxy.fetch().status == 200


@pytest.mark.parametrize("broken, path", [
    ({"watchdog": {}, "watchdogs": {}}, "watchdog"),
    ({"watchdog": {"miss_timeout": "-1s"}}, "watchdog.miss_timeout"),
    ({"watchdogs": {"worker_watchdog": {"multikill_threshold": {"value": 101}}}}, "watchdogs.worker_watchdog.multikill_threshold.value"),
    ({"watchdogs": {"main_thread_watchdog": {"max_kill_timeout_jitter": "-1s"}}}, "watchdogs.main_thread_watchdog.max_kill_timeout_jitter"),
])
def test_refuses(broken, path):
    with Proxy(config(**broken), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert proxy.kind == "envoy" or f"{path}: " in proxy.log
