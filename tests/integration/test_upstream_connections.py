"""Connections to hosts: which end with a host's health or with the set of hosts, which are made ahead of need, and which serve one
client alone. Endpoints whose owner wants them spared, or that nobody renews. Envoy does the same, except where a mark says so."""

import threading

import pytest

from support.ads import ENDPOINTS, AdsServer
from support.bootstrap import assignment, bootstrap, cluster, endpoint, http_listener, listener, over_ads, route, tcp_proxy, typed
from support.http_client import format_request
from support.tcp import Server, connect, echo, is_over
from support.upstream import Upstream, reply
from support.waiting import wait_until

NO_PANIC = {"healthy_panic_threshold": {"value": 0}}
CHECKS = {"health_checks": [{"timeout": "1s", "interval": "0.05s", "no_traffic_interval": "0.05s", "unhealthy_threshold": 1,
                             "healthy_threshold": 1, "http_health_check": {"path": "/hz"}}]}
EJECTION = {"outlier_detection": {"consecutive_5xx": 2, "max_ejection_percent": 100, "base_ejection_time": "300s"}}
STDOUT = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
LOG = "LOG %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"


class Host(Upstream):
    """Answers with its name: /hold only once it is let go, /bad with 500, /hz as its health is."""

    def __init__(self, name="host"):
        self.healthy, self.go = True, threading.Event()
        super().__init__(name, self.respond)

    def respond(self, request):
        if request.target == "/hold":
            self.go.wait(20)
        bad = request.target == "/bad" or (request.target == "/hz" and not self.healthy)
        return reply(500 if bad else 200, {}, self.name)

    def wait_held(self, count=1):
        wait_until(lambda: sum(request.target == "/hold" for request in self.requests) >= count, f"{count} requests held")

    def close(self):
        self.go.set()
        super().close()


@pytest.fixture
def host(closing):
    return closing(Host())


@pytest.fixture
def ads(closing):
    server = closing(AdsServer())
    server.serve_all()  # clusters and listeners are static
    return server


def eds(**settings):
    return cluster("up", eds=over_ads(), **settings)


def http_and_tcp():
    log = [{"name": "log", "typed_config": typed(STDOUT, log_format={"text_format_source": {"inline_string": LOG}})}]
    return [http_listener(route(to="up", timeout="20s"), access_log=log), listener(tcp_proxy("up", stat_prefix="raw"), name="raw")]


def connections(proxy):
    return proxy.stat("cluster.up.upstream_cx_active")


def wait_connections(proxy, count):
    wait_until(lambda: connections(proxy) == count, lambda: f"{count} connections, not {connections(proxy)}")


def hold(proxy, host, closing, count=1):
    """A request that its host does not answer yet."""
    client = closing(proxy.connect())
    client.send(format_request(target="/hold"))
    host.wait_held(count)
    return client


def raw(proxy, closing):
    """A connection of the TCP proxy whose request is held."""
    client = closing(connect(proxy.port("raw")))
    client.sendall(format_request(target="/hold"))
    return client


def fail(proxy, host, how):
    if how is CHECKS:
        host.healthy = False
    else:
        for _ in range(2):
            assert proxy.fetch("/bad").status == 500
    wait_until(lambda: proxy.stat("cluster.up.membership_healthy") == 0, "the host failed")


