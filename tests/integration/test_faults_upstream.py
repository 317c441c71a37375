"""Upstreams that break: what the client and the log are told, that nothing is left behind, and that the next request is served.

Each row of `FAULTS` is one of docs/faults.md. The real Envoy is given the same; where it answers otherwise the row says so."""

import threading

import pytest

from support.faults import Faced
from support.http_client import ConnectionClosed, format_request
from support.proxy import envoy_binary, under_test
from support.upstream import Upstream, reply, unused_port

KINDS = [under_test()] + (["envoy"] if under_test() == "remora" and envoy_binary() else [])
ROUNDS = 8  # A descriptor that is lost each time shows.
OK = b"HTTP/1.1 200 OK\r\n"
BEFORE, AFTER = "upstream_reset_before_response_started", "upstream_reset_after_response_started"
CUT = "cut"  # The client's connection ends inside the response.
GARBLED = (502, f"502 UPE {BEFORE}{{protocol_error}}")
CUT_SHORT = (CUT, f"200 UPE {AFTER}{{protocol_error}}")


def says(*pieces, then="read_to_end"):
    """A server that takes a request, says `pieces`, and then closes, resets or waits for the end."""
    def script(connection):
        connection.read_request()
        for piece in pieces:
            connection.send(piece)
        getattr(connection, then)()
    return script


def row(name, script, outcome, envoy=None):
    return pytest.param(script, outcome, envoy or outcome, id=name)


