"""Peers that are slow, greedy or many: memory stays bounded, and nobody else waits."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.http_client import Client, format_request
from support.upstream import Upstream, reply
from support.waiting import wait_until

MIB = 1024 * 1024


def resident(proxy):
    """Bytes of memory that the proxy really uses; 0 for an instrumented build, whose memory is mostly its checker's."""
    with open(f"/proc/{proxy.pid}/maps") as maps:
        if any("libasan" in line or "libtsan" in line for line in maps):
            return 0
    with open(f"/proc/{proxy.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def push(connection, data, limit):
    """Sends until the peer takes no more for a moment, or `limit` bytes are gone; gives how many that were."""
    connection.sock.settimeout(0.5)  # A send that blocks is what is looked for, and its timeout shows it.
    sent = 0
    try:
        while sent < limit:
            sent += connection.sock.send(data)
    except TimeoutError:
        pass
    return sent


class TestBackPressure:
    def test_upload_to_an_upstream_that_does_not_read_is_held_back(self, through):
        done = threading.Event()

        def script(connection):
            connection.read_request_head()
            done.wait(30)

        proxy, _ = through(script=script)
        before = resident(proxy)
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": str(512 * MIB)}))
            assert push(client, bytes(MIB), 512 * MIB) < 64 * MIB
            assert resident(proxy) - before < 48 * MIB
        done.set()

    def test_download_to_a_client_that_does_not_read_is_held_back(self, through):
        pushed = []

        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (512 * MIB))
            pushed.append(push(connection, bytes(MIB), 512 * MIB))

        proxy, _ = through(script=script)
        before = resident(proxy)
        with proxy.connect(receive_buffer=65536) as client:
            client.send(format_request())
            wait_until(lambda: pushed, "the upstream blocked")
            assert pushed[0] < 64 * MIB
            assert resident(proxy) - before < 48 * MIB

    def test_slow_reader_gets_everything_in_the_end(self, through):
        size = 24 * MIB
        proxy, _ = through(answer=lambda _: reply(200, {}, b"z" * size))
        with proxy.connect(receive_buffer=65536) as client:
            client.send(format_request())
            response = client.read_response_head()
            first = client.read_exactly(100_000, "in the body")
            assert proxy.fetch("/other").status == 200, "another client waits for the slow one"
            rest = client.read_exactly(size - 100_000, "in the body")
            assert response.status == 200 and set(first + rest) == {ord("z")}

    def test_upstream_that_reads_late_gets_everything(self, through):
        release = threading.Event()

        def script(connection):
            request = connection.read_request_head()
            release.wait(30)
            connection.read_request_body(request)
            connection.send(reply(200, {}, str(len(request.body))))

        proxy, _ = through(script=script)
        size = 24 * MIB
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": str(size)}))
            sent = push(client, b"u" * 65536, size)
            release.set()
            client.sock.settimeout(20)
            client.send(b"u" * (size - sent))
            assert client.response().text == str(size)


class TestMany:
    def test_idle_connections_are_cheap_and_harmless(self, through, closing):
        proxy, _ = through()
        before = resident(proxy)
        idle = [closing(proxy.connect()) for _ in range(800)]
        for client in idle[::40]:
            assert client.request().status == 200
        assert proxy.wait_stat("http.in.downstream_cx_active", 800) >= 800
        assert resident(proxy) - before < 40 * MIB
        assert proxy.fetch("/").status == 200

    def test_connections_that_come_and_go_leave_nothing_behind(self, through):
        proxy, _ = through()
        for _ in range(300):
            assert proxy.fetch("/").status == 200
        wait_until(lambda: proxy.stat("http.in.downstream_cx_active") == 0, "all connections gone")
        before = resident(proxy)
        for _ in range(1500):
            assert proxy.fetch("/").status == 200
        assert resident(proxy) - before < 8 * MIB

    def test_slow_clients_in_numbers_do_not_stop_a_quick_one(self, through, closing):
        proxy, _ = through()
        slow = [closing(proxy.connect()) for _ in range(200)]
        for client in slow:
            client.send(b"GET / HTTP/1.1\r\nHost: a")
        with proxy.connect() as quick:
            for _ in range(50):
                assert quick.request().status == 200
        for client in slow:
            client.send(b"\r\n\r\n")
        assert {client.response().status for client in slow} == {200}

    def test_many_clusters_and_routes_are_served(self, start, closing):
        upstream = closing(Upstream())
        names = [f"cluster-{index}" for index in range(500)]
        proxy = start(bootstrap([http_listener(*(route(f"/{name}/", to=name) for name in names))],
                                [cluster(name, upstream.port) for name in names]))
        with proxy.connect() as client:
            for name in names[::25]:
                assert client.request(target=f"/{name}/x").status == 200
        assert f"{names[-1]}::127.0.0.1:{upstream.port}::weight::1\n" in proxy.admin("/clusters").text


class TestOddClients:
    def test_client_that_stops_sending_is_taken_for_one_that_left(self, through):
        """TCP does not tell a half-closed client from one that is gone, and a request nobody waits for is cancelled."""
        ended = threading.Event()

        def script(connection):
            connection.read_request()
            connection.read_to_end()
            ended.set()

        proxy, upstream = through(script=script)
        with proxy.connect() as client:
            client.send(format_request())
            upstream.wait_for(1)
            client.half_close()
            assert ended.wait(20), "the upstream request went on"

    @pytest.mark.remora_only("it drops every 1xx")
    def test_endless_interim_responses_are_cut_off(self, through):
        def script(connection):
            connection.read_request()
            try:
                for _ in range(100_000):
                    connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
            except OSError:
                pass

        proxy, _ = through(script=script)
        with proxy.connect() as client:
            client.send(format_request())
            response = client.response()
            assert response.status in (502, 503) and len(response.interim) <= 100

    def test_good_request_before_a_bad_one_is_answered(self, through):
        proxy, upstream = through(answer=lambda request: reply(200, {}, request.target))
        with proxy.connect() as client:
            client.send(format_request(target="/good") + b"bad request line\r\n\r\n")
            assert client.response().text == "/good"
            assert client.response().status == 400
            client.read_to_end()
        assert [request.target for request in upstream.requests] == ["/good"]

    def test_connect_is_not_a_tunnel_unless_asked_for(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(b"CONNECT inner.local:443 HTTP/1.1\r\nHost: inner.local:443\r\n\r\n")
            assert client.response("CONNECT").status in (400, 403, 404, 405, 501)
        assert not upstream.requests

    def test_client_that_never_says_anything_is_just_closed(self, through):
        proxy, _ = through(settings={"common_http_protocol_options": {"idle_timeout": "0.3s"}, "drain_timeout": "0.1s"})
        with Client(proxy.port()) as client:
            client.wait_closed()
