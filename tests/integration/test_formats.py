"""Bodies, paths and hosts made of formats, and logs before a request's end, on the real Envoy and on the proxy under test."""

import json
import time

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http, listener, route, routing, virtual_host
from support.http_client import Client
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, echo, reply
from support.waiting import wait_until

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
GRPC = {"content-type": "application/grpc", "te": "trailers"}


def text(form, content_type=""):
    return {"text_format_source": {"inline_string": form}, **({"content_type": content_type} if content_type else {})}


def status_is(status):
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": "unused"}}}}


LOCAL_REPLY = {
    "mappers": [
        {"filter": {"header_filter": {"header": {"name": "x-hide", "present_match": True}}}, "status_code": 418,
         "body": {"inline_string": "hidden"}, "headers_to_add": [{"header": {"key": "x-was", "value": "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%"}}]},
        {"filter": {"and_filter": {"filters": [status_is(404), {"header_filter": {"header": {"name": "x-json", "present_match": True}}}]}},
         "body_format_override": {"json_format": {"status": "%RESPONSE_CODE%", "text": "<%LOCAL_REPLY_BODY%>", "none": "%REQ(x-none)%"}}},
        {"filter": status_is(404), "status_code": 410}],
    "body_format": text("[%LOCAL_REPLY_BODY%] %RESPONSE_CODE% %REQ(:path)% %REQ(x-none)%\n", "text/x; charset=UTF-8")}

ROUTES = [
    {"match": {"prefix": "/direct/text"}, "direct_response": {"status": 200, "body_format": text("hello %REQ(x-who)%\n", "text/html")}},
    {"match": {"prefix": "/direct/json"}, "direct_response": {"status": 203, "body_format": {"json_format": {"who": "%REQ(x-who)%", "code": "%RESPONSE_CODE%"}}}},
    {"match": {"prefix": "/direct/both"}, "direct_response": {"status": 200, "body": {"inline_string": "B"}, "body_format": text("%LOCAL_REPLY_BODY%.")}},
    {"match": {"prefix": "/direct"}, "direct_response": {"status": 200, "body": {"inline_string": "plain"}}},
    {"match": {"prefix": "/away"}, "redirect": {"path_redirect": "/there"}},
    route("/dead", to="dead"),
    route("/rewritten", to="up", path_rewrite="/new/%REQ(x-who)%", host_rewrite="%REQ(x-who)%.local", append_x_forwarded_host=True),
    route("/empty", to="up", path_rewrite="%REQ(x-none)%", host_rewrite="h%REQ(x-none)%"),
    route("/to-query", to="up", path_rewrite="/q?a=%REQ(x-who)%")]


@pytest.fixture(scope="module")
def ups():
    with Upstream("up", lambda request: echo(request, cluster="up")) as up:
        yield up


@pytest.fixture(scope="module", params=KINDS)
def proxy(request, ups):
    routes = [virtual_host(*ROUTES, name="all", domains=["test.local"])]
    config = bootstrap(
        [listener(http(route_config=routing(*routes)), name="plain"),
         listener(http(route_config=routing(*routes), local_reply_config=LOCAL_REPLY), name="mapped"),
         listener(http(route_config=routing(*routes), scheme_header_transformation={"scheme_to_overwrite": "https"}), name="https")],
        [cluster("up", ups.port), cluster("dead", 1)])
    with Proxy(config, kind=request.param) as proxy:
        yield proxy


def seen(proxy, listener_name, path, headers=None, method="GET"):
    with Client(proxy.port(listener_name)) as client:
        return client.request(method, path, {"x-who": "ann", **(headers or {})})


