"""The TCP proxy: bytes both ways, half-close, back-pressure, failures, limits, weights, logs. Envoy does the same."""

import socket
import threading

import pytest

from support import bootstrap as b
from support.proxy import Proxy
from support.tcp import Server, connect, echo, is_over, read_all, reset
from support.waiting import wait_until

STDOUT = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
LOG = ("LOG %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT% "
       "%UPSTREAM_TRANSPORT_FAILURE_REASON% %PROTOCOL% %RESPONSE_CODE%\n")


def tcp(cluster, stat_prefix=None, **more):
    log = {"name": "log", "typed_config": b.typed(STDOUT, log_format={
        "text_format_source": {"inline_string": LOG}})}
    return b.tcp_proxy(cluster, stat_prefix=stat_prefix or cluster, access_log=[log], **more)


def logged(proxy, count=1):
    lines = wait_until(lambda: (seen := [line[4:] for line in proxy.log.splitlines() if line.startswith("LOG ")])
                       and len(seen) >= count and seen, lambda: f"{count} log lines in\n{proxy.tail()}")
    return lines


def client(proxy, listener="in"):
    return connect(proxy.port(listener))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_bytes_flow_both_ways_and_each_side_ends_by_itself():
    with Server(echo) as server, Proxy(b.bootstrap([b.listener(tcp("up"))], [b.cluster("up", server.port)])) as proxy:
        with client(proxy) as connection:
            connection.sendall(b"\0hello")
            assert connection.recv(100) == b"\0hello"
            connection.shutdown(socket.SHUT_WR)
            assert read_all(connection) == b"bye"
        assert logged(proxy) == ["- 6 9 up 1 - - 0"]
        stats = proxy.stats("^tcp.up|^cluster.up.upstream_cx|^cluster.up.upstream_rq_total")
        assert stats["tcp.up.downstream_cx_total"] == 1
        assert stats["tcp.up.downstream_cx_rx_bytes_total"] == 6
        assert stats["tcp.up.downstream_cx_tx_bytes_total"] == 9
        assert stats["cluster.up.upstream_cx_total"] == stats["cluster.up.upstream_rq_total"] == 1
        assert stats["cluster.up.upstream_cx_active"] == 0
        assert proxy.stat("cluster.up.upstream_cx_destroy") == 1


def test_a_server_that_speaks_first_is_heard():
    def greet(connection):
        connection.sendall(b"220 ready")
        connection.close()

    with Server(greet) as server, Proxy(b.bootstrap([b.listener(tcp("up"))], [b.cluster("up", server.port)])) as proxy:
        with client(proxy) as connection:
            assert connection.recv(100) == b"220 ready"
            # The server has said all it had to say; what the client still says is nobody's fault.
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""


def taken_at_rest(proxy, stat):
    """What a statistic shows once it moves no more."""
    seen = [0]

    def rests():
        seen.append(proxy.stat(stat))
        return seen[-1] == seen[-2] > 0

    wait_until(rests, lambda: f"{stat} at rest, is {seen[-1]}")
    return seen[-1]


def test_a_client_that_waits_stops_a_server_that_floods():
    size = 24 << 20

    def flood(connection):
        connection.sendall(bytes(size))
        connection.close()

    listener = b.listener(tcp("up"), per_connection_buffer_limit_bytes=65536)
    with Server(flood) as server:
        cluster = b.cluster("up", server.port, per_connection_buffer_limit_bytes=65536)
        with Proxy(b.bootstrap([listener], [cluster])) as proxy:
            with connect(proxy.port()) as connection:
                assert taken_at_rest(proxy, "cluster.up.upstream_cx_rx_bytes_total") < size
                assert proxy.stat("tcp.up.downstream_cx_tx_bytes_buffered") <= 1 << 20
                connection.shutdown(socket.SHUT_WR)
                assert len(read_all(connection)) == size


def test_a_megabyte_flood_against_a_reader_that_waits():
    """Neither side's bytes pile up in the proxy while the other one does not read."""
    go_on = threading.Event()

    def slow(connection):
        go_on.wait(20)
        total = len(read_all(connection))
        connection.sendall(str(total).encode())
        connection.close()

    size = 24 << 20
    listener = b.listener(tcp("up"), per_connection_buffer_limit_bytes=65536)
    cluster = b.cluster("up", 0, per_connection_buffer_limit_bytes=65536)
    with Server(slow) as server:
        cluster["load_assignment"] = b.cluster("up", server.port)["load_assignment"]
        with Proxy(b.bootstrap([listener], [cluster])) as proxy:
            with client(proxy) as connection:
                sender = threading.Thread(target=lambda: (connection.sendall(bytes(size)),
                                                          connection.shutdown(socket.SHUT_WR)), daemon=True)
                sender.start()
                proxy.wait_stat("tcp.up.downstream_flow_control_paused_reading_total")
                assert taken_at_rest(proxy, "tcp.up.downstream_cx_rx_bytes_total") < size
                assert proxy.stat("cluster.up.upstream_cx_tx_bytes_buffered") <= 1 << 20
                go_on.set()
                assert read_all(connection) == str(size).encode()
                sender.join(10)


