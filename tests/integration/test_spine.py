"""HTTP/1.1 from client to upstream and back: messages, connections, interim responses, trailers, upgrades."""

import hashlib
import os
import threading

import pytest

from support.http_client import chunked, format_request
from support.upstream import echo, reply
from support.waiting import wait_until

MIB = 1024 * 1024


def body_of(size):
    return os.urandom(1024) * (size // 1024) + b"x" * (size % 1024)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class TestMessages:
    def test_get_reaches_the_upstream_and_its_answer_comes_back(self, through):
        proxy, upstream = through(answer=lambda _: reply(200, {"x-kind": "fruit"}, "banana"))
        response = proxy.fetch("/fruit?ripe=1", headers={"x-basket": "a, b"})
        assert (response.status, response.text, response.get("x-kind")) == (200, "banana", "fruit")
        seen = upstream.last
        assert (seen.method, seen.target, seen.version) == ("GET", "/fruit?ripe=1", "HTTP/1.1")
        assert seen.get("host") == "test.local" and seen.get("x-basket") == "a, b"
        assert not seen.has("content-length") and not seen.has("transfer-encoding")

    def test_post_with_content_length_keeps_its_length(self, through):
        proxy, upstream = through()
        assert proxy.fetch("/", "POST", body="twelve bytes").status == 200
        assert upstream.last.body == b"twelve bytes" and upstream.last.get("content-length") == "12"

    def test_empty_post_keeps_its_zero_length(self, through):
        proxy, upstream = through()
        assert proxy.fetch("/", "POST", headers={"content-length": "0"}).status == 200
        assert upstream.last.get("content-length") == "0"

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
    def test_any_method_passes(self, through, method):
        proxy, upstream = through()
        assert proxy.fetch("/", method).status == 200
        assert upstream.last.method == method

    def test_repeated_fields_keep_their_order_and_number(self, through):
        proxy, upstream = through(answer=lambda _: reply(200, [("set-cookie", "a=1"), ("set-cookie", "b=2")]))
        response = proxy.fetch("/", headers=[("x-many", "1"), ("x-many", "2"), ("cookie", "c=1")])
        assert upstream.last.all("x-many") == ["1", "2"]
        assert response.all("set-cookie") == ["a=1", "b=2"]

    def test_field_names_leave_in_lower_case(self, through):
        proxy, upstream = through(answer=lambda _: reply(200, {"X-Shouted": "Yes"}))
        response = proxy.fetch("/", headers={"X-LoUd": "Value"})
        assert ("x-loud", "Value") in upstream.last.headers
        assert ("x-shouted", "Yes") in response.headers

    def test_chunked_request_arrives_chunked_and_whole(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"transfer-encoding": "chunked"}) + chunked(b"ab", b"cde", b"f"))
            assert client.response().status == 200
        assert upstream.last.body == b"abcdef"
        assert upstream.last.get("transfer-encoding") == "chunked" and not upstream.last.has("content-length")

    def test_chunked_response_arrives_whole(self, through):
        proxy, _ = through(answer=lambda _: reply(200, {"transfer-encoding": "chunked"}, chunked(b"one", b"two")))
        response = proxy.fetch("/")
        assert response.body == b"onetwo" and response.get("transfer-encoding") == "chunked"

    def test_chunk_extensions_are_not_passed_on(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"transfer-encoding": "chunked"}))
            client.send(b"3;colour=blue\r\nabc\r\n0;end\r\n\r\n")
            assert client.response().status == 200
        assert upstream.last.body == b"abc"  # The upstream's parser refuses any extension.

    def test_response_without_length_ends_with_the_connection(self, through):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")

        proxy, _ = through(script=script)
        response = proxy.fetch("/")
        assert response.body == b"until the end" and response.get("transfer-encoding") == "chunked"

    @pytest.mark.parametrize("size", [1, 65535, 65536, 3 * MIB + 17])
    @pytest.mark.parametrize("coding", ["length", "chunked"])
    def test_bodies_of_every_size_pass_unchanged_both_ways(self, through, size, coding):
        body = body_of(size)

        def answer(request):
            data = request.body
            if coding == "chunked":
                return reply(200, {"transfer-encoding": "chunked"}, chunked(*pieces(data)))
            return reply(200, {}, data)

        proxy, upstream = through(answer=answer)
        headers = {"transfer-encoding": "chunked"} if coding == "chunked" else {}
        sent = chunked(*pieces(body)) if coding == "chunked" else body
        response = proxy.fetch("/", "POST", headers, sent)
        assert digest(upstream.last.body) == digest(body)
        assert digest(response.body) == digest(body)

    def test_large_body_is_not_held_in_memory(self, through):
        """A reader that stops must stop the writer: the proxy may buffer its limits and no more."""
        sent = threading.Event()

        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (256 * MIB))
            connection.sock.settimeout(0.2)  # A blocked send is what is wanted here, and is found by its timeout.
            count = 0
            try:
                while count < 256:
                    connection.sock.sendall(bytes(MIB))
                    count += 1
            except TimeoutError:
                sent.blocked_after = count
            sent.set()

        proxy, _ = through(script=script)
        with proxy.connect(receive_buffer=65536) as client:
            client.send(format_request())
            assert sent.wait(20), "the upstream neither finished nor blocked"
            assert getattr(sent, "blocked_after", 256) < 64, "the proxy swallowed more than 64 MiB unread"


