"""The end of a process: SIGTERM lets every request in flight finish, asks clients to go, and is bounded in time."""

import signal
import threading
import time

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.http_client import Client, ConnectionClosed, format_request
from support.upstream import Upstream, reply
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("SIGTERM ends it at once unless it was told to drain before")


@pytest.fixture
def holding(start, closing):
    """A proxy in front of an upstream that answers /hold only once it is released."""

    def begin(*arguments, drain_time=20, **options):
        release = threading.Event()

        def answer(request):
            if request.target == "/hold":
                release.wait(30)
            return reply(200, {}, "answered")

        upstream = closing(Upstream(answer=answer))
        proxy = start(bootstrap([http_listener(route(to="up", timeout="60s"))], [cluster("up", upstream.port)]),
                      *arguments, drain_time=drain_time, **options)
        return proxy, upstream, release

    return begin


def test_request_in_flight_is_answered_before_the_end(holding):
    proxy, upstream, release = holding()
    with proxy.connect() as client:
        client.send(format_request(target="/hold"))
        upstream.wait_for(1)
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: proxy.admin("/ready").status == 503, "draining told to the health checker")
        release.set()
        response = client.response()
        assert (response.status, response.text, response.get("connection")) == (200, "answered", "close")
        client.wait_closed()
    assert proxy.wait() == 0


def test_response_body_in_flight_is_finished(start, closing):
    release = threading.Event()

    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        release.wait(30)
        connection.send(b"half")

    upstream = closing(Upstream(script=script))
    proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", upstream.port)]), drain_time=20)
    with proxy.connect() as client:
        client.send(format_request())
        response = client.read_response_head()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: proxy.admin("/ready").status == 503, "the drain begun")
        release.set()
        client.read_body(response, "GET")
        assert response.body == b"halfhalf"
    assert proxy.wait() == 0


def test_request_body_in_flight_is_taken_whole(holding):
    proxy, upstream, release = holding()
    with proxy.connect() as client:
        client.send(format_request("POST", "/", {"content-length": "8"}) + b"half")
        wait_until(lambda: upstream.requests, "the request on its way")
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: proxy.admin("/ready").status == 503, "the drain begun")
        client.send(b"half")
        assert client.response().status == 200
    assert upstream.last.body == b"halfhalf"
    assert proxy.wait() == 0


def test_drain_ends_at_its_deadline_whatever_is_still_open(holding):
    proxy, upstream, _ = holding(drain_time=1)
    with proxy.connect() as client:
        client.send(format_request(target="/hold"))
        upstream.wait_for(1)
        began = time.monotonic()
        proxy.signal(signal.SIGTERM)
        assert proxy.wait(15) == 0
        assert time.monotonic() - began >= 0.9, "it did not wait for the request at all"


def test_idle_proxy_ends_without_waiting_for_the_drain_time(holding):
    proxy, _, _ = holding(drain_time=600)
    assert proxy.fetch().status == 200
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(30) == 0


def test_idle_connections_do_not_hold_the_end_back(holding, closing):
    proxy, _, _ = holding(drain_time=600)
    for _ in range(5):
        assert closing(proxy.connect()).request().status == 200
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(30) == 0


def test_new_connections_are_refused_or_served_but_never_dropped(holding):
    """With the immediate strategy every answer asks its client to go; the gradual one asks ever more of them."""
    proxy, upstream, release = holding("--drain-strategy", "immediate")
    with proxy.connect() as client:
        client.send(format_request(target="/hold"))
        upstream.wait_for(1)
        port, goodbyes = proxy.port(), []

        def refused():
            try:
                newcomer = Client(port)
            except ConnectionRefusedError:
                return True
            with newcomer:
                response = newcomer.request()
                assert response.status == 200
                goodbyes.append(response.get("connection") == "close")
            return False

        proxy.signal(signal.SIGTERM)
        wait_until(refused, "the listener closed")
        assert goodbyes == sorted(goodbyes), "once it has heard the signal, each answer must ask its client to go"
        release.set()
        assert client.response().status == 200
    assert proxy.wait() == 0


@pytest.mark.parametrize("concurrency", [1, 2])
def test_no_request_is_lost_under_load(holding, concurrency):
    """Clients that keep their connections and clients that open one each: all they began is answered."""
    proxy, upstream, _ = holding(concurrency=concurrency)
    port = proxy.port()
    lost, answered = [], []
    over = threading.Event()

    def one_by_one():
        while not over.is_set():
            try:
                client = Client(port)
            except ConnectionRefusedError:
                return
            with client:
                try:
                    answered.append(client.request("POST", body="x" * 1000).status)
                except (OSError, ConnectionClosed) as error:
                    lost.append(("own connection", repr(error)))
                    return

    def keeping():
        with Client(port) as client:
            while not over.is_set():
                try:
                    response = client.request("POST", body="x" * 1000)
                except (OSError, ConnectionClosed) as error:
                    lost.append(("kept connection", repr(error)))
                    return
                answered.append(response.status)
                if response.get("connection") == "close":
                    return

    threads = [threading.Thread(target=work) for work in [one_by_one] * 3 + [keeping] * 5]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) > 200, "the load under way")
    proxy.signal(signal.SIGTERM)
    code = proxy.wait(60)
    over.set()
    for thread in threads:
        thread.join()
    assert code == 0 and set(answered) == {200}
    assert not lost, f"{len(lost)} lost of {len(lost) + len(answered)}: {lost[:3]}"


def test_second_signal_ends_at_once(holding):
    proxy, upstream, _ = holding(drain_time=600)
    with proxy.connect() as client:
        client.send(format_request(target="/hold"))
        upstream.wait_for(1)
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: proxy.admin("/ready").status == 503, "the drain begun")
        proxy.signal(signal.SIGQUIT)
        proxy.wait(15)
