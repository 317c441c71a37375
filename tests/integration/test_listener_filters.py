"""What looks at a connection before its filter chain is chosen: PROXY headers, TLS and HTTP inspectors, their limits.

Everything here holds for Envoy as well, unless a test says why not.
"""

import socket
import struct

import pytest

from support import bootstrap as b
from support.certificates import Authority
from support.http_client import Client
from support.proxy import Proxy
from support.tcp import Server, client_hello, connect, echo, greeter, is_over, proxy_v1, proxy_v2, read_all
from support.waiting import wait_until

REQUEST = b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n"
ADDRESSES = "%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_LOCAL_ADDRESS%"
LISTENER = "listener.127.0.0.1_0."


def reporting(text=ADDRESSES, **more):
    """A connection manager that answers with a header `seen` made from a format."""
    seen = [{"header": {"key": "seen", "value": text}}]
    return b.http(route_config=b.routing(b.virtual_host(b.route("/", respond=(200, "ok"))),
                                         response_headers_to_add=seen), **more)


def listener(*filters, chains=None, **more):
    result = b.listener(reporting(), listener_filters=list(filters), **more)
    return {**result, "filter_chains": chains} if chains else result


def proxy_filter(**more):
    return b.listener_filter("proxy_protocol", **more)


def seen(proxy, first_bytes, pieces=None):
    """The header `seen` of the answer to a request behind `first_bytes`; None if the connection just ends."""
    with Client(proxy.port()) as client:
        for piece in pieces or [first_bytes + REQUEST]:
            client.sock.sendall(piece)
        try:
            return client.response().get("seen")
        except (AssertionError, ConnectionResetError):
            return None


# ------------------------------------------------------------------------------------------------ PROXY protocol

V2_LOCAL = proxy_v2("10.0.0.1", 1, "10.0.0.2", 2, command=0)
V1_UNKNOWN = b"PROXY UNKNOWN ff:ff whatever 1 2\r\n"
GOOD = [
    (proxy_v1("10.1.2.3", 1234, "10.1.2.4", 443), "10.1.2.3:1234|10.1.2.4:443"),
    (proxy_v1("2001:db8::1", 1, "2001:db8::2", 65535), "[2001:db8::1]:1|[2001:db8::2]:65535"),
    (proxy_v2("10.1.2.3", 1234, "10.1.2.4", 443), "10.1.2.3:1234|10.1.2.4:443"),
    (proxy_v2("2001:db8::1", 1, "2001:db8::2", 2, [(4, b"\0" * 300), (0x20, b"")]),
     "[2001:db8::1]:1|[2001:db8::2]:2"),
]
BAD = [
    b"PROXY TCP4 10.1.2.3 10.1.2.4 1234\r\n",
    b"PROXY TCP4 10.1.2.3 10.1.2.4 1234 99999\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP4 224.0.0.1 10.1.2.4 1 2\r\n",
    b"PROXY UDP4 10.1.2.3 10.1.2.4 1 2\r\n",
    b"PROXY UNKNOWN " + b"a" * 200 + b"\r\n",
    b"PROXY TCP4 " + b"1" * 300,
    b"PROX" + b"Y" * 40,
    b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x11, 0x11, 12) + b"\1" * 12,  # version 1 in a version 2 header
    b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x31, 216) + b"u" * 216,  # Unix addresses
    b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, 11) + b"\1" * 11,  # too short for its addresses
    proxy_v2("10.1.2.3", 1, "10.1.2.4", 2)[:-12] + b"\0" * 12,  # from nowhere
    proxy_v2("10.1.2.3", 1, "10.1.2.4", 2)[:14] + struct.pack("!H", 15) + proxy_v2("10.1.2.3", 1, "10.1.2.4", 2)[16:]
    + b"\x04\x00\x09",  # a TLV that ends behind the header
]


@pytest.fixture(name="behind_proxy", scope="module")
def fixture_behind_proxy():
    with Proxy(b.bootstrap([listener(proxy_filter())])) as proxy:
        yield proxy


@pytest.mark.parametrize("header, expected", GOOD)
def test_proxy_headers_say_who_the_client_is(behind_proxy, header, expected):
    assert seen(behind_proxy, header) == expected
    bytewise = [bytes([byte]) for byte in header] + [REQUEST]
    assert seen(behind_proxy, b"", bytewise) == expected


@pytest.mark.parametrize("header", [V2_LOCAL, V1_UNKNOWN])
def test_headers_without_addresses_leave_the_connections_own(behind_proxy, header):
    assert seen(behind_proxy, header).startswith("127.0.0.1:")


@pytest.mark.parametrize("header", BAD)
def test_bad_proxy_headers_end_the_connection(behind_proxy, header):
    before = behind_proxy.stat("http.in.downstream_cx_total")
    assert seen(behind_proxy, header) is None
    assert behind_proxy.stat("http.in.downstream_cx_total") == before


