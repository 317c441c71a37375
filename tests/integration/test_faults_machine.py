"""The machine runs out: descriptors, time that is moved, programs that are stopped or killed (docs/faults.md)."""

import os
import pathlib
import resource
import signal
import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.faults import LINE, Faced
from support.http_client import Client, format_request
from support.proxy import Proxy
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


class Crowd:
    """As long as the `with` block runs, the proxy gets a few new descriptors only, and idle clients have them all."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.clients = []

    def __enter__(self):
        used = [int(name) for name in os.listdir(f"/proc/{self.proxy.pid}/fd")]
        self.before = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (max(used) + 4, self.before[1]))
        port = self.proxy.port()
        self.clients = [Client(port) for _ in range(60)]  # The kernel takes them all.
        wait_until(lambda: self.said(), "it is said that there are no descriptors")
        return self

    def said(self):
        return self.proxy.log.count("out of file descriptors")

    def __exit__(self, *_):
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, self.before)
        for client in self.clients:
            client.close()


class TestDescriptors:
    """Row 31."""

    @pytest.fixture
    def faced(self, closing, tmp_path):
        upstream = closing(Upstream())
        faced = closing(Faced("remora", tmp_path, upstream.port, cluster_settings={"max_requests_per_connection": 1}))
        assert faced.proxy.fetch().status == 200
        faced.remember()
        return faced

    @pytest.mark.remora_only("it tries again and again until there is one, and does not say so")
    def test_clients_wait_until_there_is_one_again(self, faced):
        with Crowd(faced.proxy) as crowd:
            said = crowd.said()
            wait_until(lambda: crowd.said() > said, "it is tried again, and said again")
            for client in crowd.clients[:40]:  # Who leaves makes room for the next.
                client.close()
            for client in crowd.clients[40:]:
                client.send(format_request())
                assert client.response().status in (200, 503)  # 503: none was left for the upstream.
                client.close()
        assert faced.proxy.stat("listener.127.0.0.1_0.downstream_cx_overflow") >= 2
        assert faced.proxy.fetch().status == 200, "the listener is open"
        assert faced.proxy.admin("/ready").status == 200, "so is the admin interface"
        faced.assert_nothing_left()

    @pytest.mark.remora_only("the test waits for what Remora says")
    def test_no_descriptor_for_the_upstream_is_503_and_over_when_there_is_one(self, faced):
        with faced.proxy.connect() as client:
            assert client.request().status == 200
            faced.mark()
            with Crowd(faced.proxy):
                assert [client.request().status for _ in range(8)] == [503] * 8
            assert client.request().status == 200
            faced.assert_logged("503 UF upstream_reset_before_response_started{remote_connection_failure|"
                                "immediate_connect_error:_Too_many_open_files}", 8)
        faced.assert_nothing_left()


@pytest.mark.remora_only("it keeps its idle connections to upstreams")
class TestRoom:
    """Row 31: connections that rest are closed before anybody has to do without."""

    KEPT = 12

    @pytest.fixture
    def resting(self, start, closing):
        """One worker, with connections to an upstream that rest, and no descriptor that is free for long."""
        together = threading.Barrier(self.KEPT)

        def meet(request):
            together.wait(20)
            return reply(200, {}, "met")

        busy, other = closing(Upstream("busy", meet)), closing(Upstream("other"))
        proxy = start(bootstrap([http_listener(route("/other", to="other"), route("/", to="up"))],
                                [cluster("up", busy.port), cluster("other", other.port)]))
        port = proxy.port()
        clients = [closing(Client(port)) for _ in range(self.KEPT)]
        for client in clients:
            client.send(format_request())
        assert [client.response().status for client in clients] == [200] * self.KEPT
        used = {int(name) for name in os.listdir(f"/proc/{proxy.pid}/fd")}
        lowest_free = next(number for number in range(len(used) + 1) if number not in used)
        before = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        yield proxy, clients[0], lambda count: [closing(Client(port)) for _ in range(count)]
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, before)

    def test_idle_connections_to_upstreams_make_room_for_clients(self, resting):
        proxy, _, crowd = resting
        clients = crowd(self.KEPT // 2)
        wait_until(lambda: "idle connections to upstreams" in proxy.log, lambda: "it is said that room was made")
        for client in clients:
            client.send(format_request(target="/other"))
            assert client.response().status == 200

    def test_idle_connections_to_one_upstream_make_room_for_another(self, resting):
        proxy, client, _ = resting
        assert client.request(target="/other").status == 200
        assert "out of file descriptors" not in proxy.log, "nobody came"


@pytest.mark.skipif(not FAKETIME.exists(), reason="no libfaketime: apt-get install faketime")
class TestClock:
    """Row 34: timers go by a clock that nobody can move; what is written into logs goes by the calendar."""

    @pytest.mark.parametrize("jump", ["+7200", "-7200"])
    def test_the_calendar_jumps(self, closing, tmp_path, jump):
        def script(connection):
            while (request := connection.read_request()) is not None:
                if request.target == "/silent":
                    connection.read_to_end()
                    return
                if request.target == "/held":
                    assert released.wait(20)
                connection.send(reply(200, {}, "served"))

        upstream, released, moved = closing(Upstream(script=script)), threading.Event(), tmp_path / "moved"
        moved.write_text("+0\n")

        class Faked(Proxy):
            def launch(self, command, **options):
                options["env"] = {**options["env"], "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(moved),
                                  "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
                return super().launch(command, **options)

        faced = closing(Faced("remora", tmp_path, upstream.port, log="%START_TIME(%s)% " + LINE, launch=Faked, timeout="5s"))
        proxy = faced.proxy
        assert proxy.fetch().status == 200
        faced.remember()
        with proxy.connect() as client:
            client.send(format_request(target="/held"))
            upstream.wait_for(2)
            moved.write_text(jump + "\n")
            assert proxy.fetch().status == 200
            released.set()
            assert client.response().status == 200, "its timeout is not reached by the jump"
        assert proxy.fetch("/silent").status == 504, "and one that is reached is"
        wait_until(lambda: len(faced.log()) >= 3, "the log")
        times = [int(line.split()[0]) for line in faced.log()]
        assert max(times) - min(times) >= 7190, "the calendar was moved"
        faced.assert_nothing_left()


class TestStopped:
    """Row 25: a peer that has been stopped takes connections, and bytes, and is silent."""

    @pytest.fixture
    def programs(self, closing):
        """Two upstreams that can be stopped: programs of their own."""
        answers = [Proxy(bootstrap([http_listener(route(respond=(200, name)))]), kind="remora", name=name) for name in "ab"]
        for program in answers:
            closing(program)
        return answers

    def test_requests_go_to_who_answers_and_come_back_with_him(self, programs, closing, tmp_path):
        stopped, well = programs
        faced = closing(Faced("remora", tmp_path, stopped.port(), well.port(), timeout="20s",
                              retry_policy={"retry_on": "5xx", "num_retries": 3, "per_try_timeout": "0.2s",
                                            "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts",
                                                                      "typed_config": {"@type": PREVIOUS_HOSTS}}]},
                              cluster_settings={"outlier_detection": {
                                  "consecutive_5xx": 3, "interval": "0.2s", "base_ejection_time": "0.4s",
                                  "max_ejection_percent": 50}}))
        assert {faced.proxy.fetch().text for _ in range(8)} == {"a", "b"}
        faced.remember()
        stopped.signal(signal.SIGSTOP)
        try:
            with faced.proxy.connect() as client:
                assert [client.request().text for _ in range(30)] == ["b"] * 30
            faced.proxy.wait_stat("cluster.up.upstream_rq_per_try_timeout", 3)
            faced.proxy.wait_stat("cluster.up.outlier_detection.ejections_enforced_total", 1)
        finally:
            stopped.signal(signal.SIGCONT)
        wait_until(lambda: faced.proxy.fetch().text == "a", "the host that goes on is asked again")
        faced.assert_nothing_left()


def test_who_was_killed_serves_again_at_the_same_place(closing):
    """Row 40: nothing on disk, no socket and no lock of a dead process stands in the way of the next."""
    upstream, port = closing(Upstream()), unused_port()
    front = http_listener(route(to="up"))
    front["address"]["socket_address"]["port_value"] = port
    config = bootstrap([front], [cluster("up", upstream.port)])
    for _ in range(3):
        proxy = closing(Proxy(config))
        with Client(port) as client:
            assert client.request().status == 200
            proxy.kill()
            client.wait_closed()


def test_a_log_that_blocks_stops_nobody(closing, tmp_path):
    """Row 39: nobody reads the pipe that the log is written to; only the log waits."""
    os.mkfifo(tmp_path / "remora.log")
    reader = os.open(tmp_path / "remora.log", os.O_RDONLY | os.O_NONBLOCK)
    try:
        upstream = closing(Upstream())
        faced = closing(Faced("remora", tmp_path, upstream.port, log="%REQ(x-long)%" * 10 + "\n"))
        with faced.proxy.connect() as client:
            for _ in range(200):  # A megabyte; a pipe holds 64 KiB.
                assert client.request(headers={"x-long": "y" * 500}).status == 200
        faced.remember()
        faced.assert_nothing_left()
    finally:
        os.close(reader)