class TestFailedHosts:
    @pytest.mark.parametrize("how", [CHECKS, EJECTION], ids=["checked", "ejected"])
    @pytest.mark.parametrize("closes", [False, True])
    def test_http_connections_end_with_their_requests(self, start, closing, host, how, closes):
        """Whatever the cluster says of closing: that is for raw connections."""
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, common_lb_config=NO_PANIC,
                                                         close_connections_on_host_health_failure=closes, **how)]))
        held = hold(proxy, host, closing)
        assert proxy.fetch().text == "host"
        wait_connections(proxy, 2)
        fail(proxy, host, how)
        wait_connections(proxy, 1)
        host.go.set()
        assert held.response().text == "host"
        wait_connections(proxy, 0)
        assert proxy.stat("cluster.up.upstream_cx_destroy_local") == 2
        assert proxy.stat("cluster.up.upstream_cx_destroy_with_active_rq") == 0

    @pytest.mark.parametrize("how", [CHECKS, EJECTION], ids=["checked", "ejected"])
    def test_raw_connections_end_at_once_where_the_cluster_says_so(self, start, closing, host, how):
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, common_lb_config=NO_PANIC,
                                                         close_connections_on_host_health_failure=True, **how)]))
        clients = [raw(proxy, closing) for _ in range(3)]
        host.wait_held(3)
        fail(proxy, host, how)
        assert all(is_over(client) for client in clients)
        wait_until(lambda: proxy.stat("cluster.up.upstream_cx_destroy_local_with_active_rq") == 3, "they were cut")
        wait_connections(proxy, 0)

    def test_raw_connections_go_on_otherwise(self, start, closing, host):
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, common_lb_config=NO_PANIC, **CHECKS)]))
        client = raw(proxy, closing)
        host.wait_held()
        fail(proxy, host, CHECKS)
        host.go.set()
        assert client.recv(100).startswith(b"HTTP/1.1 200")

    def test_a_host_that_fails_again_loses_its_connections_again(self, start, closing, host):
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, common_lb_config=NO_PANIC,
                                                         close_connections_on_host_health_failure=True, **CHECKS)]))
        for times in (1, 2):
            client = raw(proxy, closing)
            host.wait_held(times)
            fail(proxy, host, CHECKS)
            assert is_over(client)
            host.healthy = True
            wait_until(lambda: proxy.fetch().status == 200, "the host back")

    def test_what_panic_connects_to_a_failed_host_stays(self, start, closing, host):
        """Only hosts that fail lose connections, not those that have failed before."""
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, close_connections_on_host_health_failure=True, **CHECKS)]))
        fail(proxy, host, CHECKS)
        client = raw(proxy, closing)
        host.wait_held()
        assert proxy.fetch().text == "host"
        host.go.set()
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        wait_connections(proxy, 2)

    @pytest.mark.parametrize("status", ["UNHEALTHY", "DRAINING"])
    def test_what_discovery_says_of_health_closes_nothing(self, start, closing, ads, host, status):
        ads.set(ENDPOINTS, [assignment("up", host.port)])
        proxy = start(bootstrap(http_and_tcp(), [eds(common_lb_config=NO_PANIC, close_connections_on_host_health_failure=True)],
                                ads=ads.port))
        client = raw(proxy, closing)
        host.wait_held()
        assert proxy.fetch().text == "host"
        ads.set(ENDPOINTS, [assignment("up", endpoint(host.port, health_status=status))])
        wait_until(lambda: proxy.fetch().status == 503, "the host left out")
        assert connections(proxy) == 2
        host.go.set()
        assert client.recv(100).startswith(b"HTTP/1.1 200")


class TestChangedSets:
    def begin(self, start, ads, host, closes=True, **settings):
        ads.set(ENDPOINTS, [assignment("up", host.port)])
        common = {**NO_PANIC, "close_connections_on_host_set_change": closes}
        return start(bootstrap(http_and_tcp(), [eds(common_lb_config=common, **settings)], ads=ads.port))

    def change(self, proxy, ads, total, *endpoints):
        ads.set(ENDPOINTS, [assignment("up", *endpoints)])
        wait_until(lambda: proxy.stat("cluster.up.membership_total") == total, "the new set")

    def test_a_host_that_comes_ends_connections_to_the_others(self, start, closing, ads, host):
        other = closing(Host("other"))
        proxy = self.begin(start, ads, host)
        held, client = hold(proxy, host, closing), raw(proxy, closing)
        host.wait_held(2)
        assert proxy.fetch().text == "host"
        wait_connections(proxy, 3)
        self.change(proxy, ads, 2, host.port, other.port)
        wait_connections(proxy, 2)  # the one that rested is closed
        host.go.set()
        assert held.response().text == "host"
        wait_connections(proxy, 1)
        assert client.recv(100).startswith(b"HTTP/1.1 200"), "raw connections go on"

    def test_another_weight_is_a_change(self, start, ads, host):
        proxy = self.begin(start, ads, host)
        assert proxy.fetch().text == "host"
        ads.set(ENDPOINTS, [assignment("up", endpoint(host.port, load_balancing_weight=3))])
        wait_connections(proxy, 0)

    @pytest.mark.remora_only("it closes all connections, though it was told the same as before")
    def test_the_same_once_more_is_no_change(self, start, ads, host):
        proxy = self.begin(start, ads, host)
        assert proxy.fetch().text == "host"
        ads.set(ENDPOINTS, [assignment("up", host.port)])
        ads.wait_ack(ENDPOINTS)
        assert proxy.fetch().text == "host"
        assert proxy.stat("cluster.up.upstream_cx_total") == 1

    @pytest.mark.remora_only("it forgets the connections of hosts that have left: they rest until their idle timeout")
    def test_who_leaves_is_left(self, start, closing, ads, host):
        other = closing(Host("other"))
        proxy = self.begin(start, ads, host)
        assert proxy.fetch().text == "host"
        self.change(proxy, ads, 1, other.port)
        wait_connections(proxy, 0)

    def test_nothing_ends_otherwise(self, start, closing, ads, host):
        other = closing(Host("other"))
        proxy = self.begin(start, ads, host, closes=False)
        assert proxy.fetch().text == "host"
        self.change(proxy, ads, 2, host.port, other.port)
        wait_until(lambda: proxy.fetch().text == "other", "the new host")
        assert len(host.connections) == 1 and connections(proxy) == 2