def test_who_sends_no_proxy_header_is_refused_or_served():
    with Proxy(b.bootstrap([listener(proxy_filter())])) as strict:
        assert seen(strict, b"") is None
        assert strict.stat("proxy_proto.not_found_disallowed") == 1
    with Proxy(b.bootstrap([listener(proxy_filter(allow_requests_without_proxy_protocol=True))])) as lenient:
        assert seen(lenient, b"").startswith("127.0.0.1:")
        assert seen(lenient, GOOD[0][0]) == GOOD[0][1]
        assert lenient.stat("proxy_proto.not_found_allowed") == 1
        assert lenient.stat("proxy_proto.versions.v1.found") == 1


def test_disallowed_versions():
    with Proxy(b.bootstrap([listener(proxy_filter(disallowed_versions=["V1"]))])) as proxy:
        assert seen(proxy, GOOD[0][0]) is None
        assert seen(proxy, GOOD[2][0]) == GOOD[2][1]
        assert proxy.stat("proxy_proto.versions.v1.disallowed") == 1
        assert proxy.stat("proxy_proto.versions.v2.found") == 1


def test_tlvs_become_metadata():
    rules = [{"tlv_type": 0xEA, "on_tlv_present": {"key": "vpc"}},
             {"tlv_type": 0xEB, "on_tlv_present": {"metadata_namespace": "mine", "key": "id"}}]
    text = "TLV %DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:vpc)%|%DYNAMIC_METADATA(mine:id)%\n"
    log = {"name": "log", "typed_config": b.typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                                                  log_format={"text_format_source": {"inline_string": text}})}
    with Server(greeter(b"ready")) as server:
        config = b.listener(b.tcp_proxy("up", access_log=[log]), listener_filters=[proxy_filter(rules=rules)])
        with Proxy(b.bootstrap([config], [b.cluster("up", server.port)])) as proxy:
            with connect(proxy.port()) as connection:
                connection.sendall(proxy_v2("10.1.2.3", 1, "10.1.2.4", 2, [(0xEA, b"vpc-7"), (4, b"x"), (0xEB, b"42")]))
                assert connection.recv(5) == b"ready"
            line = wait_until(lambda: next((line for line in proxy.log.splitlines() if line.startswith("TLV")), None),
                              "the connection's log line")
            assert line.replace('"', "") == "TLV vpc-7|42"


# ------------------------------------------------------------------------------------------------ inspectors

def chain(cluster, **match):
    return {"name": cluster, "filter_chain_match": match, "filters": [b.tcp_proxy(cluster)]}


INSPECTED = [chain("c1", transport_protocol="tls", application_protocols=["h2"]), chain("c2", transport_protocol="tls"),
             chain("c3", application_protocols=["h2c"]), chain("c4", application_protocols=["http/1.1"]),
             chain("c5", application_protocols=["http/1.0"]), chain("c6")]
FIRST_BYTES = [
    (client_hello("a.test", ["h2", "http/1.1"]), b"1"),
    (client_hello("a.test"), b"2"),
    (client_hello(None, ["http/1.1"]), b"2"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"3"),
    (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"4"),
    (b"POST /x HTTP/1.0\r\n\r\n", b"5"),
    (b"\x00\x01\x02\x03\x04\x05", b"6"),
    (b"\r\nGET / HTTP/1.1\r\n", b"6"),
    (b"\x16\x03\x01\x00\x05\x0e\x00\x00\x01\x00", b"6"),  # a handshake record that is no ClientHello
]


@pytest.fixture(name="inspecting", scope="module")
def fixture_inspecting():
    servers = {f"c{i}": Server(greeter(str(i).encode())) for i in range(1, 7)}
    config = listener(b.listener_filter("tls_inspector"), b.listener_filter("http_inspector"), chains=INSPECTED)
    with Proxy(b.bootstrap([config], [b.cluster(name, server.port) for name, server in servers.items()])) as proxy:
        yield proxy
    for server in servers.values():
        server.__exit__()


@pytest.mark.parametrize("first_bytes, expected", FIRST_BYTES)
def test_the_first_bytes_tell_the_protocol(inspecting, first_bytes, expected):
    for pieces in ([first_bytes], [first_bytes[:7], first_bytes[7:]]):
        with connect(inspecting.port()) as connection:
            for piece in pieces:
                connection.sendall(piece)
            assert connection.recv(1) == expected


def test_inspectors_count_what_they_find(inspecting):
    names = ["tls_found", "tls_not_found", "sni_found", "sni_not_found", "alpn_found", "alpn_not_found"]
    before = inspecting.stats("^tls_inspector|^http_inspector")
    for first_bytes, _ in FIRST_BYTES[:7]:
        with connect(inspecting.port()) as connection:
            connection.sendall(first_bytes)
            assert connection.recv(1)
    after = inspecting.stats("^tls_inspector|^http_inspector")
    more = {name: after[name] - before[name] for name in after}
    assert [more[f"tls_inspector.{name}"] for name in names] == [3, 4, 2, 1, 2, 1]
    assert [more[f"http_inspector.{name}"] for name in ("http2_found", "http11_found", "http10_found",
                                                         "http_not_found")] == [1, 1, 1, 1]


