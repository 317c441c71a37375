"""HTTP/2 from clients: real ones (curl, nghttp, h2load, h2spec) and hostile ones, written by hand."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from support.bootstrap import HTTP_OPTIONS, bootstrap, cluster, http_listener, route, typed
from support.certificates import Authority, downstream_tls
from support.http2_client import WEBSOCKET, Http2Client, frame
from support.http_client import chunked
from support.upstream import Upstream, echo, reply
from support.waiting import wait_until

MIB = 1024 * 1024
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 2, 8, 11
H2SPEC = pathlib.Path(__file__).resolve().parents[2] / "build" / "tools" / "h2spec"


def run(*command, deadline=60):
    """Standard output of a foreign program that must end well."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=deadline, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def connect(closing):
    """Opens an HTTP/2 connection to a proxy."""
    return lambda proxy, **options: closing(Http2Client(proxy.port(), **options))


class TestForeignPeers:
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    def test_h2spec(self, start, closing, tmp_path, tls):
        """All 145 cases. The plain listener is one of HTTP/2: to AUTO a broken preface is HTTP/1, and answered as such."""
        if not H2SPEC.exists():
            pytest.skip("build/tools/h2spec is missing: ./dev test builds it")
        upstream = closing(Upstream(answer=lambda _: reply(200, body="x" * 1024)))
        listener = http_listener(route(to="up"), codec_type="AUTO" if tls else "HTTP2")
        if tls:
            listener["filter_chains"][0]["transport_socket"] = downstream_tls(Authority(tmp_path).issue("test.local"))
        proxy = start(bootstrap([listener], [cluster("up", upstream.port)]))
        report = subprocess.run([H2SPEC, "-h", "127.0.0.1", "-p", str(proxy.port()), "-o", "5", *(["-t", "-k"] if tls else [])],
                                capture_output=True, text=True, timeout=120, check=False).stdout
        assert "145 tests, 145 passed, 0 skipped, 0 failed" in report, report[report.find("Failures:"):]

    def test_curl_uploads_and_downloads_a_megabyte(self, through, tmp_path):
        proxy, upstream = through(answer=lambda request: reply(200, body=request.body))
        sent = tmp_path / "sent"
        sent.write_bytes(os.urandom(MIB))
        said = run("curl", "-s", "--http2-prior-knowledge", "--data-binary", f"@{sent}", "-o", tmp_path / "got",
                   "-w", "%{http_version} %{http_code}", f"http://127.0.0.1:{proxy.port()}/")
        assert said == "2 200" and (tmp_path / "got").read_bytes() == sent.read_bytes()
        assert upstream.last.version == "HTTP/1.1" and upstream.last.get("content-length") == str(MIB)

    def test_one_listener_takes_both_versions(self, through):
        proxy, _ = through()
        for option, version in (("--http2-prior-knowledge", "2"), ("--http1.1", "1.1")):
            assert run("curl", "-s", option, "-o", os.devnull, "-w", "%{http_version}",
                       f"http://127.0.0.1:{proxy.port()}/") == version
        for name in ("downstream_cx_http1_total", "downstream_cx_http2_total", "downstream_rq_http1_total",
                     "downstream_rq_http2_total"):
            proxy.wait_stat(f"http.in.{name}")
            assert proxy.stat(f"http.in.{name}") == 1

    def test_alpn_chooses_the_version(self, start, closing, tmp_path):
        upstream = closing(Upstream())
        authority = Authority(tmp_path)
        listener = http_listener(route(to="up"))
        listener["filter_chains"][0]["transport_socket"] = downstream_tls(authority.issue("test", "DNS:test.local"))
        proxy = start(bootstrap([listener], [cluster("up", upstream.port)]))
        for options, version in ((["--http2"], "2"), (["--http1.1"], "1.1"), (["--no-alpn"], "1.1")):
            assert run("curl", "-s", *options, "-o", os.devnull, "-w", "%{http_version}", "--cacert", authority.certificate,
                       "--resolve", f"test.local:{proxy.port()}:127.0.0.1", f"https://test.local:{proxy.port()}/") == version
        assert upstream.last.get("x-forwarded-proto") == "https"

    def test_nghttp_gets_many_streams_of_one_connection(self, through):
        proxy, _ = through(answer=lambda _: reply(200, body="y" * 5000))
        said = run("nghttp", "-nv", *[f"http://127.0.0.1:{proxy.port()}/{i}" for i in range(20)])
        assert len(re.findall(r"recv \(stream_id=\d+\) :status: 200", said)) == 20
        assert proxy.stat("http.in.downstream_cx_http2_total") == 1

    def test_h2load_without_an_error(self, through):
        proxy, _ = through(answer=lambda _: reply(200, body="z" * 1024))
        said = run("h2load", "-n", 5000, "-c", 4, "-m", 50, f"http://127.0.0.1:{proxy.port()}/")
        assert "5000 succeeded, 0 failed, 0 errored" in said, said
        wait_until(lambda: proxy.stat("http2.streams_active") == 0, "no stream left")
        assert proxy.stat("http2.pending_send_bytes") == 0

    def test_upgrade_to_h2c_is_not_offered(self, through):
        proxy, upstream = through()
        assert run("curl", "-s", "--http2", "-o", os.devnull, "-w", "%{http_version}",
                   f"http://127.0.0.1:{proxy.port()}/") == "1.1"
        assert not upstream.last.has("upgrade") and not upstream.last.has("http2-settings")