def dropping(numerator, denominator="HUNDRED", **more):
    drops = [{"category": "throttle", "drop_percentage": {"numerator": numerator, "denominator": denominator}}]
    return {"policy": {"drop_overloads": drops, **more}}


class TestDrops:
    @pytest.mark.parametrize("numerator, flag, what", [(999_999, "DO", "drop overload"),
                                                       (1_000_000, "UDO", "unconditional drop overload")])
    def test_what_a_request_is_told(self, start, ads, host, numerator, flag, what):
        ads.set(ENDPOINTS, [assignment("up", host.port, **dropping(numerator, "MILLION"))])
        proxy = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port))
        response = proxy.fetch()
        assert (response.status, response.text) == (503, what)
        assert response.get("x-envoy-" + what.replace(" ", "-")) == "true"
        line = f"LOG 503 {flag} {what.replace(' ', '_')} 0"
        wait_until(lambda: line in proxy.log, lambda: f"{line} in {proxy.tail()}")
        assert not host.requests
        stats = proxy.stats("cluster.up.upstream_rq_(503|5xx|completed|total)$")
        assert (stats["cluster.up.upstream_rq_503"], stats["cluster.up.upstream_rq_completed"]) == (1, 1)
        assert stats.get("cluster.up.upstream_rq_total", 0) == 0

    def test_a_grpc_caller_is_told_by_its_status(self, start, ads, host):
        ads.set(ENDPOINTS, [assignment("up", host.port, **dropping(100))])
        response = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port)).fetch(headers={"content-type": "application/grpc"})
        assert (response.status, response.get("grpc-status"), response.get("grpc-message")) == (200, "14", "unconditional drop overload")

    def test_a_share_of_them(self, start, ads, host):
        ads.set(ENDPOINTS, [assignment("up", host.port, **dropping(5000, "TEN_THOUSAND"))])
        proxy = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port))
        with proxy.connect() as client:
            seen = [client.request().status for _ in range(400)]
        assert set(seen) == {200, 503} and 120 < seen.count(503) < 280, seen.count(503)  # 8 sigma

    @pytest.mark.remora_only("its workers learn of the share only when hosts change as well")
    def test_it_follows_the_assignment(self, start, ads, host):
        """The hosts stay the same."""
        ads.set(ENDPOINTS, [assignment("up", host.port)])
        proxy = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port))
        assert proxy.fetch().status == 200
        ads.set(ENDPOINTS, [assignment("up", host.port, **dropping(100))])
        wait_until(lambda: proxy.fetch().status == 503, "all are dropped")
        ads.set(ENDPOINTS, [assignment("up", host.port)])
        wait_until(lambda: proxy.fetch().status == 200, "none is dropped")

    def test_static_clusters_drop_and_raw_connections_are_not_dropped(self, start, closing, host):
        proxy = start(bootstrap(http_and_tcp(), [{**cluster("up"), "load_assignment": assignment("up", host.port, **dropping(100))}]))
        assert proxy.fetch().status == 503
        host.go.set()
        assert raw(proxy, closing).recv(100).startswith(b"HTTP/1.1 200")

    @pytest.mark.parametrize("policy, what", [
        (dropping(101), "drop_"),
        ({"policy": {"drop_overloads": dropping(1)["policy"]["drop_overloads"] * 2}}, "drop_overloads"),
        ({"policy": {"drop_overloads": [{"drop_percentage": {"numerator": 1}}]}}, "ategory"),
        ({"policy": {"endpoint_stale_after": "0s"}}, "tale")])
    def test_what_makes_no_sense_is_refused(self, start, ads, host, policy, what):
        ads.set(ENDPOINTS, [assignment("up", host.port)])
        proxy = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port))
        ads.set(ENDPOINTS, [assignment("up", host.port, **policy)])
        assert what in ads.wait_nack(ENDPOINTS).error_detail.message
        assert proxy.fetch().status == 200