@pytest.mark.parametrize("attempts", [1, 3])
def test_who_refuses_is_tried_max_connect_attempts_times(attempts):
    listener = b.listener(tcp("dead", max_connect_attempts=attempts))
    with Proxy(b.bootstrap([listener], [b.cluster("dead", free_port())])) as proxy:
        with client(proxy) as connection:
            assert connection.recv(1) == b""
        assert logged(proxy) == [
            f"UF,URX 0 0 dead {attempts} delayed_connect_error:_Connection_refused - 0"]
        assert proxy.stat("cluster.dead.upstream_cx_connect_fail") == attempts
        assert proxy.stat("cluster.dead.upstream_cx_connect_attempts_exceeded") == 1


def test_a_refused_attempt_is_followed_by_one_to_another_host():
    with Server(echo) as server:
        cluster = b.cluster("up", free_port(), server.port)
        with Proxy(b.bootstrap([b.listener(tcp("up", max_connect_attempts=2))], [cluster])) as proxy:
            for _ in range(4):
                with client(proxy) as connection:
                    connection.sendall(b"x")
                    assert connection.recv(1) == b"x"
            lines = logged(proxy, 4)
            assert {line.split()[0] for line in lines} <= {"-", "UF"}, lines


def test_nobody_to_connect_to():
    empty = b.cluster("empty", 1)
    empty["load_assignment"] = {"cluster_name": "empty"}
    listeners = [b.listener(tcp("empty"), name="empty"), b.listener(tcp("nowhere"), name="nowhere")]
    with Proxy(b.bootstrap(listeners, [empty])) as proxy:
        for name in ("empty", "nowhere"):
            with client(proxy, name) as connection:
                assert connection.recv(1) == b""
        assert logged(proxy, 2) == ["UH 0 0 empty 0 - - 0", "NC 0 0 - 0 - - 0"]
        assert proxy.stat("tcp.nowhere.downstream_cx_no_route") == 1
        assert proxy.stat("cluster.empty.upstream_cx_none_healthy") == 1


def test_the_circuit_breaker_of_connections_holds():
    with Server(echo) as server:
        cluster = b.cluster("up", server.port, circuit_breakers={"thresholds": [{"max_connections": 2}]})
        with Proxy(b.bootstrap([b.listener(tcp("up"))], [cluster])) as proxy:
            with client(proxy) as one, client(proxy) as two:
                for connection in (one, two):
                    connection.sendall(b"x")
                    assert connection.recv(1) == b"x"
                with client(proxy) as three:
                    assert three.recv(1) == b""
                assert logged(proxy) == ["UO 0 0 up 0 - - 0"]
                assert proxy.stat("cluster.up.upstream_cx_overflow") == 1
            proxy.wait_stat("cluster.up.upstream_cx_destroy", 2)
            with client(proxy) as again:
                again.sendall(b"x")
                assert again.recv(1) == b"x"


def test_weights_choose_the_cluster():
    with Server(lambda c: (c.sendall(b"1"), c.close())) as one, Server(lambda c: (c.sendall(b"2"), c.close())) as two:
        clusters = [b.cluster("one", one.port), b.cluster("two", two.port)]
        weighted = {"clusters": [{"name": "one", "weight": 3}, {"name": "two", "weight": 1}]}
        listener = b.listener(tcp(None, "split", weighted_clusters=weighted))
        with Proxy(b.bootstrap([listener], clusters)) as proxy:
            answers = []
            for _ in range(200):
                with client(proxy) as connection:
                    answers.append(connection.recv(1))
            assert 110 <= answers.count(b"1") <= 185  # 150 expected; five standard deviations are 31
            assert answers.count(b"2") == 200 - answers.count(b"1")


def test_idle_connections_and_old_ones_end():
    with Server(echo) as server:
        listeners = [b.listener(tcp("up", "idle", idle_timeout="0.3s"), name="idle"),
                     b.listener(tcp("up", "old", max_downstream_connection_duration="0.3s"), name="old")]
        with Proxy(b.bootstrap(listeners, [b.cluster("up", server.port)])) as proxy:
            for name in ("idle", "old"):
                with client(proxy, name) as connection:
                    connection.sendall(b"x")
                    assert connection.recv(1) == b"x"
                    assert connection.recv(1) == b""
            assert logged(proxy, 2) == ["- 1 1 up 1 - - 0", "DT 1 1 up 1 - - 0"]
            assert proxy.stat("tcp.idle.idle_timeout") == 1
            assert proxy.stat("tcp.old.max_downstream_connection_duration") == 1


def test_an_upstream_that_resets_ends_the_client_behind_what_it_had_sent():
    def give_up(connection):
        connection.sendall(b"half")
        connection.recv(1)
        reset(connection)

    listeners = [b.listener(tcp("up"))]
    with Server(give_up) as server, Proxy(b.bootstrap(listeners, [b.cluster("up", server.port)])) as proxy:
        with client(proxy) as connection:
            assert connection.recv(4) == b"half"
            connection.sendall(b"x")
            assert is_over(connection)
        proxy.wait_stat("cluster.up.upstream_cx_destroy_remote")
        wait_until(lambda: proxy.stat("listener.127.0.0.1_0.downstream_cx_active") == 0, "it is gone")


def test_a_client_that_vanishes_leaves_nothing_behind():
    with Server(echo) as server, Proxy(b.bootstrap([b.listener(tcp("up"))], [b.cluster("up", server.port)])) as proxy:
        connection = client(proxy)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        reset(connection)
        proxy.wait_stat("cluster.up.upstream_cx_destroy")
        assert logged(proxy) == ["- 1 1 up 1 - - 0"]
        wait_until(lambda: proxy.stat("cluster.up.upstream_cx_active") == 0, "it is gone")