def test_what_was_looked_at_still_reaches_the_upstream():
    with Server(echo) as server:
        filters = [b.listener_filter(kind) for kind in ("proxy_protocol", "tls_inspector", "http_inspector")]
        config = b.listener(b.tcp_proxy("up"), listener_filters=filters)
        with Proxy(b.bootstrap([config], [b.cluster("up", server.port)])) as proxy:
            for said in (client_hello("a.test"), b"GET / HTTP/1.1\r\n", b"\0" * 1000):
                with connect(proxy.port()) as connection:
                    connection.sendall(GOOD[3][0] + said)
                    if proxy.kind == "envoy":  # which resets who ends at once
                        assert connection.recv(1) == said[:1]
                    connection.shutdown(socket.SHUT_WR)
                    assert read_all(connection) == said[proxy.kind == "envoy":] + b"bye"


def test_a_client_hello_has_its_limit(inspecting):
    """16 KiB over all records, however slowly they come."""
    before = inspecting.stat("tls_inspector.client_hello_too_large")
    with connect(inspecting.port()) as connection:
        record = b"\x16\x03\x01" + struct.pack("!H", 1024) + (b"\x01\x00\x3f\xf0" + b"a" * 1020)
        connection.sendall(record)
        try:
            for _ in range(20):
                connection.sendall(b"\x16\x03\x01" + struct.pack("!H", 1024) + b"a" * 1024)
        except OSError:
            pass  # it had seen enough
        assert is_over(connection)
    assert inspecting.stat("tls_inspector.client_hello_too_large") == before + 1


def test_who_says_nothing_is_not_waited_for():
    filters = [b.listener_filter("tls_inspector")]
    impatient = b.listener(reporting(), name="end", listener_filters=filters, listener_filters_timeout="0.3s",
                           stat_prefix="end")
    with Server(greeter(b"ready")) as server:
        patient = b.listener(b.tcp_proxy("up"), name="go_on", listener_filters=filters, stat_prefix="go_on",
                             listener_filters_timeout="0.3s", continue_on_listener_filters_timeout=True)
        with Proxy(b.bootstrap([impatient, patient], [b.cluster("up", server.port)])) as proxy:
            with connect(proxy.port("end")) as connection:
                proxy.wait_stat("listener.end.downstream_pre_cx_active")
                assert is_over(connection)
            assert proxy.stat("listener.end.downstream_pre_cx_timeout") == 1
            wait_until(lambda: proxy.stat("listener.end.downstream_pre_cx_active") == 0, "it is gone")
            assert proxy.stat("listener.end.downstream_cx_total") == 0
            with connect(proxy.port("go_on")) as connection:
                assert connection.recv(5) == b"ready"
            assert proxy.stat("listener.go_on.downstream_pre_cx_timeout") == 1


def test_who_leaves_while_being_looked_at_leaves_nothing_behind(inspecting):
    before = inspecting.stat(LISTENER + "downstream_listener_filter_remote_close")
    hello = client_hello("a.test")
    for first_bytes in (b"", hello[:1], hello[:100], b"GET /half"):
        with connect(inspecting.port()) as connection:
            connection.sendall(first_bytes)
    inspecting.wait_stat(LISTENER + "downstream_listener_filter_remote_close", before + 4)
    wait_until(lambda: inspecting.stat(LISTENER + "downstream_pre_cx_active") == 0, "all are gone")


def test_a_handshake_that_does_not_come_ends(tmp_path):
    authority = Authority(tmp_path)
    chain_with_tls = {"filters": [reporting()], "transport_socket_connect_timeout": "0.3s",
                      "transport_socket": tls_socket(authority.issue("server", "DNS:a.test"))}
    config = {**b.listener(), "filter_chains": [chain_with_tls]}
    with Proxy(b.bootstrap([config])) as proxy:
        with connect(proxy.port()) as connection:
            assert is_over(connection)
        with connect(proxy.port()) as connection:
            connection.sendall(client_hello("a.test"))
            assert connection.recv(1) == b"\x16"  # the server's half; ours does not follow
            while connection.recv(65536):
                pass
        assert proxy.stat(LISTENER + "downstream_cx_transport_socket_connect_timeout") == 2
        wait_until(lambda: proxy.stat(LISTENER + "downstream_cx_active") == 0, "both are gone")


def tls_socket(pair):
    return {"name": "envoy.transport_sockets.tls", "typed_config": b.typed(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={"tls_certificates": [pair.config()]})}