class TestStaleEndpoints:
    def test_endpoints_that_nobody_renews_are_dropped(self, start, ads, host):
        ads.set(ENDPOINTS, [assignment("up", host.port, policy={"endpoint_stale_after": "1.5s"})])
        proxy = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port))
        assert proxy.fetch().status == 200
        assert proxy.stat("cluster.up.assignment_timeout_received") == 1
        proxy.wait_stat("cluster.up.assignment_stale")
        assert proxy.stat("cluster.up.membership_total") == 0
        response = proxy.fetch()
        assert (response.status, response.text) == (503, "no healthy upstream")
        ads.set(ENDPOINTS, [assignment("up", host.port, policy={"endpoint_stale_after": "1.5s"})])
        wait_until(lambda: proxy.fetch().status == 200, "the same endpoints, renewed")

    def test_who_is_renewed_stays(self, start, ads, host):
        """By the same bytes: only that they come again says that they still hold."""
        def renew():
            ads.set(ENDPOINTS, [assignment("up", host.port, policy={"endpoint_stale_after": "60s"})])
            ads.wait_ack(ENDPOINTS)

        ads.set(ENDPOINTS, [assignment("up", host.port, policy={"endpoint_stale_after": "60s"})])
        proxy = start(bootstrap(http_and_tcp(), [eds()], ads=ads.port))
        for times in (2, 3):
            renew()
            proxy.wait_stat("cluster.up.assignment_timeout_received", times)
        assert proxy.stat("cluster.up.assignment_stale") == 0 and proxy.fetch().status == 200

    def test_an_assignment_that_does_not_age_ends_the_watch(self, start, ads, host):
        ads.set(ENDPOINTS, [assignment("up", host.port, policy={"endpoint_stale_after": "1.5s"})])
        other = cluster("other", eds=over_ads(), common_lb_config=NO_PANIC)
        ads.set(ENDPOINTS, [assignment("up", host.port), assignment("other", host.port, policy={"endpoint_stale_after": "2s"})])
        proxy = start(bootstrap(http_and_tcp(), [eds(), other], ads=ads.port))
        proxy.wait_stat("cluster.other.assignment_stale")
        assert proxy.stat("cluster.up.assignment_stale") == 0 and proxy.fetch().status == 200