def pieces(data, size=50_000):
    return [data[index:index + size] for index in range(0, len(data), size)]


class TestConnections:
    def test_one_client_connection_serves_many_requests(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            for index in range(20):
                assert client.request("POST", f"/{index}", body="x" * index).status == 200
        assert [request.target for request in upstream.requests] == [f"/{index}" for index in range(20)]

    def test_upstream_connection_is_reused_by_other_clients(self, through):
        proxy, upstream = through()
        for _ in range(5):
            assert proxy.fetch("/").status == 200
        assert {request.connection for request in upstream.requests} == {0}
        assert proxy.wait_stat("cluster.up.upstream_cx_total") == 1

    def test_connection_close_of_the_client_is_honoured(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            response = client.request(headers={"connection": "close"})
            assert response.status == 200 and response.get("connection") == "close"
            client.wait_closed()
        assert not upstream.last.has("connection")

    def test_connection_close_of_the_upstream_ends_only_its_connection(self, through):
        proxy, upstream = through(answer=lambda _: reply(200, {"connection": "close"}, "bye"))
        with proxy.connect() as client:
            for _ in range(3):
                response = client.request()
                assert response.status == 200 and not response.has("connection")
        assert len({request.connection for request in upstream.requests}) == 3

    def test_hop_by_hop_fields_do_not_pass(self, through):
        proxy, upstream = through(answer=lambda _: reply(200, {"keep-alive": "timeout=5", "x-end": "1"}))
        response = proxy.fetch("/", headers={"keep-alive": "300", "proxy-connection": "keep-alive", "x-end": "1"})
        assert upstream.last.has("x-end") and response.has("x-end")
        for name in ("keep-alive", "proxy-connection"):
            assert not upstream.last.has(name), name
        assert not response.has("keep-alive")

    def test_pipelined_requests_are_answered_in_order(self, through):
        proxy, upstream = through(answer=lambda request: reply(200, {}, request.target))
        with proxy.connect() as client:
            client.send(b"".join(format_request(target=f"/{index}") for index in range(10)))
            assert [client.response().text for _ in range(10)] == [f"/{index}" for index in range(10)]

    def test_pipelined_request_behind_a_body_is_not_taken_for_the_body(self, through):
        proxy, upstream = through(answer=echo)
        with proxy.connect() as client:
            client.send(format_request("POST", "/first", body="GET /smuggled HTTP/1.1\r\n\r\n")
                        + format_request("GET", "/second"))
            assert client.response().status == client.response().status == 200
        assert [request.target for request in upstream.requests] == ["/first", "/second"]

    def test_request_in_single_bytes(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            for byte in format_request("POST", "/slow", {"transfer-encoding": "chunked"}) + chunked(b"abc", b"de"):
                client.send(bytes([byte]))
            assert client.response().status == 200
        assert upstream.last.body == b"abcde"

    def test_response_in_single_bytes(self, through):
        def script(connection):
            connection.read_request()
            for byte in reply(200, {"transfer-encoding": "chunked", "x-a": "b"}, chunked(b"abc", b"de")):
                connection.send(bytes([byte]))
            connection.read_request()

        proxy, _ = through(script=script)
        response = proxy.fetch("/")
        assert response.body == b"abcde" and response.get("x-a") == "b"

    def test_many_clients_at_once_lose_nothing(self, through):
        proxy, upstream = through(answer=lambda request: reply(200, {}, request.body))
        failures = []

        def client(number):
            with proxy.connect() as connection:
                for index in range(20):
                    body = f"{number}-{index}"
                    response = connection.request("POST", "/", body=body)
                    if response.status != 200 or response.text != body:
                        failures.append((body, response))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures and len(upstream.requests) == 320

    def test_http10_client_is_refused_by_default(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.0\r\nhost: a\r\n\r\n")
            assert client.response().status == 426
            client.wait_closed()
        assert not upstream.requests

    def test_http10_client_is_served_when_accepted(self, through):
        proxy, upstream = through(settings={"http_protocol_options": {"accept_http_10": True,
                                                                      "default_host_for_http_10": "old.local"}},
                                  answer=lambda _: reply(200, {"transfer-encoding": "chunked"}, chunked(b"abc")))
        with proxy.connect() as client:
            client.send(b"GET /old HTTP/1.0\r\n\r\n")
            response = client.response()
            assert response.status == 200 and response.body == b"abc"
            assert not response.has("transfer-encoding"), "an HTTP/1.0 client does not know chunks"
        assert upstream.last.get("host") == "old.local" and upstream.last.version == "HTTP/1.1"

    def test_http10_keep_alive_is_honoured(self, through):
        proxy, _ = through(settings={"http_protocol_options": {"accept_http_10": True}})
        with proxy.connect() as client:
            for _ in range(2):
                client.send(b"GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n")
                assert client.response().get("connection") == "keep-alive"


class TestBodiless:
    @pytest.mark.parametrize("length", ["7", None])
    def test_head_has_no_body_and_keeps_the_length_it_was_told(self, through, length):
        headers = {"content-length": length} if length else {"transfer-encoding": "chunked"}
        proxy, upstream = through(answer=lambda _: reply(200, headers))
        with proxy.connect() as client:
            for _ in range(2):  # The second one shows that both connections stayed in step.
                response = client.request("HEAD")
                assert response.status == 200 and response.get("content-length") == length
        assert {request.connection for request in upstream.requests} == {0}

    @pytest.mark.parametrize("status", [204, 304])
    def test_204_and_304_have_no_body(self, through, status):
        proxy, upstream = through(answer=lambda _: reply(status, {"etag": '"a"'}))
        with proxy.connect() as client:
            for _ in range(2):
                response = client.request()
                assert response.status == status and response.get("etag") == '"a"'
                assert not response.has("transfer-encoding")
        assert {request.connection for request in upstream.requests} == {0}

    def test_304_with_a_length_keeps_it_without_waiting_for_a_body(self, through):
        proxy, _ = through(answer=lambda _: reply(304, {"content-length": "1000"}))
        with proxy.connect() as client:
            assert client.request().status == 304
            assert client.request().status == 304


class TestInterim:
    def test_expect_is_answered_by_the_proxy_and_not_passed_on(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"expect": "100-continue", "content-length": "5"}))
            assert client.read_response_head().status == 100
            client.send(b"hello")
            response = client.response()
            assert response.status == 200 and not response.interim
        assert upstream.last.body == b"hello" and not upstream.last.has("expect")

    @pytest.mark.remora_only("Envoy drops every 1xx unless it proxies 100-continue, and then all but the first")
    def test_early_hints_pass_before_the_response(self, through):
        def script(connection):
            while connection.read_request():
                connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
                connection.send(reply(200, {}, "done"))

        proxy, _ = through(script=script)
        with proxy.connect() as client:
            for _ in range(2):
                response = client.request()
                assert response.text == "done"
                assert [(head.status, head.get("link")) for head in response.interim] == [(103, "</a.css>")]

    @pytest.mark.remora_only("Envoy drops every 1xx unless it proxies 100-continue, and then all but the first")
    def test_several_interim_responses_keep_their_order(self, through):
        def script(connection):
            connection.read_request()
            for number in range(3):
                connection.send(f"HTTP/1.1 103 Early Hints\r\nx-number: {number}\r\n\r\n")
            connection.send(reply(200))
            connection.read_request()

        proxy, _ = through(script=script)
        response = proxy.fetch("/")
        assert [head.get("x-number") for head in response.interim] == ["0", "1", "2"]

    def test_100_of_the_upstream_is_not_passed_on(self, through):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, {}, "done"))
            connection.read_request()

        proxy, _ = through(script=script)
        response = proxy.fetch("/")
        assert response.text == "done" and not response.interim