FAULTS = [
    row("1-reset-before-the-head", says(then="reset"), (503, f"503 UC {BEFORE}{{connection_termination}}")),
    row("1-end-before-the-head", says(then="close"), (503, f"503 UC {BEFORE}{{connection_termination}}")),
    row("1-end-in-the-head", says(OK + b"cont", then="close"), GARBLED),
    row("1-silence", says(), (504, "504 UT response_timeout")),
    row("2-reset-in-the-body", says(OK + b"content-length: 99\r\n\r\npart", then="reset"),
        (CUT, f"200 UC {AFTER}{{connection_termination}}"), envoy=CUT_SHORT),
    row("2-end-in-the-body", says(OK + b"content-length: 99\r\n\r\npart", then="close"), CUT_SHORT),
    row("2-end-between-chunks", says(OK + b"transfer-encoding: chunked\r\n\r\n4\r\npart\r\n", then="close"), CUT_SHORT),
    row("2-chunk-that-is-none", says(OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), CUT_SHORT),
    row("4-a-second-response", says(reply(200, {}, "right") + reply(200, {}, "smuggled")), (200, "200 - via_upstream")),
    row("11-early-hints-31-times", says(*[b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"] * 31, reply(200, {}, "right")),
        (200, "200 - via_upstream")),
    row("13-204-with-a-length", says(b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nbody"), GARBLED),
    row("13-204-with-a-body", says(b"HTTP/1.1 204 No Content\r\n\r\nbody"), (204, "204 - via_upstream")),
    row("13-304-with-a-body", says(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nbody"), (304, "304 - via_upstream")),
    row("14-101-unasked", says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), GARBLED, envoy=(101, "101 - via_upstream")),
    row("18-two-lengths", says(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab"), GARBLED),
    row("19-length-and-chunks", says(OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), GARBLED),
    row("22-nul-in-a-field", says(OK + b"x: a\x00b\r\n\r\n"), GARBLED),
    row("22-no-http", says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), GARBLED),
    row("23-head-too-large", says(OK + b"x: " + b"y" * 100_000 + b"\r\n\r\n"), GARBLED),
    row("23-too-many-fields", says(OK + b"x: y\r\n" * 200 + b"content-length: 0\r\n\r\n"), GARBLED),
]


class Fragile(Upstream):
    """Answers as it should, except while it is given a fault."""

    def __init__(self):
        self.fault = None
        super().__init__("well", script=self.behave)

    def behave(self, connection):
        (self.fault or self.serve)(connection)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def standing(kind, module_closing, tmp_path_factory):
    """One proxy for all faults, each of which meets what the others have left."""
    upstream = module_closing(Fragile())
    faced = module_closing(Faced(kind, tmp_path_factory.mktemp("faults"), upstream.port, timeout="0.5s",
                                 cluster_settings={"max_requests_per_connection": 1}))
    assert ask(faced) == 200
    faced.remember()
    return faced, upstream


def ask(faced):
    """What a client sees: a status, or CUT."""
    with faced.proxy.connect() as client:
        try:
            return client.request().status
        except (ConnectionClosed, ConnectionResetError):
            return CUT


@pytest.mark.parametrize("script, outcome, envoy", FAULTS)
def test_a_fault_is_told_and_nothing_is_left(kind, standing, script, outcome, envoy):
    faced, upstream = standing
    assert ask(faced) == 200
    faced.mark()
    upstream.fault = script
    seen = [ask(faced) for _ in range(ROUNDS)]
    upstream.fault = None
    status, line = envoy if kind == "envoy" else outcome
    assert seen == [status] * ROUNDS
    faced.assert_logged(line, ROUNDS)
    assert ask(faced) == 200, "served again as soon as it is well"
    faced.assert_nothing_left()


def test_nobody_listens(kind, closing, tmp_path):
    """Rows 1 and 38: refused until there is somebody; then all who come are served."""
    port = unused_port()
    faced = closing(Faced(kind, tmp_path, port))
    assert ask(faced) == 503
    faced.remember()
    assert [ask(faced) for _ in range(ROUNDS)] == [503] * ROUNDS
    assert all(line.startswith(f"503 UF {BEFORE}{{remote_connection_failure|") for line in faced.log())
    closing(Upstream(port=port))
    clients = [threading.Thread(target=lambda: seen.append(ask(faced))) for _ in range(40)]
    seen = []
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert seen == [200] * 40
    faced.assert_nothing_left()


class TestRace:
    """Row 3: a kept connection ends as the request is on its way. Only where nothing was answered is it sent again unasked."""

    @pytest.mark.remora_only("Envoy answers 503 UC unless a retry policy says otherwise")
    @pytest.mark.parametrize("said, ending, asked_again", [
        pytest.param(b"", "reset", True, id="silent-reset"), pytest.param(b"", "close", True, id="silent-end"),
        pytest.param(b"HTTP/1.1 200 O", "close", False, id="half-a-head-and-end"),
        pytest.param(b"HTTP/1.1 200 O", "reset", False, id="half-a-head-and-reset"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n", "close", False, id="early-hints-and-end")])
    def test_what_is_asked_again(self, closing, tmp_path, said, ending, asked_again):
        def script(connection):
            connection.read_request()
            connection.send(reply(200, {}, "served"))
            if connection.number > 0:
                connection.read_to_end()
            connection.read_request_head()
            connection.send(said)
            if said:
                heard.wait(20)
            getattr(connection, ending)()

        heard = threading.Event()
        upstream = closing(Upstream(script=script))
        faced = closing(Faced("remora", tmp_path, upstream.port))
        assert ask(faced) == 200
        faced.remember()
        with faced.proxy.connect() as client:
            received = faced.proxy.stat("cluster.up.upstream_cx_rx_bytes_total")
            client.send(format_request())
            if said:
                faced.proxy.wait_stat("cluster.up.upstream_cx_rx_bytes_total", received + len(said))
                heard.set()
            assert client.response().status == (200 if asked_again else 503 if b"103" in said else 502)
        assert len(upstream.requests) == (3 if asked_again else 2)

    @pytest.mark.remora_only("Envoy answers 503 UC unless a retry policy says otherwise")
    @pytest.mark.parametrize("method, size, asked_again", [("PUT", 4, True), ("PUT", 16000, True), ("DELETE", 4, True), ("GET", 4, True),
                                                           ("PUT", 17000, False), ("POST", 4, False), ("PATCH", 4, False)])
    def test_a_body_that_was_kept_goes_out_again(self, closing, tmp_path, method, size, asked_again):
        def script(connection):
            connection.read_request()
            connection.send(reply(200, {}, "served"))
            if connection.number == 0:
                connection.read_request()
                connection.close()
            connection.read_to_end()

        upstream = closing(Upstream(script=script))
        faced = closing(Faced("remora", tmp_path, upstream.port))
        assert ask(faced) == 200
        faced.remember()
        body = b"y" * size
        assert faced.proxy.fetch("/", method, {}, body).status == (200 if asked_again else 503)
        assert [request.body for request in upstream.requests[1:]] == [body] * (2 if asked_again else 1)
        faced.assert_nothing_left()
        faced.assert_nothing_left()
