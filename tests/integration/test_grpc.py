"""gRPC through the proxy: real grpc++ peers at both ends, h2c to it and from it."""

import json
import re
import threading

import pytest

from support import grpc_peer
from support.bootstrap import HTTP_OPTIONS, bootstrap, cluster, file_log, http_listener, route, typed
from support.grpc_peer import (CANCELLED, DEADLINE_EXCEEDED, INTERNAL, OK, RESOURCE_EXHAUSTED, SHAPES, UNAVAILABLE,
                               UNIMPLEMENTED, UNKNOWN, GrpcServer, call, start_call)
from support.http2_server import Http2Upstream
from support.upstream import unused_port
from support.waiting import wait_until

GRPC_STATS = "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig"
NO_BREAKERS = {"circuit_breakers": {"thresholds": [{name: 100000 for name in (
    "max_connections", "max_pending_requests", "max_requests", "max_retries")}]}}
POLICY = {"retry_back_off": {"base_interval": "0.001s", "max_interval": "0.01s"}}
INTERNAL_CLIENTS = {"use_remote_address": True, "internal_address_config": {
    "cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}}


def grpc_stats(**settings):
    return {"name": "envoy.filters.http.grpc_stats", "typed_config": typed(GRPC_STATS, **settings)}


def http2_options(common=None, **http2):
    """The cluster's setting for HTTP/2 with these options."""
    options = typed(HTTP_OPTIONS, common_http_protocol_options=common or {},
                    explicit_http_config={"http2_protocol_options": http2})
    return {"typed_extension_protocol_options": {HTTP_OPTIONS: options}}


def config_for(*endpoints, routes=None, settings=None, cluster_settings=None, **action):
    """A listener in front of one HTTP/2 cluster `up`."""
    action.setdefault("timeout", "0s")
    return bootstrap([http_listener(*(routes or [route(to="up", **action)]), **(settings or {}))],
                     [cluster("up", *endpoints, **NO_BREAKERS, **(cluster_settings or http2_options()))])


@pytest.fixture
def serve(start, closing):
    """Starts a gRPC server and a proxy in front of it; gives both."""

    def begin(*arguments, server=None, concurrency=1, **options):
        server = server or closing(GrpcServer(events=True))
        return start(config_for(server.port, *arguments, **options), concurrency=concurrency), server

    return begin


def resident_kib(process):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{process.pid}/status").read()).group(1))


class TestShapes:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_messages_of_a_mebibyte_arrive_as_they_were_sent(self, serve, shape):
        proxy, _ = serve()
        result = call(proxy.port(), shape, messages=8, bytes=1 << 20, calls=4, threads=2)
        assert (result.statuses, result.intact) == ({OK: 4}, True)
        assert result.messages == {"unary": 4, "collect": 4, "spread": 32, "chat": 32}[shape]

    @pytest.mark.parametrize("shape", SHAPES)
    def test_messages_of_every_small_size(self, serve, shape):
        proxy, _ = serve()
        for size in (0, 1, 16379, 16384, 65535):
            result = call(proxy.port(), shape, messages=20, bytes=size, calls=10)
            assert (result.statuses, result.intact) == ({OK: 10}, True), size

    def test_a_conversation_goes_on_for_as_long_as_it_likes(self, serve):
        proxy, server = serve()
        result = call(proxy.port(), "chat", messages=20000, lockstep=True)
        assert (result.statuses, result.messages, result.intact) == ({OK: 1}, 20000, True)
        wait_until(lambda: server.ended(), lambda: "the server's end of the call")
        assert server.ended()[0]["messages"] == 20000

    def test_ten_thousand_streams_over_one_connection(self, serve):
        proxy, server = serve(server=None)
        result = call(proxy.port(), "unary", calls=10000, threads=16, bytes=100)
        assert (result.statuses, result.intact) == ({OK: 10000}, True)
        assert proxy.wait_stat("cluster.up.upstream_rq_total", 10000) == 10000
        assert proxy.stat("cluster.up.upstream_cx_total") <= 2
        assert proxy.wait_stat("http.in.downstream_rq_completed", 10000) == 10000
        assert proxy.stat("http.in.downstream_rq_active") == 0
        assert proxy.stat("cluster.up.upstream_rq_active") == 0

    def test_many_streams_of_every_shape_at_once_on_two_workers(self, serve):
        proxy, _ = serve(concurrency=2)
        results = {}

        def load(shape):
            results[shape] = call(proxy.port(), shape, calls=250, threads=8, connections=3, messages=5, bytes=3000)

        threads = [threading.Thread(target=load, args=[shape]) for shape in SHAPES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {shape: (result.statuses, result.intact) for shape, result in results.items()} == dict.fromkeys(
            SHAPES, ({OK: 250}, True))

    def test_memory_does_not_grow_with_the_calls(self, serve):
        proxy, _ = serve()
        call(proxy.port(), "chat", calls=1000, threads=8, messages=3, bytes=1000)
        before = resident_kib(proxy)
        for _ in range(3):
            assert call(proxy.port(), "chat", calls=1000, threads=8, messages=3, bytes=1000).statuses == {OK: 1000}
        assert resident_kib(proxy) - before < 2048

    def test_a_reader_that_is_slow_holds_back_the_writer(self, serve):
        # The client reads one message of 200 MB and then nothing; nobody in between may pile them up.
        windows = {"initial_stream_window_size": 65536, "initial_connection_window_size": 131072}
        proxy, _ = serve(settings={"http2_protocol_options": windows}, cluster_settings=http2_options(**windows))
        before = resident_kib(proxy)
        client = start_call(proxy.port(), "spread", messages=200, bytes=1 << 20, pause_after=1)
        with client:
            wait_until(lambda: "paused" in client.log, lambda: "the first message")
            stuck = wait_until(lambda: settled(lambda: proxy.stat("cluster.up.upstream_cx_rx_bytes_total")),
                               lambda: "the stream standing still")
            assert stuck < 20 << 20  # the library on the client's side takes some megabytes by itself
            assert resident_kib(proxy) - before < 8192


def settled(value):
    """The value once it is the same twice, half a second apart; else None."""
    first = value()
    threading.Event().wait(0.5)
    return first if first and value() == first else None


class TestStatusAndMetadata:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_status_arrives_with_its_message(self, serve, shape):
        proxy, _ = serve()
        result = call(proxy.port(), shape, status=RESOURCE_EXHAUSTED, message="100 % \u00fcber", messages=2)
        assert (result.status, result.message) == (RESOURCE_EXHAUSTED, "100 % \u00fcber")

    def test_trailers_alone_stay_trailers_alone(self, start, closing, tmp_path):
        # The status in the response's head, and no trailers behind it: that is how the server sent it.
        log = tmp_path / "log"
        server = closing(GrpcServer())
        proxy = start(config_for(server.port, settings={"access_log": [file_log(log, json={
            "head": "%RESP(grpc-status)%", "trailer": "%TRAILER(grpc-status)%", "status": "%GRPC_STATUS%",
            "number": "%GRPC_STATUS_NUMBER%", "code": "%RESPONSE_CODE%", "protocol": "%PROTOCOL%"})]}))
        assert call(proxy.port(), status=RESOURCE_EXHAUSTED, message="no").status == RESOURCE_EXHAUSTED
        assert call(proxy.port(), "spread", messages=1, status=INTERNAL).status == INTERNAL
        lines = wait_until(lambda: (text := log.read_text()).count("\n") == 2 and text.splitlines(),
                           lambda: f"two log lines: {log.read_text()}")
        common = {"code": 200, "protocol": "HTTP/2"}
        assert [json.loads(line) for line in lines] == [
            {"head": "8", "trailer": None, "status": "ResourceExhausted", "number": 8, **common},
            {"head": None, "trailer": "13", "status": "Internal", "number": 13, **common}]

    def test_metadata_goes_both_ways_as_it_is(self, serve):
        proxy, server = serve()
        result = call(proxy.port(), metadata=["x-back-text=plain", "x-back-bytes-bin=\x01\x02,\x7f", "x-back-text=twice"])
        assert result.status == OK
        assert [pair for pair in result.head if pair[0].startswith("head-")] == [
            ("head-x-back-bytes-bin", "\x01\x02,\x7f"), ("head-x-back-text", "plain"), ("head-x-back-text", "twice")]
        assert [pair for pair in result.tail if pair[0].startswith("tail-")] == [
            ("tail-x-back-bytes-bin", "\x01\x02,\x7f"), ("tail-x-back-text", "plain"), ("tail-x-back-text", "twice")]
        seen = {name for name, _ in wait_until(server.begun, lambda: "the call at the server")[0]["metadata"]}
        assert {"x-back-text", "x-back-bytes-bin", "user-agent", "x-forwarded-proto", "x-request-id"} <= seen

    def test_large_metadata(self, serve):
        proxy, _ = serve(settings={"max_request_headers_kb": 96},
                         cluster_settings=http2_options({"max_response_headers_kb": 96}))
        value = "v" * 40000
        result = call(proxy.port(), metadata=[f"x-back-long={value}"])
        assert result.status == OK
        assert ("head-x-back-long", value) in result.head and ("tail-x-back-long", value) in result.tail

    def test_metadata_beyond_the_limit_is_refused(self, serve):
        proxy, _ = serve(settings={"max_request_headers_kb": 20})
        assert call(proxy.port(), metadata=[f"x-long={'v' * 30000}"]).status in (UNAVAILABLE, INTERNAL, UNKNOWN)
        assert call(proxy.port()).status == OK


class TestLocalReplies:
    """What the proxy answers itself is a gRPC status, in trailers alone."""

    def test_no_route(self, serve):
        proxy, _ = serve(routes=[route(path="/elsewhere", to="up")])
        assert call(proxy.port()).status == UNIMPLEMENTED

    def test_direct_response(self, serve):
        proxy, _ = serve(routes=[route(respond=(403, "not for you"))])
        result = call(proxy.port())
        assert (result.status, result.message) == (7, "not for you")

    def test_no_cluster(self, serve):
        proxy, _ = serve(routes=[route(to_header="x-where")])
        assert call(proxy.port(), metadata=["x-where=nowhere"]).status == UNAVAILABLE

    def test_no_host(self, start):
        proxy = start(config_for())
        result = call(proxy.port())
        assert (result.status, result.message) == (UNAVAILABLE, "no healthy upstream")

    def test_nobody_listens(self, start):
        proxy = start(config_for(unused_port()))
        result = call(proxy.port())
        assert result.status == UNAVAILABLE
        assert result.message.startswith("upstream connect error or disconnect/reset before headers")

    def test_route_timeout(self, serve):
        proxy, server = serve(timeout="0.3s")
        result = call(proxy.port(), hang=True)
        assert (result.status, result.message) == (UNAVAILABLE, "upstream request timeout")
        assert wait_until(server.ended, lambda: "the end of the call at the server")[0]["cancelled"] is True

    def test_stream_idle_timeout(self, serve):
        proxy, _ = serve(idle_timeout="0.3s")
        result = call(proxy.port(), hang=True)
        assert (result.status, result.message) == (UNAVAILABLE, "stream timeout")

    def test_stream_duration(self, serve):
        proxy, _ = serve(max_stream_duration={"max_stream_duration": "0.3s"})
        result = call(proxy.port(), hang=True)
        assert result.status == DEADLINE_EXCEEDED  # by the proxy or by the server, whom the proxy tells
        assert 300 <= result.ms < 10000

    def test_only_grpc_requests_take_a_route_of_grpc(self, serve):
        only_grpc = route(to="up", timeout="0s")
        only_grpc["match"]["grpc"] = {}
        proxy, _ = serve(routes=[only_grpc, route(respond=(200, "http"))])
        assert call(proxy.port()).status == OK
        assert proxy.fetch().text == "http"


class TestDeadlines:
    """grpc-timeout, by the two ways in which routes may heed it.

    The server hears of the deadline that the proxy keeps, so either of them may be the one who ends the call. gRPC
    rounds long deadlines up on the wire, by up to a hundredth: 20 s may be 20.2.
    """

    @staticmethod
    def deadline_seen(server):
        return wait_until(server.begun, lambda: "the call at the server")[-1].get("deadline_ms")

    def test_the_header_alone_is_passed_on_and_means_nothing(self, serve):
        proxy, server = serve()
        result = call(proxy.port(), deadline_ms=20000)
        assert result.status == OK
        assert 15000 < self.deadline_seen(server) <= 20200

    def test_a_client_whose_deadline_is_over_cancels_at_the_server(self, serve):
        proxy, server = serve()
        assert call(proxy.port(), hang=True, deadline_ms=300).status == DEADLINE_EXCEEDED
        assert wait_until(server.ended, lambda: "the end of the call at the server")[0]["cancelled"] is True
        wait_until(lambda: proxy.stat("http.in.downstream_rq_active") == 0, lambda: "no request under way")

    def test_the_stream_ends_at_its_deadline(self, serve):
        # The server is told the deadline less the offset; the proxy ends the stream by itself then.
        proxy, server = serve(max_stream_duration={"grpc_timeout_header_max": "0s",
                                                   "grpc_timeout_header_offset": "19.5s"})
        result = call(proxy.port(), hang=True, deadline_ms=20000)
        assert result.status == DEADLINE_EXCEEDED and result.ms < 10000
        assert self.deadline_seen(server) <= 700

    def test_the_cap_ends_streams_with_a_later_deadline(self, serve):
        proxy, server = serve(max_stream_duration={"grpc_timeout_header_max": "0.4s"})
        result = call(proxy.port(), hang=True, deadline_ms=20000)
        assert result.status == DEADLINE_EXCEEDED and result.ms < 10000
        assert self.deadline_seen(server) <= 400

    def test_a_stream_without_a_deadline_has_the_routes_duration(self, serve):
        proxy, server = serve(max_stream_duration={"grpc_timeout_header_max": "0.1s", "max_stream_duration": "0.4s"})
        result = call(proxy.port(), hang=True)
        assert result.status == DEADLINE_EXCEEDED
        assert 300 <= result.ms
        assert self.deadline_seen(server) <= 400

    def test_max_stream_duration_replaces_the_routes_timeout(self, serve):
        proxy, server = serve(timeout="0.1s", max_stream_duration={})
        assert call(proxy.port(), hang=True, deadline_ms=600).status == DEADLINE_EXCEEDED
        assert proxy.stat("cluster.up.upstream_rq_timeout") == 0

    def test_the_older_field_caps_the_routes_timeout(self, serve):
        # What istiod sends: max_grpc_timeout beside the timeout.
        proxy, server = serve(timeout="30s", max_grpc_timeout="0.4s")
        result = call(proxy.port(), hang=True, deadline_ms=20000)
        assert result.status in (UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED) and result.ms < 10000
        assert self.deadline_seen(server) <= 400

    def test_the_older_field_at_zero_leaves_the_deadline_to_the_client(self, serve):
        proxy, server = serve(timeout="0s", max_grpc_timeout="0s", grpc_timeout_offset="19.6s")
        result = call(proxy.port(), hang=True, deadline_ms=20000)
        assert result.status in (UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED) and result.ms < 10000
        assert self.deadline_seen(server) <= 600

    def test_the_older_field_at_zero_without_a_deadline_is_no_limit(self, serve):
        proxy, server = serve(timeout="0.2s", max_grpc_timeout="0s")
        client = start_call(proxy.port(), hang=True)
        with client:
            wait_until(server.begun, lambda: "the call at the server")
            assert "deadline_ms" not in server.begun()[0]
            assert not threading.Event().wait(0.6)
            assert client.running and not server.ended()


class TestCancel:
    @pytest.mark.parametrize("shape", ["spread", "chat"])
    def test_reaches_the_server(self, serve, shape):
        proxy, server = serve()
        result = call(proxy.port(), shape, messages=1000000, bytes=1000, cancel_after=3)
        assert result.status == CANCELLED
        assert wait_until(server.ended, lambda: "the end of the call at the server")[0]["cancelled"] is True
        assert call(proxy.port()).status == OK
        wait_until(lambda: proxy.stat("cluster.up.upstream_rq_active") == 0, lambda: "no request under way")
        assert proxy.stat("cluster.up.upstream_cx_total") == 1  # a stream was reset, not the connection

    def test_a_client_that_dies_ends_all_its_calls(self, serve):
        proxy, server = serve()
        client = start_call(proxy.port(), "unary", hang=True, calls=20, threads=20)
        wait_until(lambda: len(server.begun()) == 20, lambda: "all calls at the server")
        client.kill()
        wait_until(lambda: len(server.ended()) == 20, lambda: "their ends")
        assert all(end["cancelled"] for end in server.ended())
        wait_until(lambda: proxy.stat("http.in.downstream_rq_active") == 0, lambda: "no request under way")

    def test_a_server_that_dies_is_unavailable(self, serve):
        proxy, server = serve()
        with start_call(proxy.port(), "unary", hang=True) as client:
            wait_until(server.begun, lambda: "the call at the server")
            server.kill()
            client.wait()
            result = grpc_peer.Result(client.log)
        assert result.status == UNAVAILABLE
        assert "reset reason: connection termination" in result.message

    def test_a_server_that_dies_in_the_middle_of_an_answer_is_not_a_success(self, serve):
        proxy, server = serve()
        with start_call(proxy.port(), "spread", messages=2, hang=True) as client:
            wait_until(server.begun, lambda: "the call at the server")
            wait_until(lambda: proxy.stat("cluster.up.upstream_rq_200"), lambda: "the head of the answer")
            server.kill()
            client.wait()
            result = grpc_peer.Result(client.log)
        assert result.status in (UNAVAILABLE, INTERNAL, UNKNOWN)


MESSAGE = b"\0\0\0\0\0"  # an empty one
GRPC_HEAD = [("content-type", "application/grpc")]


class TestResets:
    """A server that resets streams: before its answer that is the proxy's to say, after it the stream's end is."""

    @pytest.mark.parametrize("code", [0, 2, 8, 11, 12])
    def test_before_the_answer_is_unavailable(self, start, closing, code):
        upstream = closing(Http2Upstream(on_request=lambda stream: stream.reset(code)))
        proxy = start(config_for(upstream.port))
        result = call(proxy.port())
        assert (result.status, result.message) == (
            UNAVAILABLE, "upstream connect error or disconnect/reset before headers. reset reason: remote reset")

    @pytest.mark.parametrize("code", [0, 2, 8, 11])
    def test_after_its_head_is_a_reset_again(self, start, closing, code):
        def answer(stream):
            stream.respond(headers=GRPC_HEAD, body=MESSAGE, end=False)
            stream.reset(code)

        upstream = closing(Http2Upstream(on_request=answer))
        proxy = start(config_for(upstream.port))
        result = call(proxy.port(), "spread", messages=1, bytes=0)
        assert result.status == INTERNAL and result.messages <= 1
        assert call(proxy.port(), "spread", messages=1, bytes=0).status == result.status  # on the same connection
        assert proxy.stat("cluster.up.upstream_cx_total") == 1

    def test_an_answer_without_a_status_is_not_taken_for_a_success(self, start, closing):
        upstream = closing(Http2Upstream(on_request=lambda stream: stream.respond(headers=GRPC_HEAD, body=MESSAGE)))
        proxy = start(config_for(upstream.port))
        assert call(proxy.port()).status not in (OK,)

    def test_an_answer_that_is_no_grpc_keeps_its_status(self, start, closing):
        upstream = closing(Http2Upstream(on_request=lambda stream: stream.respond(503, body=b"down")))
        proxy = start(config_for(upstream.port))
        assert call(proxy.port()).status == UNAVAILABLE

    def test_refused_streams_are_tried_again_elsewhere(self, start, closing):
        server = closing(GrpcServer())
        refusing = closing(Http2Upstream(on_request=lambda stream: stream.reset(7)))
        proxy = start(config_for(refusing.port, server.port, retry_policy={"retry_on": "refused-stream",
                                                                           "num_retries": 10, **POLICY}))
        assert call(proxy.port(), calls=20).statuses == {OK: 20}


class TestRetries:
    def test_on_a_grpc_status(self, serve):
        proxy, server = serve(retry_policy={"retry_on": "unavailable", "num_retries": 3, **POLICY})
        result = call(proxy.port(), status=UNAVAILABLE, fail_times=2)
        assert (result.status, result.intact) == (OK, True)
        assert len(server.begun()) == 3
        assert proxy.wait_stat("cluster.up.upstream_rq_retry", 2) == 2

    @pytest.mark.parametrize("word, status", [("cancelled", CANCELLED), ("deadline-exceeded", DEADLINE_EXCEEDED),
                                              ("internal", INTERNAL), ("resource-exhausted", RESOURCE_EXHAUSTED)])
    def test_on_every_word(self, serve, word, status):
        proxy, server = serve(retry_policy={"retry_on": word, **POLICY})
        assert call(proxy.port(), status=status, fail_times=1).status == OK
        assert call(proxy.port(), status=9).status == 9
        assert len(server.begun()) == 3

    def test_as_the_client_asks(self, serve):
        proxy, server = serve(settings=INTERNAL_CLIENTS)
        result = call(proxy.port(), status=UNAVAILABLE, fail_times=1, metadata=["x-envoy-retry-grpc-on=unavailable"])
        assert result.status == OK
        names = [name for name, _ in server.begun()[0]["metadata"]]
        assert "x-envoy-retry-grpc-on" not in names

    def test_not_once_messages_have_come(self, serve):
        proxy, server = serve(retry_policy={"retry_on": "unavailable", "num_retries": 3, **POLICY})
        result = call(proxy.port(), "spread", messages=2, status=UNAVAILABLE)
        assert (result.status, result.messages) == (UNAVAILABLE, 2)
        assert len(server.begun()) == 1

    def test_on_another_host(self, start, closing):
        server = closing(GrpcServer(events=True))
        proxy = start(config_for(unused_port(), server.port, retry_policy={
            "retry_on": "connect-failure", "num_retries": 5, **POLICY}))
        result = call(proxy.port(), calls=50)
        assert result.statuses == {OK: 50}


class TestStatistics:
    def test_by_method(self, serve):
        proxy, _ = serve(settings={"filters": [grpc_stats(stats_for_all_methods=True, enable_upstream_stats=True)]})
        assert call(proxy.port(), "chat", messages=7).status == OK
        assert call(proxy.port(), "unary", calls=3, status=INTERNAL).status == INTERNAL
        proxy.wait_stat("cluster.up.grpc.remora.test.Peer.Unary.total", 3)
        stats = {name: value for name, value in proxy.stats("[.]grpc[.]").items() if value}
        chat, unary = "cluster.up.grpc.remora.test.Peer.Chat.", "cluster.up.grpc.remora.test.Peer.Unary."
        assert stats == {chat + "0": 1, chat + "success": 1, chat + "total": 1, chat + "request_message_count": 7,
                         chat + "response_message_count": 7, unary + "13": 3, unary + "failure": 3, unary + "total": 3,
                         unary + "request_message_count": 3}

    def test_methods_of_the_allowlist_and_the_rest(self, serve):
        proxy, _ = serve(settings={"filters": [grpc_stats(individual_method_stats_allowlist={"services": [
            {"name": "remora.test.Peer", "method_names": ["Chat"]}]})]})
        call(proxy.port(), "chat", messages=2)
        call(proxy.port(), "collect", messages=5)
        assert proxy.wait_stat("cluster.up.grpc.total") == 1
        assert proxy.stat("cluster.up.grpc.request_message_count") == 5
        assert proxy.stat("cluster.up.grpc.remora.test.Peer.Chat.total") == 1
        assert proxy.stat("cluster.up.grpc.remora.test.Peer.Collect.total") == 0

    def test_for_prometheus(self, serve):
        proxy, _ = serve(settings={"filters": [grpc_stats(stats_for_all_methods=True,
                                                          replace_dots_in_grpc_service_name=True)]})
        call(proxy.port())
        proxy.wait_stat("cluster.up.grpc.remora_test_Peer.Unary.total")
        labels = 'envoy_cluster_name="up",envoy_grpc_bridge_method="Unary",envoy_grpc_bridge_service="remora_test_Peer"'
        lines = proxy.admin("/stats/prometheus").text.splitlines()
        found = [line for line in lines if line.startswith("envoy_cluster_grpc_success{")]
        assert len(found) == 1
        name, _, rest = found[0].partition("{")
        assert sorted(rest.partition("}")[0].split(",")) == sorted(labels.split(",")) and rest.endswith("} 1")
