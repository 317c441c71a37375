"""The end of a sidecar: inbound goes first, what the application calls goes on until it has ended, then the proxy ends."""

import signal
import subprocess
import threading
import time

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, listener, route, tcp_proxy
from support.http_client import Client, format_request
from support.proxy import bin_dir
from support.upstream import Upstream, reply
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("the order in which a sidecar ends is Remora's own; Envoy leaves it to Istio's agent")

ORDER = ("--drain-order", "inbound-first")


class Pod:
    """A sidecar with the application behind `in` and the rest of the mesh behind `out` and `raw`.

    /hold is answered by both once `release` is set.
    """

    def __init__(self, start, closing, *arguments, **options):
        self.release = threading.Event()
        self.application, self.others = (closing(Upstream(answer=self.answer)) for _ in range(2))
        inbound, outbound = http_listener(route(to="application", timeout="60s"), drain_timeout="0.5s"), http_listener(route(to="others", timeout="60s"), name="out")
        self.proxy = start(bootstrap(
            [{**inbound, "traffic_direction": "INBOUND"}, {**outbound, "traffic_direction": "OUTBOUND"},
             {**listener(tcp_proxy("others"), name="raw"), "traffic_direction": "OUTBOUND"},
             http_listener(route(path="/healthz/ready", to="admin", prefix_rewrite="/ready"), name="ready", drain_timeout="0.5s")],
            [cluster("application", self.application.port), cluster("others", self.others.port), cluster("admin", 1)]),
            *arguments, **options)
        for name in ("in", "out", "raw", "ready"):
            self.proxy.port(name)

    def answer(self, request):
        if request.target == "/hold":
            self.release.wait(30)
        return reply(200, {}, "answered")

    def terminate(self):
        self.proxy.signal(signal.SIGTERM)
        wait_until(lambda: self.proxy.admin("/ready").status == 503, "the end told to health checks")

    def call(self, **options):
        """The application calls somebody, on a connection of its own."""
        return self.proxy.fetch(listener="out", **options)

    def inbound_refused(self):
        try:
            with Client(self.proxy.port()):
                return False
        except ConnectionRefusedError:
            return True


@pytest.fixture
def pod(start, closing):
    return lambda *arguments, **options: Pod(start, closing, *arguments, **options)


def test_draining_inbound_only_leaves_new_outbound_connections_alone(pod):
    """A failing test first: every connection that began during such a drain was told to end."""
    mine = pod()
    assert mine.proxy.admin("/drain_listeners?inboundonly&graceful&skip_exit", "POST").status == 200
    with mine.proxy.connect("out") as client:
        for _ in range(2):
            response = client.request()
            assert response.status == 200 and not response.has("connection")


def test_requests_in_flight_end_well_and_the_application_may_call_others_until_it_has_ended(pod):
    mine = pod(*ORDER, drain_time=30)
    with mine.proxy.connect() as caller, mine.proxy.connect("out") as application:
        caller.send(format_request(target="/hold"))
        mine.application.wait_for(1)
        mine.terminate()
        wait_until(mine.inbound_refused, "nothing more comes in")
        for _ in range(3):
            assert mine.call().status == 200
            response = application.request()
            assert response.status == 200 and not response.has("connection"), "a kept connection stays one"
        mine.release.set()
        response = caller.response()
        assert (response.status, response.get("connection")) == (200, "close")
        caller.wait_closed()
        assert mine.call(target="/hold").status == 200 and mine.proxy.running
    assert mine.proxy.wait() == 0


def test_within_the_minimum_time_inbound_is_still_served_and_told_to_go(pod):
    mine = pod(*ORDER, "--minimum-drain-time-s", 2, drain_time=30)
    began = time.monotonic()
    mine.terminate()
    with mine.proxy.connect() as late:
        response = late.request()
        assert (response.status, response.get("connection")) == (200, "close")
    assert mine.proxy.wait() == 0
    assert time.monotonic() - began >= 1.9, "nobody was connected, and yet the minimum time holds"


def test_an_idle_sidecar_ends_at_once_even_if_it_is_asked_for_its_metrics(pod):
    mine = pod(*ORDER, drain_time=600)
    with mine.proxy.connect("ready"):
        mine.proxy.signal(signal.SIGTERM)
        assert mine.proxy.wait(30) == 0


def test_an_application_that_does_not_end_is_waited_for_no_longer_than_the_drain_time(pod):
    mine = pod(*ORDER, drain_time=1)
    with Client(mine.proxy.port("raw")) as stubborn:
        stubborn.send(format_request(target="/hold"))
        mine.others.wait_for(1)
        began = time.monotonic()
        mine.proxy.signal(signal.SIGTERM)
        assert mine.proxy.wait(15) == 0
        assert time.monotonic() - began >= 0.9
    assert "drain time is over with 1 connections open" in mine.proxy.log


