"""Mutated messages from both sides: whatever arrives, the proxy lives, answers well-formed HTTP and keeps others apart.

The bytes come from a fixed seed; REMORA_FUZZ_SEED and REMORA_FUZZ_ROUNDS make it another, longer run.
"""

import os
import random

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.http_client import Client, chunked, format_request
from support.proxy import Proxy
from support.upstream import Upstream, reply

SEED = int(os.environ.get("REMORA_FUZZ_SEED", "1"))
ROUNDS = int(os.environ.get("REMORA_FUZZ_ROUNDS", "400"))
PAUSE = 0.05  # How long a mutated message may leave the proxy waiting for more before the connection is dropped.

REQUESTS = [
    format_request(), format_request("POST", "/a?b=c", {"x": "y"}, "body"), format_request("HEAD", "/"),
    format_request("POST", "/", {"transfer-encoding": "chunked"}) + chunked(b"abc", b"defgh", trailers=[("x", "y")]),
    format_request("GET", "http://other.local/path", {"connection": "close"}),
    format_request("GET", "/", {"connection": "upgrade", "upgrade": "websocket"}),
    format_request("POST", "/", {"expect": "100-continue", "content-length": "3"}) + b"abc",
    format_request() + format_request("POST", "/2", body="x") + format_request("GET", "/3"),
]
RESPONSES = [
    reply(200, {"x": "y"}, "body"), reply(204), reply(304, {"etag": "a"}), reply(500, {}, "error"),
    reply(200, {"transfer-encoding": "chunked"}, chunked(b"abc", b"defgh", trailers=[("x", "y")])),
    b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + reply(200, {}, "x"), b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nbytes",
]
PIECES = [b"\r\n", b"\n", b"\r", b"\0", b": ", b":", b" ", b"\t", b",", b";", b"0", b"ffffffffffffffff", b"-1", b"chunked", b"\x80\xff",
          b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n", b"HTTP/1.1", b"%00", b"#", b"\r\n\r\n", b"x" * 5000]


def mutate(chance, data):
    """One to four random edits: bytes changed, removed, repeated, cut off, or a telling piece put in."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at:at + chance.randint(1, 8)]
        elif kind == 2:
            data[at:at] = data[at:at + chance.randint(1, 40)]
        elif kind == 3:
            data = data[:at]
        else:
            data[at:at] = chance.choice(PIECES)
    return bytes(data)


def send_in_parts(chance, connection, data):
    """The same bytes, cut at random places."""
    while data:
        count = chance.choice((1, 7, 100, len(data)))
        connection.send(data[:count])
        data = data[count:]


def read_what_comes(connection):
    connection.sock.settimeout(PAUSE)
    seen = b""
    try:
        while data := connection.sock.recv(65536):
            seen += data
    except (TimeoutError, ConnectionError):
        pass
    return seen


@pytest.fixture(scope="module")
def peers():
    upstream = Upstream(answer=lambda request: reply(200, {}, "fine"))
    front = http_listener(route("/", to="up", timeout="2s"), delayed_close_timeout="0.1s",
                          upgrade_configs=[{"upgrade_type": "websocket"}])
    with upstream, Proxy(bootstrap([front], [cluster("up", upstream.port)])) as proxy:
        yield proxy, upstream


def test_mutated_requests(peers):
    proxy, upstream = peers
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        data = mutate(chance, chance.choice(REQUESTS))
        with Client(proxy.port()) as client:
            try:
                send_in_parts(chance, client, data)
            except OSError:
                pass  # Closed on us while we were sending: an answer as good as any.
            seen = read_what_comes(client)
        assert not seen or seen.startswith(b"HTTP/1.1 "), (data, seen)
        assert proxy.running, f"died of request {number}: {data!r}\n{proxy.tail()}"
        upstream.forget()
    assert proxy.fetch().text == "fine"
    assert not [error for error in upstream.errors if "bad" in str(error)], "what reached the upstream was malformed"


def test_mutated_responses(start, closing):
    chance = random.Random(SEED)
    sent = []

    def script(connection):
        if connection.read_request() is None:
            return
        sent.append(mutate(chance, chance.choice(RESPONSES)))
        try:
            send_in_parts(chance, connection, sent[-1])
            read_what_comes(connection)
        except OSError:
            pass

    upstream = closing(Upstream(script=script))
    good = closing(Upstream("good"))
    proxy = start(bootstrap([http_listener(route("/good", to="good"), route(to="up", timeout="2s"),
                                           upgrade_configs=[{"upgrade_type": "websocket"}])],
                            [cluster("up", upstream.port), cluster("good", good.port)]))
    for number in range(ROUNDS // 2):
        with Client(proxy.port()) as client:
            client.send(format_request(chance.choice(("GET", "HEAD", "POST"))))
            seen = read_what_comes(client)
        assert not seen or seen.startswith(b"HTTP/1.1 "), (sent[-1], seen)
        assert proxy.running, f"died of response {number}: {sent[-1]!r}\n{proxy.tail()}"
    assert proxy.fetch("/good").text == "good"