class TestDirectResponses:
    @pytest.mark.parametrize("path, status, content_type, body", [
        ("/direct/text", 200, "text/html", "hello ann\n"),
        ("/direct/both", 200, "text/plain", "B."),
        ("/direct", 200, "text/plain", "plain"),
    ])
    def test_text(self, proxy, path, status, content_type, body):
        response = seen(proxy, "plain", path)
        assert (response.status, response.get("content-type"), response.text) == (status, content_type, body)

    def test_json(self, proxy):
        response = seen(proxy, "plain", "/direct/json")
        assert (response.status, response.get("content-type")) == (203, "application/json")
        assert json.loads(response.body) == {"who": "ann", "code": 0}


class TestRewrites:
    @pytest.mark.parametrize("path, target, host", [
        ("/rewritten/x", "/new/ann", "ann.local"),
        ("/rewritten/x?a=b", "/new/ann?a=b", "ann.local"),
        ("/empty/x", "/empty/x", "h-"),
        ("/to-query?b", "/q?a=ann?b", "test.local"),
    ])
    def test_request(self, proxy, path, target, host):
        got = json.loads(seen(proxy, "plain", path).body)
        assert (got["target"], dict(map(tuple, got["headers"]))["host"]) == (target, host)

    def test_what_was_there_is_kept(self, proxy):
        fields = dict(map(tuple, json.loads(seen(proxy, "plain", "/rewritten/x").body)["headers"]))
        assert (fields["x-envoy-original-path"], fields["x-envoy-original-host"], fields["x-forwarded-host"]) == (
            "/rewritten/x", "test.local", "test.local")


class TestLocalReplies:
    @pytest.mark.parametrize("path, headers, status, content_type, body", [
        ("/nowhere", {}, 410, "text/x; charset=UTF-8", "[] 410 /nowhere -\n"),
        ("/nowhere", {"x-hide": "1"}, 418, "text/x; charset=UTF-8", "[hidden] 418 /nowhere -\n"),
        ("/direct", {}, 200, "text/x; charset=UTF-8", "[plain] 200 /direct -\n"),
        ("/direct/text", {}, 200, "text/x; charset=UTF-8", "[hello ann\n] 200 /direct/text -\n"),
        ("/away", {}, 301, "text/x; charset=UTF-8", "[] 301 /away -\n"),
    ])
    def test_text(self, proxy, path, headers, status, content_type, body):
        response = seen(proxy, "mapped", path, headers)
        assert (response.status, response.get("content-type"), response.text) == (status, content_type, body)

    def test_an_upstream_that_fails(self, proxy):
        response = seen(proxy, "mapped", "/dead")
        assert response.status == 503 and response.text.startswith("[upstream connect error") and response.text.endswith("] 503 /dead -\n")

    def test_headers_see_the_status_from_before(self, proxy):
        assert seen(proxy, "mapped", "/nowhere", {"x-hide": "1"}).get("x-was") == "404 route_not_found"

    def test_a_mapper_with_a_format_of_its_own(self, proxy):
        response = seen(proxy, "mapped", "/nowhere", {"x-json": "1"})
        assert (response.status, response.get("content-type")) == (404, "application/json")
        assert json.loads(response.body) == {"status": 404, "text": "<>", "none": None}

    def test_a_grpc_caller(self, proxy):
        response = seen(proxy, "mapped", "/nowhere", GRPC, "POST")
        assert (response.status, response.get("grpc-status")) == (200, "2")
        assert response.get("grpc-message") == "[] 410 /nowhere -%0A"
        assert seen(proxy, "mapped", "/nowhere", {**GRPC, "x-json": "1"}, "POST").get("grpc-message").endswith("}")

    def test_an_answer_of_the_upstream_is_left_alone(self, proxy):
        assert json.loads(seen(proxy, "mapped", "/rewritten").body)["cluster"] == "up"

    def test_a_request_that_is_none(self, proxy):
        with Client(proxy.port("mapped")) as client:
            client.send("GET /x HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n")
            response = client.response()
        assert response.status == 400 and response.text.startswith("[")


def test_the_scheme_may_be_overwritten(proxy):
    assert seen(proxy, "https", "/away").get("location") == "https://test.local/there"
    fields = dict(map(tuple, json.loads(seen(proxy, "https", "/to-query").body)["headers"]))
    assert fields["x-forwarded-proto"] == "https"


