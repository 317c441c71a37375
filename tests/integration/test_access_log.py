"""Access logs: Envoy's default line, every operator of tier A in text and in JSON, filters, escaping."""

import json
import re
import signal
import socket

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, file_log, http_listener, route
from support.http_client import chunked, format_request
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

IP_PORT = r"127\.0\.0\.1:\d+"


@pytest.fixture
def logged(start, closing, tmp_path):
    """Starts a proxy whose access log has this format, asks it something, and gives the lines."""

    def begin(text=None, json_format=None, ask=lambda proxy: proxy.fetch(), answer=None, script=None, lines=1, port=None,
              log_filter=None, settings=None, cluster_settings=None, route_settings=None):
        upstream = closing(Upstream("up", answer, script))
        path = tmp_path / "access.log"
        log = file_log(path, text, json_format)
        if log_filter:
            log["filter"] = log_filter
        target = endpoint(port or upstream.port, metadata={"version": "v1"})
        target["endpoint"]["hostname"] = "up.local"
        proxy = start(bootstrap(
            [http_listener(route(to="up", name="the-route", **(route_settings or {})), access_log=[log], **(settings or {}))],
            [cluster("up", target, **(cluster_settings or {}))]))
        ask(proxy)
        wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= lines,
                   lambda: f"{lines} lines in the log, has {path.read_text() if path.exists() else 'no file'!r}")
        return path.read_text().splitlines(), proxy, upstream

    return begin


def value_of(logged, operator, **options):
    lines, *_ = logged(operator + "\n", **options)
    return lines[-1]


class TestDefaultFormat:
    def test_line(self, logged):
        lines, _, upstream = logged(ask=lambda proxy: proxy.fetch("/a?b", "POST", {
            "user-agent": "tester/1", "x-forwarded-for": "1.2.3.4", "x-request-id": "id-1"}, "body"))
        assert re.fullmatch(
            r'\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "POST /a\?b HTTP/1\.1" 200 - 4 2 \d+ \d+ "1\.2\.3\.4" '
            r'"tester/1" "id-1" "test\.local" "127\.0\.0\.1:%d"' % upstream.port, lines[0]), lines[0]

    def test_original_path_stands_for_a_rewritten_one(self, logged):
        lines, *_ = logged(ask=lambda proxy: proxy.fetch("/old/x"), route_settings={"prefix_rewrite": "/new"})
        assert '"GET /old/x HTTP/1.1"' in lines[0]


