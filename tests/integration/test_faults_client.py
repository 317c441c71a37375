"""Clients that break or attack: what they and the log are told, what becomes of the upstream's side, and that the next is served.

Each row is one of docs/faults.md. The real Envoy is given the same; where it answers otherwise the row says so."""

import pytest

from support.faults import Faced
from support.http_client import format_request
from support.proxy import envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

KINDS = [under_test()] + (["envoy"] if under_test() == "remora" and envoy_binary() else [])
ROUNDS = 8
QUICK = {"request_headers_timeout": "0.2s", "request_timeout": "4s", "delayed_close_timeout": "0.1s"}
HOST = b"Host: a.local\r\n"
LEFT = "0 DC downstream_remote_disconnect"
NOTHING = (None, None)  # A row that Envoy lets pass.


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def standing(kind, module_closing, tmp_path_factory):
    def script(connection):
        """Whoever asks for /held has to wait until he gives up."""
        while (request := connection.read_request_head()) is not None:
            if request.target == "/held":
                connection.read_to_end()
                upstream.cancelled += 1
                return
            connection.read_request_body(request)
            connection.send(reply(200, {}, "served"))

    upstream = Upstream(script=script)
    upstream.cancelled = 0
    module_closing(upstream)
    faced = module_closing(Faced(kind, tmp_path_factory.mktemp("faults"), upstream.port, settings=QUICK, timeout="10s"))
    assert faced.proxy.fetch().status == 200
    faced.remember()
    return faced, upstream


def get(*lines, target=b"/"):
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def row(name, data, status, line, envoy=None):
    return pytest.param(data, (status, line), envoy or (status, line), id=name)


def refused(name, data, detail, envoy=None, status=400, envoy_status=None):
    theirs = NOTHING if envoy is NOTHING else (
        envoy_status or status, f"{envoy_status or status} DPE {envoy or detail}")
    return row(name, data, status, f"{status} DPE {detail}", theirs)


CHUNKED = b"transfer-encoding: chunked"
HOSTILE = [
    row("7-slow-head", b"GET / HTTP/1.1\r\nHo", 408, "408 - request_header_timeout"),
    row("8-slow-body", post(b"content-length: 10", body=b"x"), 408, "408 - request_overall_timeout"),
    row("14-upgrade-not-enabled", get(b"connection: upgrade, close", b"upgrade: websocket"), 403, "403 - upgrade_failed"),
    row("16-connect", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nconnection: close\r\n\r\n", 404, "404 NR route_not_found"),
    refused("17-chunk-extension-with-a-bare-lf", post(CHUNKED, body=b"1;a\nb\r\na\r\n0\r\n\r\n"), "http1.codec_error"),
    refused("17-chunk-that-is-none", post(CHUNKED, body=b"xyz\r\n"), "http1.codec_error"),
    refused("18-two-lengths", post(b"content-length: 1", b"content-length: 2", body=b"ab"),
            "http1.duplicate_content_length", envoy="http1.codec_error"),
    refused("19-length-and-chunks", post(b"content-length: 5", CHUNKED, body=b"0\r\n\r\n"),
            "http1.content_length_and_transfer_encoding", envoy="http1.content_length_and_chunked_not_allowed"),
    refused("20-unknown-coding", post(b"transfer-encoding: gzip", body=b"x"), "http1.unsupported_transfer_encoding",
            status=501, envoy="http1.invalid_transfer_encoding"),
    refused("21-folded-field", get(b"x: a", b" b"), "http1.folded_header", envoy=NOTHING),
    refused("22-nul", get(b"x: a\0b"), "http1.invalid_header_value", envoy="http1.invalid_characters"),
    refused("23-head-too-large", get(b"x: " + b"y" * 70_000), "request_headers_too_large", status=431,
            envoy="http1.headers_too_large"),
    refused("23-too-many-fields", get(*[b"x: y"] * 150), "http1.too_many_headers", status=431),
    refused("23-line-too-long", get(target=b"/" + b"a" * 70_000), "request_target_too_large", status=414, envoy_status=431,
            envoy="http1.headers_too_large"),
]


@pytest.mark.parametrize("data, outcome, envoy", HOSTILE)
def test_a_hostile_client_is_told_and_nothing_is_left(kind, standing, closing, data, outcome, envoy):
    status, line = envoy if kind == "envoy" else outcome
    if status is None:
        pytest.skip("Envoy lets it pass")
    faced, _ = standing
    faced.mark()
    clients = [closing(faced.proxy.connect()) for _ in range(ROUNDS)]
    for client in clients:
        client.send(data)
    for client in clients:
        assert client.response().status == status
        client.read_to_end()  # It is hung up on.
        client.close()
    faced.assert_logged(line, ROUNDS)
    assert faced.proxy.fetch().status == 200
    faced.assert_nothing_left()


@pytest.mark.parametrize("data", [
    pytest.param(format_request(target="/held"), id="whole"),
    pytest.param(b"POST /held HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\npart", id="in-a-body"),
    pytest.param(b"POST /held HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", id="in-a-chunk")])
@pytest.mark.parametrize("leave", ["close", "reset", "half_close"])
def test_a_client_that_leaves_takes_its_request_along(standing, data, leave):
    """Rows 5 and 6. TCP does not tell who only stops sending from who is gone; both proxies take it for the latter."""
    faced, upstream = standing
    faced.mark()
    cancelled, asked = upstream.cancelled, len(upstream.requests)
    clients = []
    for number in range(ROUNDS):
        client = faced.proxy.connect()
        client.send(data)
        upstream.wait_for(asked + number + 1)
        getattr(client, leave)()
        clients.append(client)
    wait_until(lambda: upstream.cancelled == cancelled + ROUNDS, "the upstream told")
    faced.assert_logged(LEFT, ROUNDS)
    for client in clients:
        client.sock.close()
    assert faced.proxy.fetch().status == 200
    faced.assert_nothing_left()


@pytest.mark.remora_only("its answer to such a request has lost its body")
def test_bytes_behind_a_refused_upgrade_are_the_next_request(closing, tmp_path):
    """Row 15: who is refused a tunnel has sent no tunnelled bytes, whatever it believed."""
    upstream = closing(Upstream(answer=lambda request: reply(200, {}, request.target)))
    faced = closing(Faced("remora", tmp_path, upstream.port, settings={"upgrade_configs": [{"upgrade_type": "websocket"}]}))
    with faced.proxy.connect() as client:
        client.send(format_request(target="/upgrade", headers={"connection": "upgrade", "upgrade": "websocket"})
                    + format_request(target="/next"))
        assert client.response().text == "/upgrade"
        assert client.response().text == "/next"
    assert not upstream.broken