class TestLogsBeforeTheEnd:
    LINE = "%ACCESS_LOG_TYPE% %REQ(:path)% %RESPONSE_CODE% %ROUTE_NAME% %UPSTREAM_CLUSTER% %RESPONSE_CODE_DETAILS%\n"

    @pytest.fixture(params=KINDS)
    def logged(self, request, tmp_path):
        """Serves slow answers, and gives the lines of a log with these options once there is one of the last kind."""
        def serve(ask, last, options, log_filter=None, script=None):
            def slowly(request):
                time.sleep(0.25)  # what the log tells of: the answer is late
                return reply(200, {}, "late")
            path = tmp_path / "log"
            log = {**file_log(path, self.LINE), **({"filter": log_filter} if log_filter else {})}
            with Upstream("slow", slowly, script) as up:
                config = bootstrap([listener(http(route_config=routing(virtual_host(route(to="slow", name="r"))), access_log=[log],
                                                  upgrade_configs=[{"upgrade_type": "websocket"}], **options))], [cluster("slow", up.port)])
                with Proxy(config, kind=request.param) as proxy:
                    ask(proxy)
                    wait_until(lambda: path.exists() and last in path.read_text().rpartition("\n")[0], f"a line of {last}")
            return path.read_text().splitlines()

        return serve

    def test_at_the_beginning_and_from_time_to_time(self, logged):
        lines = logged(lambda proxy: proxy.fetch("/a"), "DownstreamEnd", {"access_log_options": {
            "flush_access_log_on_new_request": True, "access_log_flush_interval": "0.1s"}})
        assert lines[0] == "DownstreamStart /a 0 r slow -"
        assert set(lines[1:-1]) == {"DownstreamPeriodic /a 0 r slow -"}
        assert lines[-1] == "DownstreamEnd /a 200 r slow via_upstream"

    def test_the_older_fields(self, logged):
        lines = logged(lambda proxy: proxy.fetch("/a"), "DownstreamEnd", {"flush_access_log_on_new_request": True})
        assert [line.split()[0] for line in lines] == ["DownstreamStart", "DownstreamEnd"]

    def test_once_a_tunnel_stands(self, logged):
        def grant(connection):
            connection.read_request()
            connection.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            connection.read_to_end()

        def ask(proxy):
            with Client(proxy.port()) as client:
                client.send("GET /t HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
                assert client.read_response_head().status == 101

        lines = logged(ask, "DownstreamEnd", {"access_log_options": {"flush_log_on_tunnel_successfully_established": True}}, script=grant)
        assert lines[0] == "DownstreamTunnelSuccessfullyEstablished /t 101 r slow via_upstream"
        assert lines[-1].startswith("DownstreamEnd /t 101")

    @pytest.mark.parametrize("log_filter, types", [
        ({"log_type_filter": {"types": ["DownstreamStart"]}}, ["DownstreamStart"]),
        ({"log_type_filter": {"types": ["DownstreamStart"], "exclude": True}}, ["DownstreamEnd"]),
        ({"grpc_status_filter": {"statuses": ["UNKNOWN"]}}, ["DownstreamStart", "DownstreamEnd"]),
        ({"and_filter": {"filters": [{"grpc_status_filter": {"statuses": ["OK"], "exclude": True}},
                                     {"metadata_filter": {"match_if_key_not_found": True, "matcher": {
                                         "filter": "none", "path": [{"key": "k"}], "value": {"bool_match": True}}}}]}},
         ["DownstreamStart", "DownstreamEnd"]),
    ])
    def test_a_filter_by_type_status_or_metadata(self, logged, log_filter, types):
        lines = logged(lambda proxy: proxy.fetch("/a"), types[-1], {"access_log_options": {"flush_access_log_on_new_request": True}}, log_filter)
        assert [line.split()[0] for line in lines] == types
