"""The filter adaptive_concurrency: as many requests at once as the upstream serves without making them wait."""

import threading

import pytest

from support.bootstrap import TYPE, bootstrap, cluster, file_log, http, listener, route, typed
from support.http_client import format_request
from support.proxy import Proxy, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

MESSAGE = "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency"
LINE = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
STATS = "http.in.adaptive_concurrency.gradient_controller."


def adaptive(limit=None, minimum=None, **fields):
    gradient = {"concurrency_limit_params": {"concurrency_update_interval": "0.05s", **(limit or {})},
                "min_rtt_calc_params": {"interval": "60s", **(minimum or {})}}
    return {"name": "envoy.filters.http.adaptive_concurrency",
            "typed_config": typed(MESSAGE, gradient_controller_config=gradient, **fields)}


def gradient2(**fields):
    return {"name": "remora.http_filters.gradient2",
            "typed_config": {"@type": TYPE + "xds.type.v3.TypedStruct", "type_url": TYPE + "remora.http_filters.v1.Gradient2",
                             "value": fields}}


class Gate:
    """An upstream whose answers to /held wait until it is opened."""

    def __init__(self):
        self.opened = threading.Event()
        self.upstream = Upstream("a", self.answer)

    def answer(self, request):
        if request.target == "/held":
            self.opened.wait(20)
        return reply(200)


@pytest.fixture
def start(tmp_path):
    gate, running = Gate(), []

    def begin(one, **more):
        front = listener(http([route("/", to="a")], filters=[one], access_log=[file_log(tmp_path / "log", LINE)]))
        proxy = Proxy(bootstrap([front], [cluster("a", gate.upstream.port)]), **more)
        running.append(proxy)
        proxy.gate, proxy.log_file = gate, tmp_path / "log"
        return proxy

    yield begin
    gate.opened.set()
    for proxy in running:
        proxy.stop()
    gate.upstream.close()


def hold(proxy, number):
    """So many requests that wait at the upstream; each is there when this returns."""
    proxy.clients = clients = []  # who is forgotten hangs up
    for _ in range(number):
        before = len(proxy.gate.upstream.requests)
        client = proxy.connect()
        client.send(format_request("GET", "/held"))
        wait_until(lambda: len(proxy.gate.upstream.requests) > before, "the request at the upstream")
        clients.append(client)
    return clients


def value(proxy, name):
    return proxy.stat(STATS + name)


def test_blocks_what_is_beyond_the_limit(start):
    proxy = start(adaptive(minimum={"min_concurrency": 2}))
    clients = hold(proxy, 2)
    blocked = proxy.fetch("/")
    assert (blocked.status, blocked.text, blocked.get("content-type")) == (503, "reached concurrency limit", "text/plain")
    assert value(proxy, "rq_blocked") == 1
    assert wait_until(lambda: proxy.log_file.read_text().splitlines(), "a line in the log") == ["503 - reached_concurrency_limit"]
    clients[0].close()
    wait_until(lambda: proxy.fetch("/").status == 200, "a place, once a client has left")


def test_an_own_status(start):
    proxy = start(adaptive(minimum={"min_concurrency": 1}, concurrency_limit_exceeded_status={"code": 429}))
    hold(proxy, 1)
    assert proxy.fetch("/").status == 429


def test_a_status_that_is_no_error_is_503(start):
    proxy = start(adaptive(minimum={"min_concurrency": 1}, concurrency_limit_exceeded_status={"code": 200}))
    hold(proxy, 1)
    assert proxy.fetch("/").status == 503


def test_measures_the_minimum_and_then_grows(start):
    proxy = start(adaptive(minimum={"request_count": 5, "buffer": {"value": 100}}))
    proxy.fetch("/")
    proxy.wait_stat(STATS + "min_rtt_calculation_active")
    assert value(proxy, "concurrency_limit") == 3
    for _ in range(4):
        proxy.fetch("/")
    wait_until(lambda: value(proxy, "min_rtt_calculation_active") == 0, "the minimum")
    assert value(proxy, "concurrency_limit") == 3

    def grown():
        proxy.fetch("/")
        return value(proxy, "concurrency_limit") > 3 and value(proxy, "gradient") > 500
    wait_until(grown, "a limit that grows")


def test_a_fixed_minimum(start):
    proxy = start(adaptive(minimum={"fixed_value": "10s"}))
    for limit in (8, 20, 46, 101):  # twice the limit and the root of that, as often as there is a sample
        proxy.fetch("/")
        wait_until(lambda: value(proxy, "concurrency_limit") == limit, lambda: f"{limit}, is {value(proxy, 'concurrency_limit')}")
    assert (value(proxy, "gradient"), value(proxy, "min_rtt_msecs"), value(proxy, "min_rtt_calculation_active")) == (2000, 10000, 0)


def test_can_be_off(start):
    proxy = start(adaptive(minimum={"min_concurrency": 1}, enabled={"default_value": False, "runtime_key": "k"}))
    hold(proxy, 5)
    assert proxy.fetch("/").status == 200


def test_the_limit_is_for_all_workers(start):
    proxy = start(adaptive(minimum={"min_concurrency": 3}), concurrency=2)
    hold(proxy, 3)
    assert [proxy.fetch("/").status for _ in range(20)] == [503] * 20
    proxy.gate.opened.set()
    wait_until(lambda: proxy.fetch("/").status == 200, "a place")


@pytest.mark.parametrize("one, path", [
    ({"minimum": {"interval": "0.0005s"}}, "min_rtt_calc_params.interval"),
    ({"limit": {"concurrency_update_interval": "0s"}}, "concurrency_limit_params.concurrency_update_interval"),
    ({"limit": {"max_concurrency_limit": 0}}, "concurrency_limit_params.max_concurrency_limit"),
])
def test_refuses(one, path):
    front = listener(http([route("/", respond=(200, ""))], filters=[adaptive(**one)]))
    with Proxy(bootstrap([front]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert proxy.kind == "envoy" or path in proxy.log


@pytest.mark.skipif(under_test() == "envoy", reason="Envoy does not have it")
class TestGradient2:
    def test_limits_without_measuring_first(self, start):
        proxy = start(gradient2(initial_limit=2, min_limit=1, exceeded_status=429))
        hold(proxy, 2)
        assert proxy.fetch("/").status == 429
        assert value(proxy, "min_rtt_calculation_active") == 0
        proxy.gate.opened.set()
        wait_until(lambda: proxy.fetch("/").status == 200, "a place")
        proxy.wait_stat(STATS + "gradient", 500)

    def test_refuses_what_it_does_not_know(self):
        front = listener(http([route("/", respond=(200, ""))], filters=[gradient2(window=3)]))
        with Proxy(bootstrap([front]), wait_ready=False) as proxy:
            assert proxy.wait() != 0
            assert "http_filters[0].typed_config.value.window" in proxy.log