class TestMessages:
    def test_heads_are_what_the_upstream_and_the_client_would_write(self, through, connect):
        proxy, upstream = through(answer=lambda _: reply(200, {"X-Kind": "fruit", "Connection": "x-gone", "X-Gone": "1"}))
        client = connect(proxy)
        response = client.fetch("/fruit?ripe=1", headers=[("x-basket", "a"), ("cookie", "a=1"), ("cookie", "b=2")])
        assert response.status == 200 and response.get("x-kind") == "fruit"
        assert not response.has("connection") and not response.has("x-gone")
        seen = upstream.last
        assert (seen.method, seen.target, seen.version) == ("GET", "/fruit?ripe=1", "HTTP/1.1")
        assert seen.all("cookie") == ["a=1; b=2"] and seen.get("host") == "test.local"
        assert not any(name.startswith(":") for name, _ in seen.headers)

    def test_host_stands_in_for_authority(self, through, connect):
        proxy, upstream = through()
        fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "other.local")]
        assert connect(proxy).fetch(fields=fields).status == 200
        assert upstream.last.all("host") == ["other.local"]

    def test_authority_wins_over_host(self, through, connect):
        proxy, upstream = through()
        assert connect(proxy).fetch(headers=[("host", "other.local")]).status == 200
        assert upstream.last.all("host") == ["test.local"]

    def test_body_of_unknown_length_and_trailers(self, through, connect):
        proxy, upstream = through(
            answer=lambda request: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                   + chunked(b"a", b"b", trailers=[("x-sum", "1")]),
            cluster_settings={"typed_extension_protocol_options": {HTTP_OPTIONS: typed(
                HTTP_OPTIONS, explicit_http_config={"http_protocol_options": {"enable_trailers": True}})}})
        client = connect(proxy)
        stream = client.request(method="POST", end=False)
        client.send(stream.number, b"first ")
        client.send(stream.number, b"second")
        client.trailers(stream.number, [("x-end", "yes")])
        client.finish(stream)
        assert stream.body == b"ab" and stream.trailers == [("x-sum", "1")]
        assert upstream.last.body == b"first second" and upstream.last.trailers == [("x-end", "yes")]

    def test_head_and_bodiless_answers(self, through, connect):
        proxy, _ = through(answer=lambda request: b"HTTP/1.1 204 No Content\r\n\r\n" if request.target == "/204" else
                           b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n" if request.target == "/304" else
                           b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        client = connect(proxy)
        for method, target, status, length in (("HEAD", "/", 200, "5"), ("GET", "/204", 204, None), ("GET", "/304", 304, "7")):
            response = client.fetch(target, method)
            assert (response.status, response.body, response.get("content-length")) == (status, b"", length)

    def test_interim_answers(self, through, connect):
        proxy, _ = through(answer=lambda _: b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + reply())
        response = connect(proxy).fetch()
        assert response.interim == [103] and response.status == 200

    def test_expect_is_answered_here(self, through, connect):
        proxy, upstream = through()
        client = connect(proxy)
        stream = client.request(method="POST", headers=[("expect", "100-continue"), ("content-length", "2")], end=False)
        client.wait(lambda: stream.interim == [100], "100 Continue")
        client.send(stream.number, b"ok", end=True)
        assert client.finish(stream).status == 200
        assert not upstream.last.has("expect")

    def test_websocket_over_http2(self, through, connect):
        """RFC 8441: the upstream sees the upgrade of HTTP/1."""
        def shake_hands(connection):
            request = connection.read_request_head()
            assert request.get("upgrade") == "websocket" and request.get("connection").lower() == "upgrade"
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            connection.send(connection.read_exactly(4, "in the tunnel").upper())
            assert connection.read_to_end() == b""
        proxy, upstream = through(script=shake_hands, settings={"upgrade_configs": [{"upgrade_type": "websocket"}],
                                                                "http2_protocol_options": {"allow_connect": True}})
        client = connect(proxy)
        client.wait(lambda: client.http.remote_settings.enable_connect_protocol == 1, "extended CONNECT on offer")
        stream = client.request(fields=WEBSOCKET, end=False)
        client.wait(lambda: stream.status, "the answer")
        assert stream.status == 200 and not stream.has("upgrade")
        client.send(stream.number, b"ping")
        client.wait(lambda: stream.body == b"PING", "the tunnel's answer")
        client.send(stream.number, b"", end=True)
        assert upstream.last.method == "GET" and upstream.last.target == "/chat"

    def test_websocket_is_refused_where_it_is_not_allowed(self, through, connect):
        proxy, upstream = through(settings={"http2_protocol_options": {"allow_connect": True}})
        client = connect(proxy)
        client.wait(lambda: client.http.remote_settings.enable_connect_protocol == 1, "extended CONNECT on offer")
        assert client.fetch(fields=WEBSOCKET, end=False).status == 403
        assert not upstream.requests


class TestStreams:
    def test_an_answer_does_not_wait_for_another(self, through, connect):
        slow = []
        proxy, _ = through(script=lambda connection: serve(connection, slow))
        client = connect(proxy)
        first, second = client.request("/slow"), client.request("/quick")
        client.finish(second)
        assert second.status == 200 and first.status is None
        wait_until(lambda: slow, "the slow request")
        slow[0].send(reply(200, body="at last"))
        assert client.finish(first).body == b"at last"

    def test_a_reset_reaches_the_upstream_and_only_its_stream(self, through, connect):
        slow = []
        proxy, _ = through(script=lambda connection: serve(connection, slow))
        client = connect(proxy)
        first = client.request("/slow")
        wait_until(lambda: slow, "the slow request")
        client.reset(first.number)
        wait_until(lambda: slow[-1] == "closed", "the upstream's connection closed")
        assert client.fetch("/quick").status == 200
        proxy.wait_stat("http2.rx_reset")
        proxy.wait_stat("http.in.downstream_rq_rx_reset")

    def test_a_broken_answer_is_a_reset_and_no_end(self, through, connect):
        def break_off(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        proxy, _ = through(script=break_off)
        response = connect(proxy).fetch()
        assert response.status == 200 and response.body == b"half"
        assert not response.complete and response.reset_code == INTERNAL_ERROR

    def test_an_early_answer_ends_the_request(self, through, connect):
        def refuse(connection):
            connection.read_request_head()
            connection.send(reply(413))
            connection.read_to_end()
        proxy, _ = through(script=refuse)
        client = connect(proxy)
        stream = client.request(method="POST", end=False)
        client.send(stream.number, b"some")
        assert client.finish(stream).status == 413
        assert client.fetch("/more", method="POST", body=b"x").status == 413

    def test_windows_hold_the_upstream_back(self, through, connect):
        """A client that takes nothing of an endless answer: what the proxy keeps of it is bounded."""
        sent = []
        proxy, _ = through(script=lambda connection: pour(connection, sent))
        client = connect(proxy, reads=False)
        stream = client.request()
        client.wait(lambda: len(stream.body) >= 65535, "a full window")
        assert where_it_stands(lambda: sent[0]) < 12 * MIB  # kernel buffers, a window and a buffer of 1 MiB
        client.ping()  # and nobody else suffers
        client.reset(stream.number)
        wait_until(lambda: sent[-1] == "closed", "the upstream's connection closed")

    def test_the_upstream_holds_a_client_back(self, through, connect):
        """An upload that nobody reads: no more window is given, while other streams go on."""
        stuck = []
        proxy, _ = through(script=lambda connection: serve(connection, stuck, reads=False),
                           settings={"http2_protocol_options": {"initial_stream_window_size": 65535}})
        client = connect(proxy)
        client.ping()
        stream = client.request("/slow", "POST", end=False)
        sent = [0]

        def fill():
            room = min(client.http.local_flow_control_window(stream.number), client.http.max_outbound_frame_size)
            if room > 0:
                client.http.send_data(stream.number, bytes(room))
                sent[0] += room
            client.ping()
            return sent[0]
        assert where_it_stands(fill) < 12 * MIB
        assert client.fetch("/quick").status == 200
        client.reset(stream.number)


def serve(connection, slow, reads=True):
    """Answers everything but /slow, which is kept in `slow`; "closed" there says that the proxy gave it up."""
    while request := connection.read_request_head():
        if request.target == "/slow":
            slow.append(connection)
            if reads:
                connection.read_to_end()
                slow.append("closed")
            else:
                wait_until(lambda: connection.upstream.listener.fileno() < 0, "the test's end")
            return
        connection.send(echo(connection.read_request_body(request)))


def pour(connection, sent):
    """An endless answer; counts its bytes in sent[0]."""
    connection.read_request_head()
    connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"
    sent.append(0)
    try:
        while True:
            connection.send(piece)
            sent[0] += len(piece)
    except OSError:
        sent.append("closed")


def where_it_stands(count):
    """The value that `count()` keeps for a while: some twenty looks without a change."""
    seen = []

    def stands():
        seen.append(count())
        return len(seen) > 20 and len(set(seen[-20:])) == 1 and seen[-1] > 0
    wait_until(stands, lambda: f"a number that stays, was {seen[-5:]}")
    return seen[-1]


class TestDraining:
    def test_a_drain_takes_what_is_under_way(self, through, connect):
        slow = []
        proxy, _ = through(script=lambda connection: serve(connection, slow), settings={"drain_timeout": "0.2s"})
        client = connect(proxy)
        stream = client.request("/slow")
        wait_until(lambda: slow, "the slow request")
        proxy.signal(signal.SIGTERM)
        client.wait(lambda: client.last_stream == 2**31 - 1, "the notice")
        client.wait(lambda: client.last_stream == stream.number, "the last GOAWAY")
        assert client.goaway == NO_ERROR
        slow[0].send(reply(200, body="still here"))
        assert client.finish(stream).body == b"still here"
        assert client.wait_goaway() == NO_ERROR
        assert proxy.wait() == 0

    def test_an_idle_connection_is_told_before_it_is_closed(self, through, connect):
        proxy, _ = through(settings={"common_http_protocol_options": {"idle_timeout": "0.1s"}, "drain_timeout": "0.1s"})
        client = connect(proxy)
        assert client.fetch().status == 200
        assert client.wait_goaway() == NO_ERROR
        proxy.wait_stat("http.in.downstream_cx_idle_timeout")

    def test_a_request_over_the_limit_of_its_connection_is_its_last(self, through, connect):
        proxy, _ = through(settings={"common_http_protocol_options": {"max_requests_per_connection": 2},
                                     "drain_timeout": "0.1s"})
        client = connect(proxy)
        assert [client.fetch().status for _ in range(2)] == [200, 200]
        assert client.wait_goaway() == NO_ERROR
        proxy.wait_stat("http.in.downstream_cx_max_requests_reached")

    def test_dead_clients_are_found_by_pings(self, through, connect):
        proxy, _ = through(settings={"http2_protocol_options": {
            "connection_keepalive": {"interval": "0.05s", "timeout": "0.1s"}}})
        client = connect(proxy)
        client.fetch()
        proxy.wait_stat("http2.keepalive_timeout")  # the client reads nothing, and answers nothing
        wait_until(lambda: proxy.stat("http.in.downstream_cx_active") == 0, "its connection closed")


class TestHostileClients:
    """One of each kind end to end; the kinds themselves are tested in unit_proxy, H2Hostile."""

    @pytest.mark.parametrize("statistic, flood", [
        ("inbound_empty_frames_flood", lambda number: 2 * frame("Data", number, data=b"")),
        ("inbound_priority_frames_flood", lambda number: 500 * frame("Priority", number, stream_weight=3)),
        ("inbound_window_update_frames_flood", lambda number: 50 * frame("WindowUpdate", 0, window_increment=1)),
        ("outbound_control_flood", lambda number: 5000 * frame("Settings", 0)),
    ])
    def test_floods_end_the_connection_and_are_counted(self, through, connect, statistic, flood):
        proxy, upstream = through()
        client = connect(proxy)
        stream = client.request(method="POST", end=False)
        client.send_raw(flood(stream.number))
        assert client.wait_goaway() in (ENHANCE_YOUR_CALM, None)  # a reset may overtake it
        proxy.wait_stat(f"http2.{statistic}")
        proxy.wait_stat("http.in.downstream_cx_protocol_error")
        wait_until(lambda: proxy.stat("http.in.downstream_rq_active") == 0, "no request left")
        assert connect(proxy).fetch().status == 200  # and the proxy lives

    def test_rapid_resets(self, through, connect):
        slow = []
        proxy, _ = through(script=lambda connection: serve(connection, slow))
        client = connect(proxy)
        for number in range(1, 2000, 2):
            if client.closed:
                break
            client.http.send_headers(number, [(":method", "GET"), (":scheme", "http"), (":path", "/slow"),
                                              (":authority", "a")], end_stream=True)
            client.send_raw(client.http.data_to_send() + frame("RstStream", number, error_code=CANCEL))
            client.http.reset_stream(number)
            client.http.data_to_send()
        assert client.wait_goaway() in (ENHANCE_YOUR_CALM, None)
        proxy.wait_stat("http.in.downstream_rq_too_many_premature_resets")
        assert proxy.stat("http.in.downstream_rq_total") < 400

    def test_too_many_fields_reset_their_stream(self, through, connect):
        proxy, upstream = through()
        client = connect(proxy)
        assert client.fetch(headers=[(f"x-{i}", "y") for i in range(150)]).reset_code == INTERNAL_ERROR
        assert client.fetch(headers=[("cookie", f"a{i}=1") for i in range(300)]).status == 200
        assert client.fetch(headers=[("cookie", f"a{i}=1") for i in range(600)]).reset_code == INTERNAL_ERROR
        proxy.wait_stat("http2.header_overflow", 2)
        assert len(upstream.requests) == 1

    @pytest.mark.parametrize("lenient", [False, True], ids=["connection", "stream"])
    def test_forbidden_fields(self, through, connect, lenient):
        proxy, upstream = through(settings={"http2_protocol_options": {
            "override_stream_error_on_invalid_http_message": lenient}})
        client = connect(proxy)
        stream = client.request(headers=[("transfer-encoding", "chunked")])
        if lenient:
            assert client.finish(stream).reset_code == PROTOCOL_ERROR
            assert client.fetch().status == 200
        else:
            assert client.wait_goaway() == PROTOCOL_ERROR
        proxy.wait_stat("http2.rx_messaging_error")
        assert len(upstream.requests) == (1 if lenient else 0)

    def test_a_body_shorter_than_announced_never_gets_whole(self, through, connect):
        whole = []
        proxy, upstream = through(script=lambda connection: whole.append(connection.read_request()))
        client = connect(proxy)
        stream = client.request(method="POST", headers=[("content-length", "10")], body=b"short")
        assert client.finish(stream).reset_code == PROTOCOL_ERROR
        # A connection that was still being made when the request ended stays for the next one.
        wait_until(lambda: not any(proxy.stat(f"cluster.up.upstream_rq_{kind}active") for kind in ("", "pending_")),
                   "the upstream's request given up")
        assert not any(whole)  # cut in the body, in the head, or never begun

    def test_a_slow_head_is_given_up(self, through, connect):
        proxy, _ = through(settings={"request_headers_timeout": "0.1s"})
        client = connect(proxy)
        client.ping()
        block = client.http.encoder.encode([(":method", "GET")])
        client.send_raw(frame("Headers", 1, data=block))  # without END_HEADERS
        assert client.wait_goaway() == ENHANCE_YOUR_CALM