class TestTrailers:
    def test_request_trailers_are_dropped_by_default(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"transfer-encoding": "chunked"})
                        + chunked(b"abc", trailers=[("x-sum", "1")]))
            assert client.response().status == 200
            assert client.request().status == 200
        assert upstream.requests[0].body == b"abc" and not upstream.requests[0].trailers

    def test_response_trailers_are_dropped_by_default(self, through):
        proxy, _ = through(answer=lambda _: reply(200, {"transfer-encoding": "chunked"},
                                                  chunked(b"abc", trailers=[("x-sum", "1")])))
        with proxy.connect() as client:
            for _ in range(2):
                response = client.request()
                assert response.body == b"abc" and not response.trailers


class TestUpgrade:
    UPGRADE = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": "dGhlIHNhbXBsZQ=="}
    SETTINGS = {"upgrade_configs": [{"upgrade_type": "websocket"}]}

    @staticmethod
    def shouting(connection):
        request = connection.read_request_head()
        if request is None:
            return
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        connection.send(connection.buffer.upper())
        while data := connection.sock.recv(65536):
            connection.send(data.upper())

    def test_websocket_becomes_a_tunnel_after_101(self, through):
        proxy, upstream = through(script=self.shouting, settings=self.SETTINGS)
        with proxy.connect() as client:
            response = client.request(headers=self.UPGRADE)
            assert response.status == 101 and response.get("upgrade").lower() == "websocket"
            client.send(b"\x81\x05hello")
            assert client.read_exactly(7, "in the tunnel") == b"\x81\x05HELLO"
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert client.read_exactly(18, "in the tunnel") == b"GET / HTTP/1.1\r\n\r\n"
        assert upstream.last.get("upgrade") == "websocket" and upstream.last.get("connection").lower() == "upgrade"
        wait_until(lambda: proxy.stat("http.in.downstream_cx_upgrades_active") == 0, "the tunnel counted as closed")
        assert proxy.stat("http.in.downstream_cx_upgrades_total") == 1

    def test_end_of_the_upstream_ends_the_tunnel(self, through):
        def script(connection):
            connection.read_request_head()
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nbye")

        proxy, _ = through(script=script, settings=self.SETTINGS)
        with proxy.connect() as client:
            assert client.request(headers=self.UPGRADE).status == 101
            assert client.read_to_end() == b"bye"

    def test_upgrade_that_is_not_enabled_is_forbidden(self, through):
        proxy, upstream = through(script=self.shouting)
        assert proxy.fetch("/", headers=self.UPGRADE).status == 403
        assert not upstream.requests

    def test_refused_upgrade_is_an_ordinary_response(self, through):
        proxy, _ = through(answer=lambda _: reply(400, {}, "no sockets here"), settings=self.SETTINGS)
        response = proxy.fetch("/", headers=self.UPGRADE)
        assert response.status == 400 and response.text == "no sockets here"

    @pytest.mark.remora_only("Envoy passes a 101 on that nobody asked for")
    def test_101_without_being_asked_is_an_upstream_error(self, through):
        proxy, _ = through(script=self.shouting)
        with proxy.connect() as client:
            assert client.request().status in (502, 503)

    def test_h2c_upgrade_is_not_passed_on(self, through):
        proxy, upstream = through(answer=echo)
        response = proxy.fetch("/", headers={"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c",
                                             "http2-settings": "AAMAAABkAAQAAP__"})
        assert response.status in (200, 403)
        for request in upstream.requests:
            assert not request.has("upgrade") and not request.has("http2-settings")