class TestOperators:
    @pytest.mark.parametrize("operator, pattern", [
        ("%START_TIME%", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
        ("%START_TIME(%Y/%m/%d)%", r"\d{4}/\d\d/\d\d"),
        ("%START_TIME(%s)%", r"\d{10}"), ("%START_TIME(%s.%3f)%", r"\d{10}\.\d{3}"), ("%START_TIME(%H:%M:%S.%6f)%", r"\d\d:\d\d:\d\d\.\d{6}"),
        ("%REQ(:METHOD)%", "POST"), ("%REQ(:PATH)%", r"/path\?query=1"), ("%REQ(:AUTHORITY)%", r"test\.local"),
        ("%REQ(X-ONE)%", "first"), ("%REQ(x-none?x-one)%", "first"), ("%REQ(x-none)%", "-"), ("%REQ(X-ONE):3%", "fir"),
        ("%REQ(:SCHEME)%", "http"),
        ("%RESP(X-ANSWER)%", "yes"), ("%RESP(x-none?x-answer):2%", "ye"), ("%RESP(:STATUS)%", "200"),
        ("%BYTES_RECEIVED%", "4"), ("%BYTES_SENT%", "6"),
        ("%PROTOCOL%", r"HTTP/1\.1"), ("%RESPONSE_CODE%", "200"), ("%RESPONSE_CODE_DETAILS%", "via_upstream"),
        ("%CONNECTION_TERMINATION_DETAILS%", "-"),
        ("%DURATION%", r"\d+"), ("%REQUEST_DURATION%", r"\d+"), ("%RESPONSE_DURATION%", r"\d+"), ("%RESPONSE_TX_DURATION%", r"\d+"),
        ("%RESPONSE_FLAGS%", "-"), ("%RESPONSE_FLAGS_LONG%", "-"), ("%ROUTE_NAME%", "the-route"),
        ("%VIRTUAL_CLUSTER_NAME%", "-"),
        ("%UPSTREAM_HOST%", IP_PORT), ("%UPSTREAM_CLUSTER%", "up"), ("%UPSTREAM_CLUSTER_RAW%", "up"),
        ("%UPSTREAM_LOCAL_ADDRESS%", IP_PORT), ("%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", r"127\.0\.0\.1"),
        ("%UPSTREAM_LOCAL_PORT%", r"\d+"), ("%UPSTREAM_REMOTE_ADDRESS%", IP_PORT),
        ("%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", r"127\.0\.0\.1"), ("%UPSTREAM_REMOTE_PORT%", r"\d+"),
        ("%UPSTREAM_TRANSPORT_FAILURE_REASON%", "-"), ("%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "1"),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", IP_PORT), ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", r"127\.0\.0\.1"),
        ("%DOWNSTREAM_REMOTE_PORT%", r"\d+"), ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", IP_PORT),
        ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", r"127\.0\.0\.1"), ("%DOWNSTREAM_DIRECT_REMOTE_PORT%", r"\d+"),
        ("%DOWNSTREAM_LOCAL_ADDRESS%", IP_PORT), ("%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", r"127\.0\.0\.1"),
        ("%DOWNSTREAM_LOCAL_PORT%", r"\d+"), ("%REQUESTED_SERVER_NAME%", "-"),
        ("%DYNAMIC_METADATA(a:b)%", "-"), ("%METADATA(ROUTE:some:key)%", "value"),
        ("%UPSTREAM_METADATA(envoy.lb:version)%", "v1"), ("%CLUSTER_METADATA(some:key)%", "kind"),
        ("%FILTER_STATE(none:PLAIN)%", "-"), ("%GRPC_STATUS%", "-"), ("%GRPC_STATUS_NUMBER%", "-"),
        ("%DOWNSTREAM_TLS_VERSION%", "-"), ("%DOWNSTREAM_PEER_SUBJECT%", "-"),
        ("%CONNECTION_ID%", r"\d+"), ("%STREAM_ID%", r"[0-9a-f-]{36}"), ("%FILTER_CHAIN_NAME%", "-"),
        ("%ACCESS_LOG_TYPE%", "DownstreamEnd"), ("%ENVIRONMENT(REMORA_NONE)%", "-"), ("%LOCAL_REPLY_BODY%", "-?"),
        ("100%%", "100%"), ("a-%REQ(x-one)%-%PROTOCOL%-z", r"a-first-HTTP/1\.1-z"),
    ])
    def test_operator(self, logged, operator, pattern):
        value = value_of(
            logged, operator, ask=lambda proxy: proxy.fetch("/path?query=1", "POST", {"x-one": "first"}, "body"),
            answer=lambda _: reply(200, {"x-answer": "yes"}, "answer"),
            cluster_settings={"metadata": {"filter_metadata": {"some": {"key": "kind"}}}},
            route_settings={"metadata": {"filter_metadata": {"some": {"key": "value"}}}})
        assert re.fullmatch(pattern, value), f"{operator} gave {value!r}"

    def test_hostname(self, logged):

        assert value_of(logged, "%HOSTNAME%") == socket.gethostname()

    def test_response_trailer(self, logged):
        value = value_of(logged, "%TRAILER(X-SUM)%", settings={"http_protocol_options": {"enable_trailers": True}},
                         cluster_settings={"typed_extension_protocol_options": {
                             "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                                 "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                                 "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}}}}},
                         answer=lambda _: reply(200, {"transfer-encoding": "chunked"},
                                                chunked(b"a", trailers=[("x-sum", "7")])))
        assert value == "7"

    def test_durations_are_plausible(self, logged):
        release = []

        def script(connection):
            connection.read_request()
            connection.sock.settimeout(0.15)
            try:
                connection.sock.recv(1)  # Nothing comes: this is the pause that is measured.
            except TimeoutError:
                pass
            release.append(True)
            connection.send(reply(200, {}, "x"))
            connection.sock.settimeout(20)
            connection.read_request()

        lines, *_ = logged("%DURATION% %RESPONSE_DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%\n", script=script)
        duration, response_duration, service_time = map(int, lines[0].split())
        assert 140 <= response_duration <= duration and 140 <= service_time


def reset(connection):
    connection.read_request()
    connection.reset()


def stall(connection):
    connection.read_request()
    connection.read_to_end()


class TestFlagsAndDetails:
    FORMAT = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS%"

    @pytest.mark.parametrize("options, line", [
        ({}, "200 - - via_upstream"),
        ({"port": "unused"}, r"503 UF UpstreamConnectionFailure upstream_reset_before_response_started\{remote_connection_failure.*\}"),
        ({"script": reset}, r"503 UC UpstreamConnectionTermination upstream_reset_before_response_started\{connection_termination\}"),
        ({"script": stall, "route_settings": {"timeout": "0.2s"}}, "504 UT UpstreamRequestTimeout response_timeout"),
        ({"script": stall, "route_settings": {"timeout": "0s", "idle_timeout": "0.2s"}}, "504 SI StreamIdleTimeout stream_idle_timeout"),
        ({"script": stall, "route_settings": {"retry_policy": {"retry_on": "5xx", "num_retries": 0, "per_try_timeout": "0.2s"}}},
         "504 URX,UT UpstreamRetryLimitExceeded,UpstreamRequestTimeout upstream_per_try_timeout"),
        ({"answer": lambda _: reply(503), "route_settings": {"retry_policy": {"retry_on": "5xx"}}},
         "503 URX UpstreamRetryLimitExceeded via_upstream"),
        ({"answer": lambda _: reply(503)}, "503 - - via_upstream"),
        ({"cluster_settings": {"circuit_breakers": {"thresholds": [{"max_requests": 0}]}}},
         r"503 UO UpstreamOverflow upstream_reset_before_response_started\{overflow\}"),
        ({"cluster_settings": {"common_lb_config": {"healthy_panic_threshold": {"value": 0}},
                               "lb_subset_config": {"subset_selectors": [{"keys": ["x"]}]}}},
         "503 UH NoHealthyUpstream no_healthy_upstream"),
        ({"ask": lambda proxy: proxy.fetch(headers={"connection": "upgrade", "upgrade": "websocket"})},
         "403 - - upgrade_failed"),
    ])
    def test_outcome(self, logged, options, line):
        if options.get("port") == "unused":
            options = {**options, "port": unused_port()}
        value = value_of(logged, self.FORMAT, **options)
        assert re.fullmatch(line.replace("response_timeout", "(upstream_)?response_timeout"), value), value

    def test_no_route(self, start, tmp_path):
        self.check(start, tmp_path, [route("/other", respond=(200, ""))], lambda proxy: proxy.fetch("/"),
                   "404 NR NoRouteFound route_not_found")

    def test_no_cluster(self, start, tmp_path):
        self.check(start, tmp_path, [route(to_header="x-cluster")], lambda proxy: proxy.fetch("/", headers={"x-cluster": "z"}),
                   "503 NC NoClusterFound cluster_not_found")

    def test_direct_response(self, start, tmp_path):
        self.check(start, tmp_path, [route(respond=(200, "x"))], lambda proxy: proxy.fetch(), "200 - - direct_response")

    def test_malformed_request(self, start, tmp_path):
        def ask(proxy):
            with proxy.connect() as client:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\nbad name: x\r\n\r\n")
                client.read_to_end()

        self.check(start, tmp_path, [route(respond=(200, ""))], ask, r"400 DPE DownstreamProtocolError \S+",
                   delayed_close_timeout="0.1s")

    def test_client_that_left(self, start, closing, tmp_path):
        upstream = closing(Upstream(script=stall))

        def ask(proxy):
            client = proxy.connect()
            client.send(format_request())
            upstream.wait_for(1)
            client.close()

        self.check(start, tmp_path, [route(to="up")], ask, r"0 DC DownstreamConnectionTermination downstream_remote_disconnect.*",
                   clusters=[cluster("up", upstream.port)])

    def check(self, start, tmp_path, routes, ask, line, clusters=(), **settings):
        path = tmp_path / "access.log"
        proxy = start(bootstrap([http_listener(*routes, access_log=[file_log(path, self.FORMAT + "\n")], **settings)], clusters))
        ask(proxy)
        wait_until(lambda: path.exists() and path.read_text(), "a line in the log")
        assert re.fullmatch(line, path.read_text().strip()), path.read_text()


class TestJson:
    def test_values_keep_their_types_and_keys_are_sorted(self, logged):
        lines, *_ = logged(json_format={
            "zebra": "%PROTOCOL%", "code": "%RESPONSE_CODE%", "bytes": "%BYTES_SENT%", "missing": "%REQ(x-none)%",
            "text": "code=%RESPONSE_CODE%", "fixed": "word", "nested": {"method": "%REQ(:METHOD)%", "one": "%REQ(x-one)%"}},
            ask=lambda proxy: proxy.fetch("/", headers={"x-one": 'quote " back \\ tab\tend'}),
            answer=lambda _: reply(200, {}, "body"))
        assert json.loads(lines[0]) == {
            "zebra": "HTTP/1.1", "code": 200, "bytes": 4, "missing": None, "text": "code=200", "fixed": "word",
            "nested": {"method": "GET", "one": 'quote " back \\ tab\tend'}}
        assert list(json.loads(lines[0])) == sorted(json.loads(lines[0]))

    def test_invalid_utf8_stays_valid_json(self, logged):
        lines, *_ = logged(json_format={"one": "%REQ(x-one)%"},
                           ask=lambda proxy: proxy.fetch("/", headers=[("x-one", "caf\xe9")]))
        assert json.loads(lines[0])["one"].startswith("caf")


class TestFilters:
    @pytest.mark.parametrize("log_filter, kept", [
        ({"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "a"}}}}, ["/bad"]),
        ({"header_filter": {"header": {"name": "x-log", "present_match": True}}}, ["/marked"]),
        ({"and_filter": {"filters": [
            {"header_filter": {"header": {"name": "x-log", "present_match": True}}},
            {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": 200, "runtime_key": "a"}}}}]}}, ["/marked"]),
        ({"or_filter": {"filters": [
            {"header_filter": {"header": {"name": "x-log", "present_match": True}}},
            {"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "a"}}}}]}},
         ["/bad", "/marked"]),
        ({"response_flag_filter": {"flags": ["UF"]}}, []),
        ({"duration_filter": {"comparison": {"op": "GE", "value": {"default_value": 0, "runtime_key": "a"}}}},
         ["/good", "/bad", "/marked", "/last"]),
    ])
    def test_filter_keeps(self, logged, log_filter, kept):
        def ask(proxy):
            for path, headers in (("/good", {}), ("/bad", {}), ("/marked", {"x-log": "1"})):
                proxy.fetch(path, headers=headers)
            proxy.fetch("/last", headers={"x-log": "1"})

        kept = kept + [path for path in ("/last",) if path not in kept and "/marked" in kept]
        lines, *_ = logged("%REQ(:PATH)%\n", ask=ask, lines=len(kept), log_filter=log_filter,
                           answer=lambda request: reply(503 if request.target == "/bad" else 200))
        assert lines == kept


class TestSinks:
    def test_standard_output(self, start):
        log = {"name": "envoy.access_loggers.stdout", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"text_format_source": {"inline_string": "seen %REQ(:PATH)%\n"}}}}
        proxy = start(bootstrap([http_listener(route(respond=(200, "")), access_log=[log])]))
        proxy.fetch("/hello")
        wait_until(lambda: "seen /hello\n" in proxy.log, "the line on standard output")

    def test_file_is_opened_again_on_sigusr1(self, start, tmp_path):

        path = tmp_path / "access.log"
        proxy = start(bootstrap([http_listener(route(respond=(200, "")), access_log=[file_log(path, "%REQ(:PATH)%\n")])]))
        proxy.fetch("/before")
        wait_until(lambda: path.exists() and path.read_text() == "/before\n", "the first line")
        path.rename(tmp_path / "rotated.log")
        proxy.signal(signal.SIGUSR1)

        def again():
            proxy.fetch("/after")
            return path.exists() and "/after\n" in path.read_text()

        wait_until(again, "a new file")

    def test_file_that_cannot_be_opened_is_an_error(self, start):
        proxy = start(bootstrap([http_listener(route(respond=(200, "")), access_log=[file_log("/nonexistent/dir/log", "x\n")])]),
                      wait_ready=False)
        assert proxy.wait() == 1
        assert "/nonexistent/dir/log" in proxy.log

    def test_every_request_is_logged_once(self, logged):
        def ask(proxy):
            with proxy.connect() as client:
                for index in range(300):
                    client.request(target=f"/{index}")

        lines, *_ = logged("%REQ(:PATH)%\n", ask=ask, lines=300)
        assert lines == [f"/{index}" for index in range(300)]

    def test_unknown_operator_is_an_error(self, start):
        proxy = start(bootstrap([http_listener(route(respond=(200, "")), access_log=[file_log("/dev/null", "%NO_SUCH_THING%\n")])]),
                      wait_ready=False)
        assert proxy.wait() == 1
        assert "NO_SUCH_THING" in proxy.log