def test_tcp_of_the_application_goes_on(pod):
    mine = pod(*ORDER, drain_time=30)
    with Client(mine.proxy.port("raw")) as stream:
        assert stream.request().status == 200
        mine.terminate()
        assert stream.request().status == 200 and mine.proxy.running
    assert mine.proxy.wait() == 0


def test_a_second_signal_ends_at_once(pod):
    mine = pod(*ORDER, drain_time=600)
    with mine.proxy.connect("out") as application:
        assert application.request().status == 200
        mine.terminate()
        mine.proxy.signal(signal.SIGTERM)
        assert mine.proxy.wait(15) == 0


def test_connections_that_rest_are_closed_when_the_pods_end_is_told(pod):
    """So that the signal, later, need not wait for them."""
    mine = pod(*ORDER, drain_time=600)
    with mine.proxy.connect() as resting, mine.proxy.connect("out") as application:
        assert resting.request().status == application.request().status == 200
        assert ask("drain", "--admin-address", f"127.0.0.1:{mine.proxy.admin_port}").returncode == 0
        resting.wait_closed()
        assert application.request().status == 200
    assert mine.proxy.terminate() == 0


def ask(*words):
    return subprocess.run([bin_dir() / "remora", *map(str, words)], capture_output=True, text=True, timeout=30)


def test_drain_before_the_end(pod):
    """A native sidecar hears of the pod's end by its preStop hook; the signal comes when the application has ended."""
    mine = pod(*ORDER, "--drain-strategy", "gradual", drain_time=30)
    with mine.proxy.connect() as caller, mine.proxy.connect("out") as application:
        assert caller.request().status == application.request().status == 200
        done = ask("drain", "--admin-address", f"127.0.0.1:{mine.proxy.admin_port}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "inbound traffic drains\n", "")
        assert mine.proxy.admin("/ready").status == 503
        assert mine.proxy.admin("/healthcheck/ok", "POST").status == 200 and mine.proxy.admin("/ready").status == 503, "the end stays"
        response = caller.request()
        assert (response.status, response.get("connection")) == (200, "close")
        with mine.proxy.connect() as late:
            assert late.request().get("connection") == "close", "who has not heard yet is served"
        response = application.request()
        assert response.status == 200 and not response.has("connection")
    assert mine.proxy.terminate() == 0


def test_drain_of_a_proxy_that_is_not_there_says_so():
    done = ask("drain", "--admin-address", "127.0.0.1:1")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "remora drain: http://127.0.0.1:1/drain: Connection refused\n"


def test_wait_until_ready_and_no_longer(start, closing):
    """The sidecar's first hook: whatever comes after it in the pod finds a mesh."""
    answers = iter([503] * 2)
    ready = closing(Upstream(answer=lambda request: reply(next(answers, 200), {}, "INITIALIZING\n")))
    url = f"http://127.0.0.1:{ready.port}/healthz/ready"
    done = ask("wait", "--url", url, "--period-ms", 20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the proxy is ready\n", "")
    assert len(ready.requests) == 3 and ready.last.target == "/healthz/ready"


def test_wait_gives_up_and_says_what_it_saw(closing):
    ready = closing(Upstream(answer=lambda request: reply(503, {}, "INITIALIZING\n")))
    url = f"http://127.0.0.1:{ready.port}/healthz/ready"
    done = ask("wait", "--url", url, "--timeout-s=1", "--period-ms=100")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"remora wait: the proxy is not ready after 1 s: {url}: 503: INITIALIZING\n"
    silent = closing(Upstream(script=lambda connection: connection.read_to_end()))
    done = ask("wait", "--url", f"http://[::ffff:127.0.0.1]:{silent.port}", "--timeout-s", 1, "--request-timeout-ms", 300)
    assert done.returncode == 1 and "is not ready after 1 s" in done.stderr


@pytest.mark.parametrize("words, why", [
    (("wait", "--url", "https://localhost/"), "--url: \"https://localhost/\" is not http://HOST[:PORT][/PATH]"),
    (("wait", "--url", "http://elsewhere.example/"), "is not http://HOST[:PORT][/PATH]"),
    (("wait", "--timeout-s", "soon"), "--timeout-s, --period-ms and --request-timeout-ms are whole numbers"),
    (("wait", "--timeout-s"), "--timeout-s needs a value"), (("drain", "now"), "unknown argument 'now'"),
    (("drain", "--admin-address", "127.0.0.1:0"), "--admin-address: ")])
def test_misuse_is_named(words, why):
    done = ask(*words)
    assert done.returncode == 2 and why in done.stderr
