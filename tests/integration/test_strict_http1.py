"""Hostile bytes: what the proxy must refuse, with which status, and that nothing of it reaches the upstream.

Every row closes the connection, since after a framing error nobody knows where the next message begins.
"""

import socket

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.http_client import format_request
from support.proxy import Proxy
from support.upstream import Upstream
from support.waiting import wait_until

HOST = b"Host: a.local\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
BAD, BAD_OR_UNIMPLEMENTED, BAD_OR_VERSION = (400,), (400, 501), (400, 426, 505)
PASSES = "it lets this pass"


def row(name, data, statuses=BAD, envoy=None):
    """`envoy`: what the real Envoy does where it is laxer; such a row is for this proxy alone."""
    marks = [pytest.mark.remora_only(envoy)] if envoy else []
    return pytest.param(data, statuses, id=name, marks=marks)


def get(*lines, target=b"/", version=b"HTTP/1.1", host=HOST):
    return b"GET " + target + b" " + version + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


HEADS = [
    # The request line.
    row("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    row("no-target", b"GET HTTP/1.1\r\n" + HOST + b"\r\n"),
    row("no-version", b"GET /\r\n" + HOST + b"\r\n", BAD_OR_VERSION),
    row("two-spaces", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", envoy=PASSES),
    row("tab-for-space", b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", envoy=PASSES),
    row("space-at-end", b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", envoy=PASSES),
    row("space-at-start", b" GET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    row("space-in-target", get(target=b"/a b")),
    row("method-no-token", b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n"),
    row("version-2.0", get(version=b"HTTP/2.0"), BAD_OR_VERSION),
    row("version-1.2", get(version=b"HTTP/1.2"), BAD_OR_VERSION),
    row("version-0.9", get(version=b"HTTP/0.9"), BAD_OR_VERSION),
    row("version-01.1", get(version=b"HTTP/01.1"), BAD_OR_VERSION),
    row("version-1.10", get(version=b"HTTP/1.10"), BAD_OR_VERSION),
    row("version-lower-case", get(version=b"http/1.1"), BAD_OR_VERSION),
    row("not-quite-http2-preface", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", BAD_OR_VERSION, envoy=PASSES),
    row("fragment", get(target=b"/a#b")),
    row("control-in-target", get(target=b"/a\x01b")),
    row("nul-in-target", get(target=b"/a\x00b")),
    row("delete-in-target", get(target=b"/a\x7fb")),
    row("non-ascii-target", get(target=b"/caf\xc3\xa9")),
    row("relative-target", get(target=b"a/b")),
    row("asterisk-for-get", get(target=b"*")),
    row("absolute-form-no-host", get(target=b"http:///a")),
    # Line endings.
    row("bare-lf-after-line", b"GET / HTTP/1.1\n" + HOST + b"\r\n", envoy=PASSES),
    row("bare-lf-after-field", b"GET / HTTP/1.1\r\nHost: a\nx: y\r\n\r\n", envoy=PASSES),
    row("bare-lf-at-end", b"GET / HTTP/1.1\r\nHost: a\r\n\n", envoy=PASSES),
    row("bare-cr-in-line", b"GET / HTTP/1.1\rx: y\r\n" + HOST + b"\r\n"),
    row("bare-cr-in-value", get(b"x: a\rb"), envoy=PASSES),
    row("bare-cr-between-fields", b"GET / HTTP/1.1\r\nHost: a\rx: y\r\n\r\n"),
    row("cr-cr-lf", b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n", envoy=PASSES),
    # Fields.
    row("nul-in-value", get(b"x: a\x00b")),
    row("control-in-value", get(b"x: a\x01b")),
    row("delete-in-value", get(b"x: a\x7fb")),
    row("nul-in-name", get(b"x\x00y: a")),
    row("space-before-colon", get(b"x : a")),
    row("tab-before-colon", get(b"x\t: a")),
    row("space-in-name", get(b"x y: a")),
    row("empty-name", get(b": a")),
    row("no-colon", get(b"just words")),
    row("no-token-name", get(b"x@y: a")),
    row("non-ascii-name", get(b"x\xc3\xa9: a")),
    row("obs-fold-space", get(b"x: a", b" b"), envoy=PASSES),
    row("obs-fold-tab", get(b"x: a", b"\tb"), envoy=PASSES),
    row("leading-space-on-first-field", b"GET / HTTP/1.1\r\n x: a\r\n" + HOST + b"\r\n"),
    # Host.
    row("no-host", get(host=b"")),
    row("two-hosts", get(b"Host: b.local"), envoy=PASSES),
    row("two-equal-hosts", get(b"Host: a.local"), envoy=PASSES),
    row("host-with-space", get(host=b"Host: a b\r\n")),
    row("host-with-slash", get(host=b"Host: a/b\r\n")),
    row("host-with-user", get(host=b"Host: me@a.local\r\n"), envoy=PASSES),
    row("host-with-comma", get(host=b"Host: a,b\r\n"), envoy=PASSES),
    row("host-with-bad-port", get(host=b"Host: a:8x\r\n"), envoy=PASSES),
    # Framing.
    row("length-negative", post(b"Content-Length: -1")),
    row("length-plus", post(b"Content-Length: +1", body=b"a")),
    row("length-hexadecimal", post(b"Content-Length: 0x1", body=b"a")),
    row("length-empty", post(b"Content-Length:")),
    row("length-words", post(b"Content-Length: one")),
    row("length-with-space", post(b"Content-Length: 1 0", body=b"0123456789")),
    row("length-fraction", post(b"Content-Length: 1.0", body=b"a")),
    row("length-over-63-bits", post(b"Content-Length: 9223372036854775808"), envoy=PASSES),
    row("length-over-64-bits", post(b"Content-Length: 18446744073709551616")),
    row("length-twice-different", post(b"Content-Length: 1", b"Content-Length: 2", body=b"ab")),
    row("length-twice-equal", post(b"Content-Length: 1", b"Content-Length: 1", body=b"a")),
    row("length-list", post(b"Content-Length: 1, 1", body=b"a")),
    row("length-and-chunked", post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    row("chunked-and-length", post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n")),
    row("coding-twice", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        BAD_OR_UNIMPLEMENTED),
    row("coding-list-twice", post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
    row("coding-identity", post(b"Transfer-Encoding: identity", body=b""), BAD_OR_UNIMPLEMENTED),
    row("coding-gzip-chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
    row("coding-chunked-gzip", post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
    row("coding-unknown", post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
    row("coding-empty", post(b"Transfer-Encoding:", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
    row("coding-with-parameter", post(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
    row("coding-vertical-tab", post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), BAD_OR_UNIMPLEMENTED),
]

CHUNKS = [
    row("size-negative", b"-1\r\na\r\n0\r\n\r\n"),
    row("size-plus", b"+1\r\na\r\n0\r\n\r\n"),
    row("size-0x", b"0x1\r\na\r\n0\r\n\r\n"),
    row("size-empty", b"\r\na\r\n0\r\n\r\n"),
    row("size-no-hexadecimal", b"g\r\na\r\n0\r\n\r\n"),
    row("size-underscore", b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    row("size-space-before", b" 1\r\na\r\n0\r\n\r\n"),
    row("size-space-after", b"1 \r\na\r\n0\r\n\r\n", envoy=PASSES),
    row("size-tab-after", b"1\t\r\na\r\n0\r\n\r\n", envoy=PASSES),
    row("size-17-digits", b"00000000000000001\r\na\r\n0\r\n\r\n", envoy=PASSES),
    row("size-over-64-bits", b"10000000000000001\r\na\r\n0\r\n\r\n"),
    row("size-all-ones", b"ffffffffffffffff\r\na\r\n0\r\n\r\n", envoy=PASSES),
    row("bare-lf-after-size", b"1\na\r\n0\r\n\r\n"),
    row("bare-lf-after-data", b"1\r\na\n0\r\n\r\n", envoy=PASSES),
    row("data-longer-than-size", b"1\r\nab\r\n0\r\n\r\n", envoy=PASSES),
    row("bare-cr-after-size", b"1\ra\r\n0\r\n\r\n"),
    row("extension-with-bare-lf", b"1;a\nb\r\na\r\n0\r\n\r\n"),
    row("extension-with-bare-cr", b"1;a\rb\r\na\r\n0\r\n\r\n"),
    row("extension-with-nul", b"1;a\x00b\r\na\r\n0\r\n\r\n", envoy=PASSES),
    row("extension-too-long", b"1;" + b"x" * 5000 + b"\r\na\r\n0\r\n\r\n", envoy=PASSES),
    row("trailer-content-length", b"1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n", envoy=PASSES),
    row("trailer-transfer-encoding", b"1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", envoy=PASSES),
    row("trailer-host", b"1\r\na\r\n0\r\nHost: evil.local\r\n\r\n", envoy=PASSES),
    row("trailer-no-colon", b"1\r\na\r\n0\r\nwords\r\n\r\n"),
    row("trailer-space-before-colon", b"1\r\na\r\n0\r\nx : y\r\n\r\n"),
    row("trailer-nul", b"1\r\na\r\n0\r\nx: a\x00b\r\n\r\n"),
    row("trailer-bare-lf", b"1\r\na\r\n0\r\nx: y\n\r\n", envoy=PASSES),
]


@pytest.fixture(scope="module")
def peers():
    with Upstream() as upstream:
        front = http_listener(route(to="up"), delayed_close_timeout="0.1s")
        with Proxy(bootstrap([front], [cluster("up", upstream.port)])) as proxy:
            yield proxy, upstream


@pytest.fixture
def served(peers):
    proxy, upstream = peers
    upstream.forget()
    return proxy, upstream


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: evil.local\r\n\r\n"


def assert_refused(proxy, upstream, data, statuses):
    before = proxy.stat("http.in.downstream_cx_protocol_error") + proxy.stat("http.in.downstream_rq_4xx")
    with proxy.connect() as client:
        client.send(data + SMUGGLED)
        response = client.response()
        assert response.status in statuses, response
        assert response.get("connection") == "close", response
        client.read_to_end()
    complete = [request for request in upstream.requests if request.body or request.method == "GET"]
    assert not complete, f"reached the upstream: {complete}"
    wait_until(lambda: proxy.stat("http.in.downstream_cx_protocol_error")
               + proxy.stat("http.in.downstream_rq_4xx") > before, "the error counted")


@pytest.mark.parametrize("data, statuses", HEADS)
def test_hostile_head_is_refused_and_the_connection_closed(served, data, statuses):
    assert_refused(*served, data, statuses)


@pytest.mark.parametrize("data, statuses", CHUNKS)
def test_hostile_chunk_is_refused_and_the_connection_closed(served, data, statuses):
    proxy, upstream = served
    with proxy.connect() as client:
        client.send(CHUNKED + data + SMUGGLED)
        seen = client.read_to_end()
    assert not seen or int(seen.split(b" ")[1]) in statuses, seen
    assert seen.count(b"HTTP/1.1") <= 1, f"more than one answer: {seen}"
    assert not any(request.target == "/smuggled" for request in upstream.requests)
    assert not any(request.body for request in upstream.requests), "a broken body was passed on as a whole one"


@pytest.mark.parametrize("data, statuses", [
    row("chunked-in-1.0", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BAD_OR_UNIMPLEMENTED, envoy=PASSES),
])
def test_hostile_http10_head_is_refused(start, closing, data, statuses):
    upstream = closing(Upstream())
    proxy = start(bootstrap([http_listener(route(to="up"), http_protocol_options={"accept_http_10": True})],
                            [cluster("up", upstream.port)]))
    assert_refused(proxy, upstream, data, statuses)


class TestAccepted:
    """The other half of strictness: what the standard allows must pass."""

    @pytest.mark.parametrize("data", [
        pytest.param(b"\r\n" + get(), id="empty line before the request"),
        pytest.param(get(b"x:"), id="empty value"),
        pytest.param(get(b"x:a"), id="no space after the colon"),
        pytest.param(get(b"x: \t a \t"), id="white space around a value"),
        pytest.param(get(b"x: a\tb"), id="tab inside a value"),
        pytest.param(get(b"x: caf\xc3\xa9"), id="non-ASCII value"),
        pytest.param(get(b"!#$%&'*+-.^_`|~: a"), id="every token character in a name"),
        pytest.param(get(b"x_y: a"), id="underscore in a name"),
        pytest.param(get(target=b"/%20%00%2f?a=b&c=%zz"), id="escapes in the target"),
        pytest.param(get(target=b"/a?b=c?d/e"), id="marks in the query"),
        pytest.param(get(host=b"Host: a.local:8080\r\n"), id="port in Host"),
        pytest.param(get(host=b"Host: [::1]:8080\r\n"), id="IPv6 Host"),
        pytest.param(post(b"Content-Length: 0003", body=b"abc"), id="leading zeros in a length"),
        pytest.param(post(b"Transfer-Encoding: Chunked", body=b"0\r\n\r\n"), id="coding in another case"),
        pytest.param(CHUNKED + b"A\r\n0123456789\r\n000\r\n\r\n", id="sizes in upper case and several zeros"),
        pytest.param(CHUNKED + b"1;a=b;c=\"d e\"\r\na\r\n0\r\n\r\n", id="chunk extensions"),
        pytest.param(CHUNKED + b"1\r\na\r\n0\r\nx-sum: 1\r\n\r\n", id="trailers"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", id="OPTIONS *"),
    ])
    def test_valid_request_is_served_and_the_connection_kept(self, served, data):
        proxy, _ = served
        with proxy.connect() as client:
            client.send(data)
            response = client.response()
            assert response.status in ((200, 404) if b" * " in data else (200,)), response
            assert client.request().status == 200

    def test_absolute_form_overrides_host(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(b"GET http://real.local/path?q HTTP/1.1\r\nHost: other.local\r\n\r\n")
            assert client.response().status == 200
        assert (upstream.last.target, upstream.last.get("host")) == ("/path?q", "real.local")


class TestResponses:
    """The upstream is not trusted either."""

    @pytest.mark.parametrize("data, statuses", [
        row("obs-fold", b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n", (502, 503), envoy="Envoy unfolds it"),
        row("two-digit-status", b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n", (502, 503), envoy=PASSES),
        row("four-digit-status", b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n", (502, 503), envoy=PASSES),
        row("length-and-chunked", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            (502, 503)),
        row("coding-unknown", b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc", (502, 503)),
        row("space-before-colon", b"HTTP/1.1 200 OK\r\nx : a\r\ncontent-length: 0\r\n\r\n", (502, 503)),
        row("length-negative", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", (502, 503)),
        row("bare-cr", b"HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n", (502, 503), envoy=PASSES),
        row("chunk-too-long-line", b"HTTP/1.1 200 OK\r\nx" + b"y" * 200_000, (502, 503)),
    ])
    def test_hostile_response_head_is_an_upstream_error(self, through, data, statuses):
        def script(connection):
            connection.read_request()
            connection.send(data)
            connection.read_to_end()

        proxy, _ = through(script=script)
        assert proxy.fetch("/").status in statuses


class TestLimits:
    def test_too_many_header_bytes_are_431(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(format_request(headers=[(f"x-{i}", "y" * 4000) for i in range(20)]))
            assert client.response().status == 431
            client.read_to_end()
        assert not upstream.requests

    def test_too_many_headers_are_431(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(format_request(headers=[(f"x-{i}", "y") for i in range(120)]))
            assert client.response().status == 431
            client.read_to_end()
        assert not upstream.requests

    def test_just_below_the_limits_is_served(self, served):
        proxy, _ = served
        assert proxy.fetch("/", headers=[(f"x-{i}", "y" * 500) for i in range(90)]).status == 200

    def test_limit_is_configurable(self, through):
        proxy, upstream = through(settings={"max_request_headers_kb": 4})
        assert proxy.fetch("/", headers={"x": "y" * 3000}).status == 200
        assert proxy.fetch("/", headers={"x": "y" * 5000}).status == 431

    @pytest.mark.remora_only("Envoy counts the request line among the headers: 431")
    def test_too_long_request_line_is_414(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(format_request(target="/" + "a" * 70_000))
            assert client.response().status == 414
            client.read_to_end()
        assert not upstream.requests

    def test_endless_request_line_is_cut_off(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(b"GET /" + b"a" * 200_000)
            assert client.response().status in (400, 414, 431)
            client.read_to_end()

    def test_endless_field_is_cut_off(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nx: " + b"a" * 200_000)
            assert client.response().status == 431
            client.read_to_end()

    def test_too_many_trailer_bytes_are_refused(self, served):
        proxy, upstream = served
        with proxy.connect() as client:
            client.send(CHUNKED + b"1\r\na\r\n0\r\n")
            try:
                client.send(b"".join(b"x-%d: %s\r\n" % (i, b"y" * 4000) for i in range(60)) + b"\r\n")
            except OSError:
                pass  # Cut off while we were still sending: what is wanted.
            assert b" 200 " not in client.read_to_end()

    def test_slow_head_is_408(self, through):
        proxy, _ = through(settings={"request_headers_timeout": "0.3s"})
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a")
            assert client.response().status == 408
            client.wait_closed()
        assert proxy.wait_stat("http.in.downstream_rq_header_timeout") == 1

    def test_slow_body_is_408(self, through):
        proxy, _ = through(settings={"request_timeout": "0.3s"})
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": "10"}) + b"a")
            assert client.response().status == 408
            client.wait_closed()
        assert proxy.wait_stat("http.in.downstream_rq_timeout") == 1

    def test_idle_connection_is_closed(self, through):
        proxy, _ = through(settings={"common_http_protocol_options": {"idle_timeout": "0.3s"}, "drain_timeout": "0.1s"})
        with proxy.connect() as client:
            assert client.request().status == 200
            client.wait_closed()
        assert proxy.wait_stat("http.in.downstream_cx_idle_timeout") == 1

    def test_stalled_stream_is_ended(self, through):
        proxy, _ = through(settings={"stream_idle_timeout": "0.3s"})
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": "10"}) + b"a")
            assert client.response().status == 408
        assert proxy.wait_stat("http.in.downstream_rq_idle_timeout") == 1

    def test_requests_per_connection_are_limited(self, through):
        proxy, _ = through(settings={"common_http_protocol_options": {"max_requests_per_connection": 2}})
        with proxy.connect() as client:
            assert not client.request().has("connection")
            assert client.request().get("connection") == "close"
            client.wait_closed()

    @pytest.mark.parametrize("action, status", [("ALLOW", 200), ("REJECT_REQUEST", 400), ("DROP_HEADER", 200)])
    def test_underscores_are_handled_as_configured(self, through, action, status):
        proxy, upstream = through(
            settings={"common_http_protocol_options": {"headers_with_underscores_action": action}})
        assert proxy.fetch("/", headers={"x_y": "a", "x-z": "b"}).status == status
        if status == 200:
            assert upstream.last.has("x_y") == (action == "ALLOW") and upstream.last.has("x-z")

    def test_pipelining_client_that_never_reads_is_held_back(self, served):
        """A flood of pipelined requests must not grow the proxy's memory: the socket fills up instead."""
        proxy, _ = served
        request = format_request(target="/" + "p" * 500) * 100
        with proxy.connect(receive_buffer=4096) as client:
            client.sock.settimeout(0.3)
            sent = 0
            try:
                while sent < 128 * 1024 * 1024:
                    sent += client.sock.send(request)
            except (TimeoutError, socket.timeout, ConnectionResetError, BrokenPipeError):
                pass
            assert sent < 128 * 1024 * 1024, "the proxy read 128 MiB of requests whose answers nobody takes"
        assert proxy.fetch("/").status == 200
