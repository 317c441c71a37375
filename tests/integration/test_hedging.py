"""Hedging: an attempt that takes too long goes on beside the next one. The same expectations for the real Envoy."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http, listener, route, routing, virtual_host
from support.http_client import format_request
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
INTERNAL = {"internal_address_config": {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}, "use_remote_address": True}
HEDGE = {"hedge_on_per_try_timeout": True}
RETRY = {"retry_on": "5xx", "num_retries": 1, "per_try_timeout": "0.4s",
         "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"}}
FORMAT = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"


class Gates:
    """An upstream whose n-th request is answered when the test says so, and how it says."""

    def __init__(self):
        self.open = [threading.Event() for _ in range(6)]
        self.answers = [reply(200, {}, f"attempt {number}") for number in range(1, 7)]
        self.ended = [threading.Event() for _ in range(6)]
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, connection):
        while connection.read_request() is not None:
            with self.lock:
                number = self.count
                self.count += 1
            watcher = threading.Thread(target=self.watch, args=(connection, number), daemon=True)
            if self.answers[number] is None:
                watcher.start()
            assert self.open[number].wait(20)
            if self.answers[number] is None:
                continue
            if self.answers[number] == b"":
                return  # the connection ends without an answer
            connection.send(self.answers[number])
        self.ended[max(self.count - 1, 0)].set()

    def watch(self, connection, number):
        connection.read_to_end()
        self.ended[number].set()
        self.open[number].set()

    def lets(self, number, answer=None):
        if answer is not None:
            self.answers[number - 1] = answer
        self.open[number - 1].set()


@pytest.fixture(params=KINDS)
def hedged(request, tmp_path):
    started = []

    def start(hedge=HEDGE, retry=RETRY, of_host=None, timeout="20s", hosts=1, **more):
        gates = Gates()
        upstreams = [Upstream(f"up{n}", script=gates) for n in range(hosts)]
        host = virtual_host(route("/", to="up", timeout=timeout, retry_policy=retry, **({"hedge_policy": hedge} if hedge else {}), **more),
                            **({"hedge_policy": of_host} if of_host else {}))
        log = tmp_path / f"log{len(started)}"
        config = bootstrap([listener(http(route_config=routing(host), access_log=[file_log(log, FORMAT)], **INTERNAL))],
                           [cluster("up", *[upstream.port for upstream in upstreams])])
        proxy = Proxy(config, kind=request.param)
        started.append((proxy, upstreams))
        return proxy, gates, upstreams[0], log

    yield start
    for proxy, upstreams in started:
        proxy.stop()
        for upstream in upstreams:
            upstream.close()


def ask(proxy, method="GET", body=b"", **headers):
    client = proxy.connect()
    client.send(format_request(method, "/", {name.replace("_", "-"): value for name, value in headers.items()}, body))
    return client


def waits_for(gates, count):
    wait_until(lambda: gates.count >= count, lambda: f"{count} attempts, there are {gates.count}")


def leaves_active(proxy, count):
    wait_until(lambda: proxy.stat("cluster.up.upstream_rq_active") == count, lambda: f"{count} attempts under way")


def logged(log):
    wait_until(lambda: log.exists() and log.read_text(), lambda: "no line in the log")
    code, flags, rest = log.read_text().strip().split(" ", 2)
    return f"{code} {','.join(sorted(flags.split(',')))} {rest}"


class TestWhoAnswersFirst:
    def test_the_second_attempt(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(2)
            assert client.response().text == "attempt 2"
        assert proxy.wait_stat("cluster.up.upstream_rq_retry") == 1
        assert proxy.stat("cluster.up.upstream_rq_per_try_timeout") == 0
        assert logged(log) == "200 - via_upstream 2"
        leaves_active(proxy, 0)
        gates.lets(1)

    def test_the_first_one_after_all(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(1)
            assert client.response().text == "attempt 1"
        assert logged(log) == "200 - via_upstream 2"
        leaves_active(proxy, 0)
        gates.lets(2)

    def test_bodies_go_with_every_attempt(self, hedged):
        proxy, gates, upstream, _ = hedged()
        with ask(proxy, "POST", b"the whole body", content_length="14") as client:
            waits_for(gates, 2)
            gates.lets(2)
            assert client.response().text == "attempt 2"
        assert [request.body for request in upstream.requests] == [b"the whole body"] * 2
        gates.lets(1)

    def test_more_than_two_at_once(self, hedged):
        proxy, gates, upstream, log = hedged(retry={**RETRY, "num_retries": 3})
        with ask(proxy) as client:
            waits_for(gates, 4)
            gates.lets(3)
            assert client.response().text == "attempt 3"
        assert logged(log) == "200 - via_upstream 4"
        leaves_active(proxy, 0)
        for number in (1, 2, 4):
            gates.lets(number)

    def test_a_slow_one_that_fails_does_not_stop_the_next(self, hedged):
        proxy, gates, upstream, log = hedged(retry={**RETRY, "num_retries": 2})
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(1, reply(503, {}, "bad"))
            waits_for(gates, 3)
            gates.lets(3)
            assert client.response().text == "attempt 3"
        assert logged(log) == "200 - via_upstream 3"
        leaves_active(proxy, 0)
        gates.lets(2)

    def test_the_next_request_finds_nothing_left_over(self, hedged):
        proxy, gates, upstream, _ = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(2)
            assert client.response().text == "attempt 2"
            gates.lets(1)
            gates.lets(3)
            client.send(format_request("GET", "/", {}))
            assert client.response().text == "attempt 3"
            client.send(format_request("GET", "/", {}))
            waits_for(gates, 5)
            gates.lets(4)
            assert client.response().text == "attempt 4"
            gates.lets(5)


class TestWhatIsNoAnswer:
    def test_an_error_of_the_slow_one_is_not_worth_having(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(1, reply(503, {}, "bad"))
            leaves_active(proxy, 1)
            gates.lets(2)
            assert client.response().text == "attempt 2"
        assert logged(log) == "200 - via_upstream 2"

    def test_nor_one_of_the_last_while_the_slow_one_may_answer(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(2, reply(503, {}, "bad"))
            leaves_active(proxy, 1)
            gates.lets(1)
            assert client.response().text == "attempt 1"
        assert logged(log) == "200 URX via_upstream 2"

    def test_the_last_error_is_the_answer(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(2, reply(503, {}, "worse"))
            leaves_active(proxy, 1)
            gates.lets(1, reply(500, {}, "bad"))
            response = client.response()
            assert (response.status, response.text) == (500, "bad")
        assert logged(log) == "500 URX via_upstream 2"

    def test_a_slow_one_that_breaks_off_is_not_missed(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(1, b"")
            leaves_active(proxy, 1)
            gates.lets(2)
            assert client.response().text == "attempt 2"
        assert logged(log) == "200 - via_upstream 2"

    def test_until_the_last_one_has_broken_off(self, hedged):
        proxy, gates, upstream, log = hedged()
        with ask(proxy) as client:
            waits_for(gates, 2)
            gates.lets(2, b"")
            leaves_active(proxy, 1)
            gates.lets(1, b"")
            assert client.response().status == 503
        assert logged(log).startswith("503 UC,URX ")


class TestLimits:
    def test_the_routes_timeout_ends_them_all(self, hedged):
        proxy, gates, upstream, log = hedged(timeout="1.5s")
        with ask(proxy) as client:
            assert client.response().status == 504
        assert gates.count == 2
        assert proxy.wait_stat("cluster.up.upstream_rq_timeout", 2) == 2
        leaves_active(proxy, 0)
        assert logged(log) == "504 URX,UT response_timeout 2"
        for number in (1, 2):
            gates.lets(number)

    def test_without_retries_nothing_is_hedged(self, hedged):
        proxy, gates, upstream, log = hedged(retry={**RETRY, "num_retries": 0})
        with ask(proxy) as client:
            wait_until(lambda: proxy.stat("cluster.up.upstream_rq_retry_limit_exceeded") == 1, lambda: "the attempt is still in time")
            gates.lets(1)
            assert client.response().text == "attempt 1"
        assert logged(log) == "200 URX via_upstream 1"

    def test_a_client_that_leaves_ends_them_all(self, hedged):
        proxy, gates, upstream, _ = hedged()
        client = ask(proxy)
        waits_for(gates, 2)
        client.close()
        leaves_active(proxy, 0)
        for number in (1, 2):
            gates.lets(number)


class TestWhoAsksForIt:
    @pytest.mark.parametrize("hedge, of_host, header, hedges", [
        (None, HEDGE, None, True),
        ({"hedge_on_per_try_timeout": False}, HEDGE, None, False),
        (None, None, "true", True),
        (HEDGE, None, "false", False),
        (None, None, None, False),
        (HEDGE, None, "yes", True)])
    def test_route_virtual_host_or_request(self, hedged, hedge, of_host, header, hedges):
        proxy, gates, upstream, _ = hedged(hedge=hedge, of_host=of_host)
        with ask(proxy, **({"x_envoy_hedge_on_per_try_timeout": header} if header else {})) as client:
            waits_for(gates, 2)
            assert proxy.stat("cluster.up.upstream_rq_per_try_timeout") == (0 if hedges else 1)
            gates.lets(2)
            assert client.response().text == "attempt 2"
        assert upstream.requests[0].get("x-envoy-hedge-on-per-try-timeout") is None
        gates.lets(1)


class TestTimeOfAnAttempt:
    def test_runs_from_the_requests_end(self, hedged):
        proxy, gates, upstream, _ = hedged(hedge=None)
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": "4"}) + b"ab")
            wait_until(lambda: upstream.connections, lambda: "the upstream sees nothing")
            assert not threading.Event().wait(0.8)  # longer than an attempt may take: the body is still to come
            client.send(b"cd")
            gates.lets(1)
            assert client.response().text == "attempt 1"
        assert gates.count == 1