class TestConnectingAhead:
    def held(self, proxy, hosts, closing, count):
        """Holds requests one after the other; how many connections were begun by the time each was there."""
        seen = []
        for number in range(count):
            client = closing(proxy.connect())
            client.send(format_request(target="/hold"))
            wait_until(lambda: sum(len(host.requests) for host in hosts) >= number + 1, "the request held")
            seen.append(proxy.stat("cluster.up.upstream_cx_total"))
        return seen


    @pytest.mark.parametrize("ratio, expected", [(1.0, [1, 2, 3, 4]), (1.5, [2, 3, 5, 6]), (2.0, [2, 4, 6, 8]), (3.0, [3, 6, 9, 12])])
    def test_connections_of_one_host(self, start, closing, host, ratio, expected):
        """As many as `ratio` times the requests need, whether they rest or not."""
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, preconnect_policy={"per_upstream_preconnect_ratio": ratio})]))
        assert self.held(proxy, [host], closing, 4) == expected

    def test_requests_in_turn_need_no_more_than_the_first(self, start, host):
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", host.port, preconnect_policy={"per_upstream_preconnect_ratio": 3.0})]))
        for _ in range(10):
            assert proxy.fetch().status == 200
        wait_connections(proxy, 3)
        assert proxy.stat("cluster.up.upstream_cx_total") == 3
        assert proxy.stat("cluster.up.upstream_rq_pending_total") == 1, "only the first one waited"

    def test_circuit_breakers_bound_them(self, start, closing, host):
        proxy = start(bootstrap(http_and_tcp(), [cluster(
            "up", host.port, preconnect_policy={"per_upstream_preconnect_ratio": 3.0},
            circuit_breakers={"thresholds": [{"max_connections": 2}]})]))
        assert proxy.fetch().status == 200
        wait_connections(proxy, 2)
        assert proxy.stat("cluster.up.upstream_cx_overflow") > 0

    def test_hosts_of_the_next_requests(self, start, closing):
        """The first request has connections made for two others; these find them."""
        hosts = [closing(Host(name)) for name in "abc"]
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", *(host.port for host in hosts), lb_policy="ROUND_ROBIN",
                                                         preconnect_policy={"predictive_preconnect_ratio": 2.0})]))
        assert proxy.fetch().status == 200
        wait_until(lambda: [len(host.connections) for host in hosts] == [1, 1, 1], "a connection to each of them")
        assert sorted(proxy.fetch().text for _ in range(3)) == list("abc")
        assert proxy.stat("cluster.up.upstream_rq_pending_total") == 1

    def test_more_requests_more_connections(self, start, closing):
        hosts = [closing(Host(name)) for name in "abc"]
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", *(host.port for host in hosts), lb_policy="ROUND_ROBIN",
                                                         preconnect_policy={"predictive_preconnect_ratio": 2.0})]))
        assert self.held(proxy, hosts, closing, 4) == [3, 4, 6, 7]

    def test_random_choices_are_foreseen(self, start, closing):
        hosts = [closing(Host(name)) for name in "abc"]
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", *(host.port for host in hosts), lb_policy="RANDOM",
                                                         preconnect_policy={"predictive_preconnect_ratio": 2.0})]))
        for _ in range(3):
            assert proxy.fetch().status == 200
        assert proxy.stat("cluster.up.upstream_rq_pending_total") == 1, "the second and the third were foreseen"

    @pytest.mark.parametrize("policy", ["LEAST_REQUEST", "RING_HASH"])
    def test_choices_that_cannot_be_foreseen(self, start, closing, policy):
        hosts = [closing(Host(name)) for name in "abc"]
        proxy = start(bootstrap(http_and_tcp(), [cluster("up", *(host.port for host in hosts), lb_policy=policy,
                                                         preconnect_policy={"predictive_preconnect_ratio": 3.0})]))
        assert proxy.fetch().status == 200
        assert proxy.stat("cluster.up.upstream_cx_total") == 1


class TestOwnConnections:
    def begin(self, start, host, own=True, **settings):
        return start(bootstrap(http_and_tcp(), [cluster("up", host.port, connection_pool_per_downstream_connection=own, **settings)]))

    def test_each_client_has_its_own(self, start, host):
        proxy = self.begin(start, host)
        with proxy.connect() as first, proxy.connect() as second:
            for client in (first, second, first, second):
                assert client.request().text == "host"
            assert [request.connection for request in host.requests] == [0, 1, 0, 1]

    def test_they_are_shared_otherwise(self, start, host):
        proxy = self.begin(start, host, own=False)
        with proxy.connect() as first, proxy.connect() as second:
            for client in (first, second, first, second):
                assert client.request().text == "host"
            assert [request.connection for request in host.requests] == [0, 0, 0, 0]

    @pytest.mark.remora_only("there they rest until their idle timeout, of no use to anybody")
    def test_they_end_with_their_client(self, start, host):
        proxy = self.begin(start, host)
        with proxy.connect() as client:
            assert client.request().text == "host"
            wait_connections(proxy, 1)
        wait_connections(proxy, 0)
        assert proxy.stat("cluster.up.upstream_cx_destroy_local") == 1

    @pytest.mark.remora_only("there they rest until their idle timeout, of no use to anybody")
    def test_a_client_that_leaves_in_the_middle(self, start, closing, host):
        proxy = self.begin(start, host)
        held = hold(proxy, host, closing)
        held.close()
        wait_connections(proxy, 0)

    def test_they_follow_their_host(self, start, closing, host):
        """A host that fails loses these as well."""
        proxy = self.begin(start, host, common_lb_config=NO_PANIC, **CHECKS)
        with proxy.connect() as client:
            assert client.request().text == "host"
            fail(proxy, host, CHECKS)
            wait_connections(proxy, 0)
            assert client.request().status == 503
            host.healthy = True
            wait_until(lambda: client.request().text == "host", "a new connection")
