"""The router's own access logs: one line for each attempt at an upstream. The same expectations for the real Envoy."""

import json
import threading

import pytest

from support.bootstrap import add_header, bootstrap, cluster, file_log, http_listener, route, router
from support.proxy import under_test
from support.upstream import Upstream, reply, stall, stall_twice, unused_port
from support.waiting import wait_until

RETRY = {"retry_on": "5xx,connect-failure", "num_retries": 2, "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"}}
FIELDS = {"type": "%ACCESS_LOG_TYPE%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
          "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "host": "%UPSTREAM_HOST%", "local": "%UPSTREAM_LOCAL_ADDRESS%",
          "why": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "protocol": "%PROTOCOL%", "route": "%ROUTE_NAME%", "method": "%REQ(:METHOD)%",
          "added": "%REQ(x-added)%", "answer": "%RESP(x-answer)%", "changed": "%RESP(x-changed)%", "cluster": "%UPSTREAM_CLUSTER%",
          "client": "%DOWNSTREAM_REMOTE_ADDRESS%", "attempt": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "duration": "%DURATION%",
          "response_duration": "%RESPONSE_DURATION%", "request_duration": "%REQUEST_DURATION%", "trailer": "%TRAILER(x-end)%"}


def failing(times, status=503):
    state = {"left": times}

    def answer(request):
        state["left"] -= 1
        return reply(status, {"x-answer": "bad"}, "no") if state["left"] >= 0 else reply(200, {"x-answer": "good"}, "yes!!")

    return answer


@pytest.fixture
def logged(start, closing, tmp_path):
    """Asks a proxy that logs attempts; gives it, and a function that waits for so many lines."""

    def begin(answer=None, script=None, ports=None, options=None, log_filter=None, fields=FIELDS, settings=None, cluster_settings=None, **action):
        upstream = closing(Upstream(answer=answer, script=script))
        path = tmp_path / "attempts"
        log = file_log(path, json=fields)
        if log_filter:
            log["filter"] = log_filter
        told = router(upstream_log=[log], **({"upstream_log_options": options} if options else {}))
        proxy = start(bootstrap(
            [http_listener(route("/", to="up", name="the-route", request_headers_to_add=[add_header("x-added", "by-route")],
                                 response_headers_to_add=[add_header("x-changed", "yes")], **action),
                           http_filters=[told], **(settings or {}))],
            [cluster("up", *(ports or [upstream.port]), **(cluster_settings or {}))]))

        def lines(count, more=False):
            wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count,
                       lambda: f"{count} lines in {path.read_text() if path.exists() else 'no file'!r}")
            found = [json.loads(text) for text in path.read_text().splitlines()]
            assert more or len(found) == count, found
            return found

        return proxy, lines, upstream

    return begin


def only(line, *names):
    return tuple(line[name] for name in names)


