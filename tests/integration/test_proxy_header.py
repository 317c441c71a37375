"""What upstreams hear of the client by PROXY protocol: both versions, in front of plain text and of TLS, and whom a connection is for."""

import socket
import ssl
import struct
import threading

import pytest

from support import bootstrap as b
from support.certificates import Authority, upstream_tls
from support.http_client import Client
from support.tcp import Server, connect, read_all
from support.waiting import wait_until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
RAW = {"name": "envoy.transport_sockets.raw_buffer",
       "typed_config": b.typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")}
LOCALHOST = socket.inet_aton("127.0.0.1")


def wrapped(inner=None, **config):
    return {"name": "envoy.transport_sockets.upstream_proxy_protocol", "typed_config": b.typed(
        "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        config=config, transport_socket=inner or RAW)}


def exactly(connection, size):
    piece = connection.recv(size, socket.MSG_WAITALL)
    assert len(piece) == size, piece
    return piece


def read_header(connection):
    """A header of version 1 as a string, one of version 2 as command, family and payload. Reads not a byte more."""
    start = exactly(connection, 12)
    if start != SIGNATURE:
        while not start.endswith(b"\r\n"):
            start += exactly(connection, 1)
        return start.decode()
    command, family, length = struct.unpack("!BBH", exactly(connection, 4))
    return command, family, exactly(connection, length)


class Upstream(Server):
    """Reads a header, and then answers every request, or every byte, with what it has read. `pair`: speaks TLS behind the header."""

    def __init__(self, pair=None, http=True):
        self.headers, self.http, self.context = [], http, None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pair.certificate, pair.key)
        super().__init__(self.answer)

    def answer(self, connection):
        header = read_header(connection)
        self.headers.append(header)
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        text, received = repr(header).encode(), b""
        while piece := connection.recv(65536):
            received += piece
            if not self.http:
                connection.sendall(text)
                break
            while b"\r\n\r\n" in received:
                received = received.split(b"\r\n\r\n", 1)[1]
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
        connection.close()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def behind(start, closing):
    """The upstream and a proxy in front of it, whose transport socket is `around`."""
    def begin(around, pair=None, chain=None, **more):
        upstream = closing(Upstream(pair, http=chain is None))
        fields = more.pop("listener", {})
        listener = b.listener(chain, **fields) if chain else b.http_listener(b.route(to="up"), **fields)
        return upstream, start(b.bootstrap([listener], [b.cluster("up", upstream.port, transport_socket=around, **more)]))
    return begin


def line(connection, proxy):
    source, target = connection.getsockname()[1], proxy.port("in")
    return f"PROXY TCP4 127.0.0.1 127.0.0.1 {source} {target}\r\n"


def block(connection, proxy):
    return LOCALHOST + LOCALHOST + struct.pack("!HH", connection.getsockname()[1], proxy.port("in"))


def talk(proxy):
    """The bytes that a connection through the TCP proxy gets back, and the connection's own end as the header should say it."""
    with connect(proxy.port("in")) as connection:
        connection.sendall(b"x")
        return read_all(connection).decode(), line(connection, proxy), block(connection, proxy)


# ------------------------------------------------------------------------------------------------ what is said

def test_a_line_tells_who_connects(behind):
    upstream, proxy = behind(wrapped(version="V1"), chain=b.tcp_proxy("up"))
    answer, wanted, _ = talk(proxy)
    assert upstream.headers == [wanted] and answer == repr(wanted)
    assert proxy.stat("cluster.up.upstream_cx_tx_bytes_total") == len(wanted) + 1, "the header is among what was sent"


def test_a_block_tells_the_same_and_what_is_added(behind):
    upstream, proxy = behind(wrapped(version="V2", added_tlvs=[
        {"type": 0xE0, "value": "YWJj"}, {"type": 0xE1, "value": "ZA=="}]), chain=b.tcp_proxy("up"))
    wanted = talk(proxy)[2] + b"\xe0\0\3abc" + b"\xe1\0\1d"
    assert upstream.headers == [(0x21, 0x11, wanted)]


def test_the_header_comes_before_tls(behind, ca):
    pair = ca.issue("server", "DNS:up.test")
    upstream, proxy = behind(wrapped(upstream_tls(ca=ca, sni="up.test"), version="V1"), pair=pair, chain=b.tcp_proxy("up"))
    answer, wanted, _ = talk(proxy)
    assert upstream.headers == [wanted] and answer == repr(wanted)


def test_whom_a_listener_has_heard_of_is_told_on(behind):
    fields = {"listener_filters": [b.listener_filter("proxy_protocol")]}
    upstream, proxy = behind(wrapped(), chain=b.tcp_proxy("up"), listener=fields)
    with connect(proxy.port("in")) as connection:
        connection.sendall(b"PROXY TCP6 2001:db8::1 2001:db8::2 1000 2000\r\nx")
        read_all(connection)
    assert upstream.headers == ["PROXY TCP6 2001:db8::1 2001:db8::2 1000 2000\r\n"]


def test_a_check_is_made_for_nobody(behind):
    check = {"timeout": "5s", "interval": "100s", "unhealthy_threshold": 1, "healthy_threshold": 1,
             "http_health_check": {"path": "/"}}
    upstream, proxy = behind(wrapped(version="V2"), health_checks=[check])
    wait_until(lambda: upstream.headers, "the check has come")
    assert upstream.headers[0] == (0x20, 0, b"")
    assert proxy.stat("cluster.up.health_check.success") == 1


def test_a_check_tells_its_own_ends_in_a_line(behind):
    check = {"timeout": "5s", "interval": "100s", "unhealthy_threshold": 1, "healthy_threshold": 1,
             "http_health_check": {"path": "/"}}
    upstream, _ = behind(wrapped(), health_checks=[check])
    wait_until(lambda: upstream.headers, "the check has come")
    source = upstream.connections[0].getpeername()[1]
    assert upstream.headers[0] == f"PROXY TCP4 127.0.0.1 127.0.0.1 {source} {upstream.port}\r\n"


# ------------------------------------------------------------------------------------------------ whom a connection is for

def test_connections_are_for_one_client_each(behind):
    upstream, proxy = behind(wrapped())
    with Client(proxy.port("in")) as first, Client(proxy.port("in")) as second:
        for _ in range(2):
            for client in (first, second):
                assert client.request().body.decode() == repr(line(client.sock, proxy))
        assert len(upstream.headers) == 2, "each client's requests share one"
        assert sorted(upstream.headers) == sorted(line(client.sock, proxy) for client in (first, second))
    assert proxy.stat("cluster.up.upstream_cx_total") == 2


def test_hosts_without_the_wrapper_share_connections(start, closing):
    """The host decides by its metadata which socket it gets."""
    upstream, plain = closing(Upstream()), closing(Server(plain_answer))
    hosts = [b.endpoint(upstream.port), b.endpoint(plain.port)]
    hosts[0]["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"told": "yes"}}}
    proxy = start(b.bootstrap([b.http_listener(b.route(to="up"))], [b.cluster("up", *hosts, transport_socket_matches=[
        {"name": "told", "match": {"told": "yes"}, "transport_socket": wrapped()}])]))
    for _ in range(3):
        with Client(proxy.port("in")) as client:
            answers = {client.request().body.decode() for _ in range(4)}
            assert answers == {"plain", repr(line(client.sock, proxy))}
    assert len(upstream.headers) == 3 and len(plain.connections) <= 2 < 3


def plain_answer(connection):
    while b"\r\n\r\n" in connection.recv(65536):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain")
    connection.close()


def test_many_at_once_are_not_mixed_up(behind):
    upstream, proxy = behind(wrapped(version="V2"))
    wrong = []

    def ask():
        with Client(proxy.port("in")) as client:
            for _ in range(10):
                if client.request().body.decode() != repr((0x21, 0x11, block(client.sock, proxy))):
                    wrong.append(client)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and len(upstream.headers) == 8
