"""What a route does when its upstream is slow or fails: timeouts, retries and the headers that steer them."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, http, http_listener, listener, route, routing, virtual_host
from support.http_client import format_request
from support.upstream import Upstream, reply, stall, stall_twice, unused_port

INTERNAL = {"use_remote_address": True, "internal_address_config": {
    "cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}}
POLICY = {"retry_back_off": {"base_interval": "0.001s", "max_interval": "0.01s"}}


def failing(times, status=503, **headers):
    """Fails the first `times` requests, then succeeds."""
    state = {"left": times}
    lock = threading.Lock()

    def answer(request):
        with lock:
            state["left"] -= 1
            failed = state["left"] >= 0
        return reply(status, headers, "failed") if failed else reply(200, {}, "served")

    return answer


class TestTimeouts:
    def test_route_timeout_is_504(self, through):
        proxy, _ = through(script=stall, timeout="0.3s")
        response = proxy.fetch()
        assert (response.status, response.text) == (504, "upstream request timeout")
        assert proxy.wait_stat("cluster.up.upstream_rq_timeout") == 1

    def test_upstream_request_is_cancelled_by_the_timeout(self, through):
        ended = threading.Event()

        def script(connection):
            stall(connection)
            ended.set()

        proxy, _ = through(script=script, timeout="0.3s")
        assert proxy.fetch().status == 504
        assert ended.wait(20)

    def test_timeout_starts_when_the_request_is_complete(self, through):
        proxy, upstream = through(timeout="0.5s")
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": "4"}) + b"ab")
            upstream_saw = threading.Event()
            assert not upstream_saw.wait(0.8)  # Longer than the timeout, on purpose: the body is still to come.
            client.send(b"cd")
            assert client.response().status == 200

    def test_timeout_after_the_response_began_cuts_it(self, through):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            connection.read_to_end()

        proxy, _ = through(script=script, timeout="0.3s")
        with proxy.connect() as client:
            client.send(format_request())
            assert client.read_response_head().status == 200
            assert client.read_to_end() == b"half"

    def test_zero_means_no_timeout(self, through):
        release = threading.Event()

        def answer(request):
            release.wait(20)
            return reply(200)

        proxy, upstream = through(answer=answer, timeout="0s")
        threading.Timer(1.0, release.set).start()
        assert proxy.fetch().status == 200

    def test_idle_timeout_of_the_route_is_504_once_the_request_is_complete(self, through):
        proxy, _ = through(script=stall, timeout="0s", idle_timeout="0.3s")
        response = proxy.fetch()
        assert (response.status, response.text) == (504, "stream timeout")
        assert proxy.wait_stat("http.in.downstream_rq_idle_timeout") == 1

    def test_maximal_duration_ends_a_stream(self, through):
        proxy, _ = through(script=stall, timeout="0s", max_stream_duration={"max_stream_duration": "0.3s"})
        assert proxy.fetch().status in (408, 504)
        assert proxy.wait_stat("http.in.downstream_rq_max_duration_reached") == 1

    def test_expected_timeout_is_told_to_the_upstream(self, through):
        proxy, upstream = through(timeout="7s")
        assert proxy.fetch().status == 200
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == "7000"

    def test_a_retry_hears_what_is_left(self, through):
        def answer(request):
            if len(upstream.requests) == 1:
                threading.Event().wait(0.3)  # time that is gone, on purpose
                return reply(503)
            return reply(200)

        proxy, upstream = through(answer=answer, timeout="9s", retry_policy={"retry_on": "5xx", **POLICY})
        assert proxy.fetch().status == 200
        first, second = (int(request.get("x-envoy-expected-rq-timeout-ms")) for request in upstream.requests)
        assert first == 9000 and 0 < second <= 8700

    def test_a_retry_within_its_own_time_hears_of_that(self, through):
        proxy, upstream = through(answer=failing(1), timeout="9s", retry_policy={"retry_on": "5xx", "per_try_timeout": "2s", **POLICY})
        assert proxy.fetch().status == 200
        assert [request.get("x-envoy-expected-rq-timeout-ms") for request in upstream.requests] == ["2000", "2000"]

    def test_default_timeout_is_15_seconds(self, through):
        proxy, upstream = through()
        assert proxy.fetch().status == 200
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == "15000"


    @pytest.mark.remora_only("Envoy lets the upstream begin what nobody waits for")
    def test_a_request_whose_time_is_over_is_not_sent(self, through):
        proxy, upstream = through(max_stream_duration={"grpc_timeout_header_max": "5s"})
        response = proxy.fetch(headers={"grpc-timeout": "0m"})
        assert (response.status, response.text) == (504, "downstream duration timeout")
        assert proxy.wait_stat("http.in.downstream_rq_max_duration_reached") == 1
        assert proxy.fetch(headers={"grpc-timeout": "5S"}).status == 200
        assert [request.get("grpc-timeout") for request in upstream.requests] == ["5S"]


class TestRetries:
    @pytest.mark.parametrize("retry_on, status", [
        ("5xx", 500), ("5xx", 503), ("gateway-error", 502), ("gateway-error", 503), ("gateway-error", 504),
        ("retriable-4xx", 409)])
    def test_status_that_is_retried(self, through, retry_on, status):
        proxy, upstream = through(answer=failing(2, status), retry_policy={"retry_on": retry_on, "num_retries": 3, **POLICY})
        assert proxy.fetch("/", "POST", body="again").text == "served"
        assert [request.body for request in upstream.requests] == [b"again"] * 3
        assert proxy.wait_stat("cluster.up.upstream_rq_retry", 2) == 2
        assert proxy.wait_stat("cluster.up.upstream_rq_retry_success") == 1

    @pytest.mark.parametrize("retry_on, status", [("gateway-error", 500), ("connect-failure", 503), ("reset", 503),
                                                  ("retriable-4xx", 404), ("5xx", 429)])
    def test_status_that_is_not_retried(self, through, retry_on, status):
        proxy, upstream = through(answer=failing(1, status), retry_policy={"retry_on": retry_on, "num_retries": 3, **POLICY})
        assert proxy.fetch().status == status
        assert len(upstream.requests) == 1

    def test_named_status_codes_are_retried(self, through):
        proxy, upstream = through(answer=failing(1, 418), retry_policy={
            "retry_on": "retriable-status-codes", "retriable_status_codes": [418], **POLICY})
        assert proxy.fetch().status == 200 and len(upstream.requests) == 2

    def test_number_of_retries_is_a_limit(self, through):
        proxy, upstream = through(answer=failing(99), retry_policy={"retry_on": "5xx", "num_retries": 2, **POLICY})
        response = proxy.fetch()
        assert (response.status, response.text) == (503, "failed")
        assert len(upstream.requests) == 3
        assert proxy.wait_stat("cluster.up.upstream_rq_retry_limit_exceeded") == 1

    def test_one_retry_is_the_default(self, through):
        proxy, upstream = through(answer=failing(99), retry_policy={"retry_on": "5xx", **POLICY})
        assert proxy.fetch().status == 503 and len(upstream.requests) == 2

    def test_zero_retries_is_none(self, through):
        proxy, upstream = through(answer=failing(99), retry_policy={"retry_on": "5xx", "num_retries": 0})
        assert proxy.fetch().status == 503 and len(upstream.requests) == 1

    def test_reset_is_retried(self, through):
        def script(connection):
            request = connection.read_request()
            if connection.number < 2:
                connection.reset()
            elif request:
                connection.send(reply(200, {}, "served"))
                connection.read_request()

        proxy, upstream = through(script=script, retry_policy={"retry_on": "reset", "num_retries": 3, **POLICY})
        assert proxy.fetch("/", "POST", body="x").text == "served"
        assert len(upstream.requests) == 3

    def test_refused_connection_is_retried_on_another_host(self, start, closing):
        upstream = closing(Upstream())
        proxy = start(bootstrap(
            [http_listener(route(to="up", retry_policy={"retry_on": "connect-failure", "num_retries": 1, **POLICY}))],
            [cluster("up", unused_port(), upstream.port)]))
        assert [proxy.fetch().status for _ in range(4)] == [200] * 4

    def test_retry_avoids_the_host_that_failed(self, start, closing):
        bad, good = closing(Upstream("bad", lambda _: reply(503))), closing(Upstream("good"))
        policy = {"retry_on": "5xx", "num_retries": 1, "host_selection_retry_max_attempts": 5, "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}], **POLICY}
        proxy = start(bootstrap([http_listener(route(to="up", retry_policy=policy))],
                                [cluster("up", bad.port, good.port, lb_policy="ROUND_ROBIN")]))
        with proxy.connect() as client:
            assert {client.request().text for _ in range(20)} == {"good"}

    def test_response_that_began_is_never_retried(self, through):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            connection.reset()

        proxy, upstream = through(script=script, retry_policy={"retry_on": "5xx,reset", "num_retries": 3, **POLICY})
        with proxy.connect() as client:
            client.send(format_request())
            client.read_to_end()
        assert len(upstream.requests) == 1

    def test_timeout_of_each_try(self, through):
        proxy, upstream = through(script=stall_twice, retry_policy={
            "retry_on": "5xx", "num_retries": 3, "per_try_timeout": "0.25s", **POLICY})
        assert proxy.fetch().text == "served"
        assert len(upstream.requests) == 3
        assert proxy.wait_stat("cluster.up.upstream_rq_per_try_timeout", 2) == 2

    def test_route_timeout_covers_all_tries(self, through):
        proxy, upstream = through(script=stall, timeout="3s", retry_policy={
            "retry_on": "5xx", "num_retries": 50, "per_try_timeout": "0.25s", **POLICY})
        assert proxy.fetch().status == 504
        assert 2 <= len(upstream.requests) <= 13

    def test_request_headers_of_internal_clients_ask_for_retries(self, through):
        proxy, upstream = through(answer=failing(2), settings=INTERNAL)
        response = proxy.fetch(headers={"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "2"})
        assert response.text == "served" and len(upstream.requests) == 3
        assert not upstream.last.has("x-envoy-retry-on") and not upstream.last.has("x-envoy-max-retries")

    def test_request_headers_of_internal_clients_set_the_timeout(self, through):
        proxy, upstream = through(script=stall, settings=INTERNAL)
        assert proxy.fetch(headers={"x-envoy-upstream-rq-timeout-ms": "300"}).status == 504
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == "300"

    @pytest.mark.parametrize("settings", [{}, {"use_remote_address": True}])
    def test_request_headers_of_anybody_else_are_stripped(self, through, settings):
        proxy, upstream = through(answer=failing(1), settings=settings)
        response = proxy.fetch(headers={"x-envoy-retry-on": "5xx", "x-envoy-upstream-rq-timeout-ms": "300"})
        assert response.status == 503 and len(upstream.requests) == 1
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == "15000"
        assert not upstream.last.has("x-envoy-retry-on") and not upstream.last.has("x-envoy-upstream-rq-timeout-ms")

    def test_large_request_body_is_retried_whole(self, through):
        body = bytes(range(256)) * 1024  # 256 KiB, below the buffer limit.
        proxy, upstream = through(answer=failing(1), retry_policy={"retry_on": "5xx", **POLICY})
        assert proxy.fetch("/", "POST", body=body).text == "served"
        assert [request.body for request in upstream.requests] == [body, body]

    def test_concurrent_retries_are_limited_by_the_circuit_breaker(self, through):
        proxy, upstream = through(answer=failing(99), retry_policy={"retry_on": "5xx", "num_retries": 3, **POLICY},
                                  cluster_settings={"circuit_breakers": {"thresholds": [{"max_retries": 0}]}})
        response = proxy.fetch()
        assert response.status == 503 and len(upstream.requests) == 1
        assert proxy.wait_stat("cluster.up.upstream_rq_retry_overflow") == 1

    def test_virtual_host_policy_applies_to_routes_without_one(self, start, closing):
        upstream = closing(Upstream(answer=failing(1)))
        table = routing(virtual_host(route(to="up"), retry_policy={"retry_on": "5xx", **POLICY}))
        proxy = start(bootstrap([listener(http(route_config=table))], [cluster("up", upstream.port)]))
        assert proxy.fetch().text == "served"

    def test_a_retry_says_whether_the_try_before_was_too_slow(self, start, closing):
        statuses = iter([503])

        def script(connection):
            if connection.number == 0:
                return stall(connection)
            while connection.read_request() is not None:
                connection.send(reply(next(statuses, 200), {}, "served"))

        upstream = closing(Upstream(script=script))
        policy = {"retry_on": "5xx", "num_retries": 3, "per_try_timeout": "0.3s", **POLICY}
        table = routing(virtual_host(route(to="up", retry_policy=policy), include_is_timeout_retry_header=True))
        proxy = start(bootstrap([listener(http(route_config=table))], [cluster("up", upstream.port)]))
        assert proxy.fetch().text == "served"
        assert [request.get("x-envoy-is-timeout-retry") for request in upstream.requests] == [None, "true", "false"]

    def test_attempts_are_numbered(self, start, closing):
        answer = failing(2)
        upstream = closing(Upstream(answer=answer))
        table = routing(virtual_host(route(to="up", retry_policy={"retry_on": "5xx", "num_retries": 5, **POLICY}),
                                     include_request_attempt_count=True))
        proxy = start(bootstrap([listener(http(route_config=table))], [cluster("up", upstream.port)]))
        assert proxy.fetch().text == "served"
        assert [request.get("x-envoy-attempt-count") for request in upstream.requests] == ["1", "2", "3"]