class TestAttempts:
    def test_one_that_succeeds(self, logged):
        proxy, lines, upstream = logged(answer=failing(0))
        assert proxy.fetch("/", "POST", {"x-forwarded-for": "1.2.3.4"}, "body").status == 200
        line, = lines(1)
        assert only(line, "type", "code", "flags", "details", "sent", "received") == ("UpstreamEnd", 200, "-", None, 4, 5)
        assert only(line, "route", "method", "added", "answer", "changed") == ("the-route", "POST", "by-route", "good", None)
        assert only(line, "cluster", "host", "protocol") == ("up", f"127.0.0.1:{upstream.port}", "HTTP/1.1")
        assert only(line, "why", "request_duration") == (None, None)
        assert line["client"].startswith("127.0.0.1:") and line["local"].startswith("127.0.0.1:")
        assert line["duration"] >= line["response_duration"] >= 0

    def test_each_retry_has_its_line(self, logged):
        proxy, lines, _ = logged(answer=failing(2), retry_policy=RETRY)
        assert proxy.fetch("/", "POST", {}, "body").status == 200
        first, second, third = lines(3)
        assert [only(line, "code", "answer", "sent") for line in (first, second, third)] == [(503, "bad", 4), (503, "bad", 4), (200, "good", 4)]
        assert third["received"] == 5
        if under_test() == "remora":  # Envoy's lines have 0, always
            assert [line["attempt"] for line in (first, second, third)] == [1, 2, 3]

    def test_a_connection_that_is_refused(self, logged):
        port = unused_port()
        proxy, lines, _ = logged(ports=[port], retry_policy={**RETRY, "num_retries": 1})
        assert proxy.fetch().status == 503
        for line in lines(2):
            assert only(line, "type", "code", "flags", "details") == ("UpstreamEnd", 0, "UF", None)
            assert only(line, "host", "local", "protocol", "answer") == (f"127.0.0.1:{port}", None, None, None)
            assert "refused" in line["why"]

    def test_a_reset(self, logged):
        def script(connection):
            connection.read_request()
            connection.close()

        proxy, lines, _ = logged(script=script)
        assert proxy.fetch().status == 503
        assert only(lines(1)[0], "code", "flags", "answer") == (0, "UC", None)

    def test_one_that_is_too_slow(self, logged):
        proxy, lines, _ = logged(script=stall_twice, retry_policy={**RETRY, "per_try_timeout": "0.3s"})
        assert proxy.fetch().status == 200
        assert [only(line, "code", "flags") for line in lines(3)] == [(0, "UT"), (0, "UT"), (200, "-")]

    def test_the_routes_timeout_is_not_the_attempts(self, logged):
        proxy, lines, _ = logged(script=stall, timeout="0.3s")
        assert proxy.fetch().status == 504
        assert only(lines(1)[0], "code", "flags", "details") == (0, "-", None)

    def test_a_client_that_leaves(self, logged):
        proxy, lines, upstream = logged(script=stall)
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            upstream.wait_for(1)
        assert only(lines(1)[0], "code", "flags", "details") == (0, "-", None)

    def test_an_answer_that_breaks_off(self, logged):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nx-answer: half\r\ncontent-length: 10\r\n\r\nhalf")
            connection.close()

        proxy, lines, _ = logged(script=script)
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            client.read_to_end()
        line, = lines(1)
        assert only(line, "code", "answer", "received") == (200, "half", 4)
        assert line["flags"] in ("UPE", "UC")

    def test_hedged_attempts(self, logged):
        proxy, lines, _ = logged(script=stall_twice, hedge_policy={"hedge_on_per_try_timeout": True},
                                 retry_policy={**RETRY, "per_try_timeout": "0.3s"})
        assert proxy.fetch().status == 200
        assert sorted(only(line, "code", "flags") for line in lines(3)) == [(0, "UT"), (0, "UT"), (200, "-")]

    def test_trailers(self, logged):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: here\r\n\r\n")
            connection.read_to_end()

        proxy, lines, _ = logged(script=script, cluster_settings={"http_protocol_options": {"enable_trailers": True}})
        assert proxy.fetch().status == 200
        assert only(lines(1)[0], "received", "trailer") == (3, "here")

    def test_nothing_where_nothing_is_forwarded(self, logged):
        proxy, lines, _ = logged(answer=failing(0), settings={"normalize_path": True})
        assert proxy.fetch("/%00").status == 400
        assert proxy.fetch("/").status == 200
        assert lines(1)[0]["code"] == 200


class TestOptions:
    def test_a_line_when_the_stream_is_there(self, logged):
        proxy, lines, _ = logged(answer=failing(1), retry_policy=RETRY, options={"flush_upstream_log_on_upstream_stream": True})
        assert proxy.fetch().status == 200
        assert [only(line, "type", "code") for line in lines(4)] == [
            ("UpstreamPoolReady", 0), ("UpstreamEnd", 503), ("UpstreamPoolReady", 0), ("UpstreamEnd", 200)]

    def test_lines_from_time_to_time(self, logged):
        release = threading.Event()

        def answer(request):
            assert release.wait(20)
            return reply(200, {}, "late")

        proxy, lines, _ = logged(answer=answer, options={"upstream_log_flush_interval": "0.05s"})
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert {only(line, "type", "code") for line in lines(2, more=True)} == {("UpstreamPeriodic", 0)}
            release.set()
            assert client.response().status == 200
        found = lines(3, more=True)
        assert [line["type"] for line in found] == ["UpstreamPeriodic"] * (len(found) - 1) + ["UpstreamEnd"]

    def test_filters_count_what_the_attempt_was(self, logged):
        only_bad = {"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "none"}}}}
        proxy, lines, _ = logged(answer=failing(1), retry_policy=RETRY, log_filter=only_bad)
        assert proxy.fetch().status == 200
        assert lines(1)[0]["code"] == 503

    def test_types_can_be_chosen(self, logged):
        proxy, lines, _ = logged(answer=failing(0), options={"flush_upstream_log_on_upstream_stream": True},
                                 log_filter={"log_type_filter": {"types": ["UpstreamPoolReady"]}})
        assert proxy.fetch().status == 200
        assert lines(1)[0]["type"] == "UpstreamPoolReady"
