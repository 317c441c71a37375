"""Active health checks: hosts that fail and recover, what clients see of it and what is shown, and a real Envoy given the same."""

import json
import re
import socket
import struct
import threading

import pytest

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, AdsServer
from support.bootstrap import (assignment, bootstrap, cluster, endpoint, http, http_listener, listener, over_ads, route, routing,
                               typed, virtual_host)
from support.certificates import Authority, TlsUpstream, upstream_tls
from support.http2_server import Http2Upstream
from support.proxy import Proxy, envoy_binary, under_test
from support.tcp import Server
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

KINDS = [under_test()] + (["envoy"] if under_test() == "remora" and envoy_binary() else [])
NO_PANIC = {"common_lb_config": {"healthy_panic_threshold": {"value": 0}}}


@pytest.fixture(params=KINDS)
def kind(request):
    """Every test says what both do."""
    return request.param


def check(**more):
    """A health check that asks often, with three failures and two successes as thresholds."""
    settings = {"timeout": "1s", "interval": "0.05s", "no_traffic_interval": "0.05s", "unhealthy_threshold": 3, "healthy_threshold": 2}
    if not any(name.endswith("_health_check") for name in more):
        settings["http_health_check"] = {"path": "/hz"}
    return {"health_checks": [{**settings, **more}]}


class Backend(Upstream):
    """Answers checks as it is told to, and requests with its name."""

    def __init__(self, name):
        self.status, self.headers, self.body = 200, {}, ""
        self.request_headers = {}
        super().__init__(name, self.respond)

    def respond(self, request):
        if request.target == "/hz":
            return reply(self.status, self.headers, self.body)
        return reply(200, self.request_headers, self.name)

    @property
    def checks(self):
        return [request for request in self.requests if request.target == "/hz"]


@pytest.fixture
def backends(closing):
    return [closing(Backend(name)) for name in "ab"]


@pytest.fixture
def checking(closing, kind):
    """Starts a proxy in front of hosts that are checked."""
    def begin(*endpoints, wait_ready=True, panic=False, **settings):
        config = bootstrap([http_listener(route(to="up"))], [cluster("up", *endpoints, **{**({} if panic else NO_PANIC), **settings})])
        return closing(Proxy(config, kind=kind, wait_ready=wait_ready))
    return begin


def flags(proxy, name="up"):
    """The health flags of each host, by port."""
    lines = [line.split("::") for line in proxy.admin("/clusters").text.splitlines()]
    return {int(parts[1].rpartition(":")[2]): parts[3] for parts in lines if parts[0] == name and parts[2:3] == ["health_flags"]}


def wait_flags(proxy, port, text):
    wait_until(lambda: flags(proxy).get(port) == text, lambda: f"{text} at {port}, not {flags(proxy)}")


def answers(proxy, count=12):
    return {proxy.fetch().text for _ in range(count)}


def counted(proxy, name):
    return proxy.stat(f"cluster.up.health_check.{name}")


class TestFirstRound:
    def test_one_success_is_enough_and_who_is_not_there_is_left_out(self, checking, backends):
        dead = unused_port()
        proxy = checking(*(backend.port for backend in backends), dead, **check())
        assert flags(proxy) == {backends[0].port: "healthy", backends[1].port: "healthy", dead: "/failed_active_hc"}
        assert proxy.stats("membership_(total|healthy)$") == {"cluster.up.membership_healthy": 2, "cluster.up.membership_total": 3}
        assert counted(proxy, "healthy") == 2 and counted(proxy, "network_failure") >= 1
        assert answers(proxy) == {"a", "b"}

    def test_the_listener_opens_when_every_host_has_been_asked(self, checking, backends):
        asked, go_on = threading.Event(), threading.Event()

        def slow(request):
            asked.set()
            go_on.wait(20)
            return reply(200)

        backends[0].answer = slow
        proxy = checking(*(backend.port for backend in backends), wait_ready=False, **check(timeout="20s"))
        assert asked.wait(20)
        wait_until(lambda: backends[1].checks, "the other host's check")
        assert proxy.admin("/ready").status == 503
        go_on.set()
        proxy.wait_ready()
        assert set(flags(proxy).values()) == {"healthy"}

    def test_what_a_check_says(self, checking, backends):
        checking(endpoint(backends[0].port), **check())
        request = backends[0].checks[0]
        assert request.line == "GET /hz HTTP/1.1"
        assert request.get("host") == "up" and request.get("user-agent") == "Envoy/HC"
        assert sorted(name for name, _ in request.headers) == ["host", "user-agent"]

    def test_what_a_check_is_told_to_say(self, checking, backends):
        checking(endpoint(backends[0].port), **check(http_health_check={
            "path": "/hz?x=1", "host": "h.test", "method": "POST", "send": {"text": "68656c6c6f"},
            "request_headers_to_add": [{"header": {"key": "x-added", "value": "yes"}}], "request_headers_to_remove": ["user-agent"],
            "expected_statuses": [{"start": 200, "end": 300}]}))
        request = backends[0].requests[0]
        assert request.line == "POST /hz?x=1 HTTP/1.1" and request.body == b"hello"
        assert request.get("host") == "h.test" and request.get("x-added") == "yes" and request.get("user-agent") is None


class TestFailingAndRecovering:
    def test_a_wrong_status_counts_at_once_and_two_successes_bring_it_back(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check())
        port = backends[1].port
        backends[1].status = 500
        wait_flags(proxy, port, "/failed_active_hc")
        wait_until(lambda: answers(proxy) == {"a"}, "the other one left alone")
        assert counted(proxy, "network_failure") == 0 and counted(proxy, "healthy") == 1
        before = len(backends[1].checks)
        backends[1].status = 200
        wait_flags(proxy, port, "healthy")
        assert len(backends[1].checks) >= before + 2
        wait_until(lambda: answers(proxy) == {"a", "b"}, "both again")

    def test_no_host_left_is_503_without_panic(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check())
        for backend in backends:
            backend.status = 500
            wait_flags(proxy, backend.port, "/failed_active_hc")
        wait_until(lambda: proxy.fetch().status == 503, "nobody left")
        assert "no healthy upstream" in proxy.fetch().text

    def test_panic_uses_them_all_the_same(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), panic=True, **check())
        for backend in backends:
            backend.status = 500
            wait_flags(proxy, backend.port, "/failed_active_hc")
        wait_until(lambda: answers(proxy) == {"a", "b"}, "panic")
        assert proxy.stat("cluster.up.lb_healthy_panic") > 0

    def test_failures_of_the_network_are_counted_up(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check())
        port = backends[1].port
        backends[1].close()
        wait_flags(proxy, port, "/failed_active_hc")
        assert counted(proxy, "network_failure") >= 3
        wait_until(lambda: answers(proxy) == {"a"}, "the other one left alone")

    def test_a_host_that_does_not_answer_in_time(self, checking, closing, backends):
        stalls = closing(Upstream("stalls", script=lambda connection: connection.read_to_end()))
        proxy = checking(backends[0].port, stalls.port, **check(timeout="0.1s"))
        wait_flags(proxy, stalls.port, "/failed_active_hc/active_hc_timeout")
        assert answers(proxy) == {"a"}

    def test_retriable_statuses_only_count_up(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check(http_health_check={
            "path": "/hz", "expected_statuses": [{"start": 200, "end": 201}, {"start": 204, "end": 205}],
            "retriable_statuses": [{"start": 500, "end": 600}]}))
        port, failures = backends[1].port, counted(proxy, "failure")
        backends[0].status = 204
        backends[1].status = 503
        wait_flags(proxy, port, "/failed_active_hc")
        assert counted(proxy, "failure") >= failures + 3 and counted(proxy, "network_failure") == 0
        assert flags(proxy)[backends[0].port] == "healthy"

    def test_degraded_hosts_serve_when_the_others_cannot(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check())
        backends[1].headers = {"x-envoy-degraded": "1"}
        wait_flags(proxy, backends[1].port, "/degraded_active_hc")
        assert proxy.stat("cluster.up.membership_degraded") == 1 and counted(proxy, "degraded") == 1
        status = json_status(proxy, backends[1].port)
        assert status == {"failed_active_degraded_check": True, "eds_health_status": "HEALTHY"}
        backends[0].status = 500
        wait_flags(proxy, backends[0].port, "/failed_active_hc")
        wait_until(lambda: answers(proxy) == {"b"}, "the degraded one alone")
        backends[1].headers = {}
        wait_flags(proxy, backends[1].port, "healthy")

    def test_a_response_to_a_request_may_ask_to_be_left_alone(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check(interval="60s", no_traffic_interval="60s"))
        backends[1].request_headers = {"x-envoy-immediate-health-check-fail": "1"}
        wait_until(lambda: proxy.fetch().text == "b", "a request to b")
        wait_flags(proxy, backends[1].port, "/failed_active_hc/excluded_via_immediate_hc_fail")
        assert counted(proxy, "passive_failure") >= 1
        wait_until(lambda: proxy.stat("cluster.up.membership_excluded") == 1, "the gauge")
        wait_until(lambda: answers(proxy) == {"a"}, "b left alone")

    def test_an_ejected_host_that_is_well_returns_early(self, checking, backends):
        proxy = checking(*(backend.port for backend in backends), **check(), outlier_detection={
            "consecutive_5xx": 1, "base_ejection_time": "1000s", "max_ejection_percent": 100, "interval": "1000s"})
        failing = threading.Event()
        ordinary = backends[1].answer

        def fail_once(request):
            if request.target != "/hz" and not failing.is_set():
                failing.set()
                return reply(500)
            return ordinary(request)

        backends[1].answer = fail_once
        wait_until(lambda: proxy.fetch() and failing.is_set(), "the failure")
        wait_until(lambda: proxy.stat("cluster.up.outlier_detection.ejections_enforced_total") == 1, "the ejection")
        wait_until(lambda: proxy.stat("cluster.up.outlier_detection.ejections_active") == 0, "its return")
        wait_flags(proxy, backends[1].port, "healthy")


def json_status(proxy, port):
    cluster_status = next(entry for entry in proxy.admin_json("/clusters?format=json")["cluster_statuses"] if entry["name"] == "up")
    return next(host["health_status"] for host in cluster_status["host_statuses"]
                if host["address"]["socket_address"]["port_value"] == port)


class TestBodiesAndConnections:
    def test_the_body_has_to_hold_what_is_expected(self, checking, backends):
        for backend in backends:
            backend.body = "state: up, load: low"
        proxy = checking(*(backend.port for backend in backends), **check(http_health_check={
            "path": "/hz", "receive": [{"text": b"up".hex()}, {"text": b"low".hex()}]}))
        assert set(flags(proxy).values()) == {"healthy"}
        backends[1].body = "load: low, state: up"
        wait_flags(proxy, backends[1].port, "/failed_active_hc")

    def test_a_name_has_to_match(self, checking, backends):
        name = "x-envoy-upstream-healthchecked-cluster"
        backends[0].headers, backends[1].headers = {name: "locations-1"}, {name: "other"}
        proxy = checking(*(backend.port for backend in backends), **check(http_health_check={
            "path": "/hz", "service_name_matcher": {"prefix": "locations"}}))
        assert flags(proxy) == {backends[0].port: "healthy", backends[1].port: "/failed_active_hc"}
        assert counted(proxy, "verify_cluster") >= 2

    @pytest.mark.parametrize("reuse", [True, False])
    def test_connections_are_kept_or_not(self, checking, backends, reuse):
        checking(backends[0].port, **check(reuse_connection=reuse))
        wait_until(lambda: len(backends[0].checks) >= 4, "checks")
        connections = {request.connection for request in backends[0].checks[:4]}
        assert len(connections) == (1 if reuse else 4)

    def test_a_response_that_ends_the_connection(self, checking, backends):
        backends[0].headers = {"connection": "close"}
        proxy = checking(backends[0].port, **check())
        wait_until(lambda: len(backends[0].checks) >= 4, "checks")
        assert len({request.connection for request in backends[0].checks[:4]}) == 4
        assert counted(proxy, "failure") == 0

    def test_http2(self, checking, closing):
        upstream = closing(Http2Upstream("two"))
        proxy = checking(upstream.port, **check(http_health_check={"path": "/hz", "codec_client_type": "HTTP2"}))
        wait_until(lambda: len(upstream.streams) >= 3, "checks")
        assert len(upstream.links) == 1 and flags(proxy)[upstream.port] == "healthy"
        assert upstream.streams[0].get(":path") == "/hz" and upstream.streams[0].get(":authority") == "up"
        upstream.on_request = lambda stream: stream.reset()
        wait_flags(proxy, upstream.port, "/failed_active_hc")
        assert counted(proxy, "network_failure") >= 3


class TestEndpoints:
    def test_where_and_as_what_an_endpoint_is_asked(self, checking, backends, closing):
        beside = closing(Backend("beside"))
        hosts = [{"endpoint": {"address": endpoint(backend.port)["endpoint"]["address"], "health_check_config": settings}}
                 for backend, settings in zip(backends, ({"port_value": beside.port, "hostname": "own.test"},
                                                         {"disable_active_health_check": True}))]
        proxy = checking(*hosts, **check())
        assert beside.checks and not backends[0].checks and not backends[1].checks
        assert beside.checks[0].get("host") == "own.test"
        assert set(flags(proxy).values()) == {"healthy"}
        beside.status = 500
        wait_flags(proxy, backends[0].port, "/failed_active_hc")
        wait_until(lambda: answers(proxy) == {"b"}, "the one that is not asked")


class TestTcp:
    def test_connecting_is_enough(self, checking, backends):
        dead = unused_port()
        proxy = checking(backends[0].port, dead, **check(tcp_health_check={}))
        assert flags(proxy) == {backends[0].port: "healthy", dead: "/failed_active_hc"}

    def test_what_is_said_and_heard(self, checking, closing):
        def well(connection):
            while received := connection.recv(100):
                connection.sendall(b"--PO" if received == b"PING" else b"??")
                connection.sendall(b"NG--OK")

        def unwell(connection):
            while connection.recv(100):
                connection.sendall(b"OK, PONG")

        hosts = [closing(Server(serve)) for serve in (well, unwell)]
        proxy = checking(*(host.port for host in hosts), **check(timeout="0.2s", tcp_health_check={
            "send": {"text": b"PING".hex()}, "receive": [{"text": b"PONG".hex()}, {"text": b"OK".hex()}]}))
        wait_flags(proxy, hosts[1].port, "/failed_active_hc/active_hc_timeout")
        assert flags(proxy)[hosts[0].port] == "healthy"
        checked = counted(proxy, "success")
        wait_until(lambda: counted(proxy, "success") >= checked + 3, "more checks")
        assert len(hosts[0].connections) == 1


SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def frame(message, flag=0):
    return struct.pack(">BI", flag, len(message)) + message


def grpc_answer(body, status="0"):
    def answer(stream):
        stream.respond(200, [("content-type", "application/grpc")], body, trailers=[("grpc-status", status)])
    return answer


class TestGrpc:
    @pytest.fixture
    def asked(self, checking, closing):
        def begin(on_request, **settings):
            upstream = closing(Http2Upstream("grpc", on_request))
            return checking(upstream.port, http2=True, **check(timeout="0.5s", grpc_health_check=settings)), upstream
        return begin

    def test_serving_and_not(self, asked):
        proxy, upstream = asked(grpc_answer(frame(SERVING)), service_name="shop.Orders", authority="orders.test",
                                initial_metadata=[{"header": {"key": "x-key", "value": "k"}}])
        assert flags(proxy) == {upstream.port: "healthy"}
        wait_until(lambda: len(upstream.streams) >= 2, "checks")
        stream = upstream.streams[0]
        assert stream.get(":path") == "/grpc.health.v1.Health/Check" and stream.get(":method") == "POST"
        assert stream.get(":authority") == "orders.test" and stream.get("x-key") == "k" and stream.get("te") == "trailers"
        assert stream.get("content-type") == "application/grpc" and stream.get("grpc-timeout") == "500m"
        assert stream.body == frame(b"\x0a\x0bshop.Orders")
        assert len(upstream.links) == 1
        upstream.on_request = grpc_answer(frame(NOT_SERVING))
        wait_flags(proxy, upstream.port, "/failed_active_hc")
        assert counted(proxy, "network_failure") == 0
        upstream.on_request = grpc_answer(frame(SERVING))
        wait_flags(proxy, upstream.port, "healthy")

    @pytest.mark.parametrize("on_request", [
        pytest.param(grpc_answer(b""), id="no-message"),
        pytest.param(grpc_answer(frame(SERVING), "5"), id="status"),
        pytest.param(grpc_answer(frame(SERVING) * 2), id="two-messages"),
        pytest.param(grpc_answer(frame(SERVING, 1)), id="compressed"),
        pytest.param(grpc_answer(frame(b"\xff\xff\xff")), id="no-protobuf"),
        pytest.param(lambda stream: stream.respond(200, [("content-type", "text/plain")], b"ok"), id="no-grpc"),
        pytest.param(lambda stream: stream.respond(503, [("content-type", "application/grpc")], b""), id="503"),
        pytest.param(lambda stream: stream.respond(200, [("content-type", "application/grpc"), ("grpc-status", "12")]), id="unimplemented"),
        pytest.param(lambda stream: stream.respond(200, [("content-type", "application/grpc")], frame(SERVING)), id="no-trailers"),
    ])
    def test_answers_that_are_no_yes(self, asked, on_request):
        proxy, upstream = asked(on_request)
        assert flags(proxy) == {upstream.port: "/failed_active_hc"}
        assert counted(proxy, "success") == 0 and counted(proxy, "network_failure") == 0


    @pytest.mark.remora_only("it takes an answer of any size")
    def test_an_answer_that_is_too_large(self, closing):
        padded = b"\x12" + b"\x80\x80\x06" + b"x" * 98304 + SERVING  # a field that nobody knows, and the status
        upstream = closing(Http2Upstream("grpc", grpc_answer(frame(padded))))
        proxy = closing(Proxy(bootstrap([http_listener(route(to="up"))], [cluster("up", upstream.port, http2=True, **check(grpc_health_check={}))])))
        assert flags(proxy) == {upstream.port: "/failed_active_hc"}


class TestTls:
    """Hosts that are reached over TLS are asked over TLS, by the same rules."""

    @pytest.fixture
    def authority(self, tmp_path):
        return Authority(tmp_path / "ca")

    @staticmethod
    def secure(closing, authority, name):
        return closing(TlsUpstream(authority.issue(name, f"DNS:{name}.local"), name=name,
                                   answer=lambda request: reply(200, {}, "" if request.target == "/hz" else name)))

    @pytest.fixture
    def plain(self, closing):
        def script(connection):
            connection.sock.recv(1)
            connection.send(reply(400, {"connection": "close"}, "what?"))

        return closing(Upstream("plain", script=script))

    def test_whoever_shows_the_wrong_certificate_is_unwell(self, checking, closing, authority, tmp_path):
        good = self.secure(closing, authority, "good")
        forged = self.secure(closing, Authority(tmp_path / "other", "other"), "forged")
        proxy = checking(good.port, forged.port, transport_socket=upstream_tls(ca=authority, sni="up.local"), **check())
        assert flags(proxy) == {good.port: "healthy", forged.port: "/failed_active_hc"}
        assert {name for _, name, _ in good.handshakes} == {"up.local"}
        assert answers(proxy) == {"good"}

    def test_a_host_that_speaks_in_plain_text_is_unwell(self, checking, closing, authority, plain):
        good = self.secure(closing, authority, "good")
        proxy = checking(good.port, plain.port, transport_socket=upstream_tls(ca=authority), **check())
        assert flags(proxy) == {good.port: "healthy", plain.port: "/failed_active_hc"}
        assert not plain.requests

    def test_protocols_of_their_own(self, checking, closing, authority):
        upstream = self.secure(closing, authority, "good")
        upstream.context.set_alpn_protocols(["of-checks", "http/1.1"])
        agreed = []
        upstream.script = lambda connection: agreed.append(connection.sock.selected_alpn_protocol()) or upstream.serve(connection)
        proxy = checking(upstream.port, transport_socket=upstream_tls(ca=authority, alpn=("http/1.1",)),
                         **check(tls_options={"alpn_protocols": ["of-checks"]}))
        assert answers(proxy) == {"good"}
        assert set(agreed) == {"of-checks", "http/1.1"}

    def test_of_tcp_the_handshake_is_a_part(self, checking, closing, authority, plain):
        good = self.secure(closing, authority, "good")
        proxy = checking(good.port, plain.port, transport_socket=upstream_tls(ca=authority), **check(tcp_health_check={}))
        assert flags(proxy) == {good.port: "healthy", plain.port: "/failed_active_hc"}


class TestOverAds:
    @pytest.fixture
    def ads(self, closing):
        return closing(AdsServer())

    def serve(self, ads, endpoints, **settings):
        ads.serve_all([cluster("up", eds=over_ads(), **NO_PANIC, **check(), **settings)], [assignment("up", *endpoints)],
                      [listener(http(rds={"route_config_name": "routes", "config_source": over_ads()}), name="in")],
                      [routing(virtual_host(route(to="up")))])

    def begin(self, closing, kind, ads):
        return closing(Proxy(bootstrap(ads=ads.port), kind=kind))

    def test_a_host_that_is_well_outlives_its_discovery(self, closing, kind, ads, backends):
        a, b = backends
        self.serve(ads, [a.port, b.port])
        proxy = self.begin(closing, kind, ads)
        wait_until(lambda: answers(proxy) == {"a", "b"}, "both hosts")
        ads.set(ENDPOINTS, [assignment("up", a.port)])
        wait_flags(proxy, b.port, "/pending_dynamic_removal")
        assert answers(proxy) == {"a", "b"}
        b.status = 500
        wait_until(lambda: flags(proxy) == {a.port: "healthy"}, "the host gone")
        wait_until(lambda: answers(proxy) == {"a"}, "the other one alone")

    def test_a_host_that_comes_back_is_a_member_again(self, closing, kind, ads, backends):
        a, b = backends
        self.serve(ads, [a.port, b.port])
        proxy = self.begin(closing, kind, ads)
        ads.set(ENDPOINTS, [assignment("up", a.port)])
        wait_flags(proxy, b.port, "/pending_dynamic_removal")
        ads.set(ENDPOINTS, [assignment("up", a.port, b.port)])
        wait_flags(proxy, b.port, "healthy")

    def test_discovery_may_have_the_last_word(self, closing, kind, ads, backends):
        a, b = backends
        self.serve(ads, [a.port, b.port], ignore_health_on_host_removal=True)
        proxy = self.begin(closing, kind, ads)
        ads.set(ENDPOINTS, [assignment("up", a.port)])
        wait_until(lambda: flags(proxy) == {a.port: "healthy"}, "the host gone")

    def test_a_new_cluster_is_used_when_its_hosts_have_been_asked(self, closing, kind, ads, backends):
        a, b = backends
        self.serve(ads, [a.port])
        proxy = self.begin(closing, kind, ads)
        asked, go_on = threading.Event(), threading.Event()

        def slow(request):
            if request.target != "/hz":
                return reply(200, {}, "b")
            asked.set()
            go_on.wait(20)
            return reply(200)

        b.answer = slow
        ads.set(CLUSTERS, [cluster("up", eds=over_ads(), **NO_PANIC, **check()), cluster("next", b.port, **check(timeout="20s"))])
        ads.set(ROUTES, [routing(virtual_host(route(to="next")))])
        assert asked.wait(20)
        wait_until(lambda: proxy.fetch().status == 503, "no such cluster yet")
        go_on.set()
        wait_until(lambda: proxy.fetch().text == "b", "the cluster")

    def test_an_update_waits_for_its_hosts_while_the_old_ones_serve(self, closing, kind, ads, backends):
        a, b = backends
        ads.serve_all([cluster("up", a.port, **NO_PANIC, **check())], [],
                      [listener(http(rds={"route_config_name": "routes", "config_source": over_ads()}), name="in")],
                      [routing(virtual_host(route(to="up")))])
        proxy = self.begin(closing, kind, ads)
        asked, go_on = threading.Event(), threading.Event()

        def slow(request):
            if request.target != "/hz":
                return reply(200, {}, "b")
            asked.set()
            go_on.wait(20)
            return reply(200)

        b.answer = slow
        ads.set(CLUSTERS, [cluster("up", b.port, **NO_PANIC, **check(timeout="20s"))])
        assert asked.wait(20)
        assert answers(proxy) == {"a"}
        go_on.set()
        wait_until(lambda: answers(proxy) == {"b"}, "the new version")

    def test_new_hosts_may_be_left_out_until_they_are_asked(self, closing, kind, ads, backends):
        a, b = backends
        go_on = threading.Event()

        def slow(request):
            go_on.wait(20)
            return reply(200, {}, "b")

        b.answer = slow
        ads.serve_all([cluster("up", eds=over_ads(), **check(timeout="20s"), common_lb_config={
                          "ignore_new_hosts_until_first_hc": True, "healthy_panic_threshold": {"value": 60}})],
                      [assignment("up", a.port)],
                      [listener(http(rds={"route_config_name": "routes", "config_source": over_ads()}), name="in")],
                      [routing(virtual_host(route(to="up")))])
        proxy = self.begin(closing, kind, ads)
        ads.set(ENDPOINTS, [assignment("up", a.port, b.port)])
        wait_flags(proxy, b.port, "/failed_active_hc/pending_active_hc")
        assert proxy.stat("cluster.up.membership_excluded") == 1
        assert answers(proxy) == {"a"}, "one of one host is no panic"
        go_on.set()
        wait_flags(proxy, b.port, "healthy")
        assert proxy.stat("cluster.up.membership_excluded") == 0


def endless_body(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.send(b"x" * 65536)


def endless_head(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nx: ")
    for _ in range(64):
        connection.send(b"x" * 16384)
    connection.read_to_end()


def reset(connection):
    connection.read_request()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sock.close()


def garbage(connection):
    connection.read_request()
    connection.send(bytes(range(256)) * 16)
    connection.read_to_end()


def interim(connection):
    connection.read_request()
    while True:
        connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


def twice(connection):
    connection.read_request()
    connection.send(reply(500) + reply(200))
    connection.read_to_end()


class TestHostileHosts:
    @pytest.mark.parametrize("script", [endless_body, endless_head, reset, garbage, interim, twice])
    def test_it_is_unwell_and_all_else_goes_on(self, checking, closing, backends, script):
        hostile = closing(Upstream("hostile", script=script))
        proxy = checking(backends[0].port, hostile.port, **check(timeout="0.3s"))
        wait_until(lambda: counted(proxy, "failure") >= 3, "failures")
        assert flags(proxy)[hostile.port].startswith("/failed_active_hc")
        assert flags(proxy)[backends[0].port] == "healthy"
        assert answers(proxy) == {"a"}

    @pytest.mark.parametrize("data", [b"\x00" * 64, b"HTTP/1.1 200 OK\r\n\r\n", struct.pack(">I", 0x01000000) + b"\xff" * 500])
    def test_http2_garbage(self, checking, closing, backends, data):
        def serve(connection):
            connection.recv(100)
            connection.sendall(data)
            while connection.recv(65536):
                pass

        hostile = closing(Server(serve))
        proxy = checking(backends[0].port, hostile.port, **check(timeout="0.3s", http_health_check={
            "path": "/hz", "codec_client_type": "HTTP2"}))
        wait_until(lambda: counted(proxy, "failure") >= 3, "failures")
        assert flags(proxy)[hostile.port].startswith("/failed_active_hc")


@pytest.mark.remora_only("it explains")
def test_the_explanation_says_why(closing, backends):
    config = bootstrap([http_listener(route(to="up"))], [cluster("up", backends[0].port, **check())])
    proxy = closing(Proxy(config))
    backends[0].status = 500
    wait_flags(proxy, backends[0].port, "/failed_active_hc")
    answer = proxy.admin("/explain", "POST", json.dumps({"path": "/", "authority": "x"}).encode())
    shown = json.loads(answer.text)["cluster"]["endpoints"][0]
    assert shown["health"] == "/failed_active_hc" and shown["health_check"] == "status 500 is not among expected_statuses"


FILE_SINK = "envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink"


@pytest.mark.parametrize("field", ["event_logger", "event_log_path"])
def test_events(closing, kind, tmp_path, field):
    """The lines of both, but for their times: the same."""
    log = tmp_path / "events.log"
    setting = {"event_log_path": str(log)}
    if field == "event_logger":
        setting = {"event_logger": [{"name": "file", "typed_config": typed(FILE_SINK, event_log_path=str(log))}]}
    backend, dead = closing(Backend("a")), unused_port()
    hosts = [endpoint(backend.port, metadata={"version": "v1"}), endpoint(dead)]
    config = bootstrap([http_listener(route(to="up"))], [cluster("up", *hosts, **check(**setting))])
    proxy = closing(Proxy(config, kind=kind))
    for status, headers, expected in ((200, {"x-envoy-degraded": "1"}, "/degraded_active_hc"), (200, {}, "healthy"),
                                      (503, {}, "/failed_active_hc"), (200, {}, "healthy")):
        backend.status, backend.headers = status, headers
        wait_flags(proxy, backend.port, expected)
    wait_until(lambda: log.exists() and log.read_text().count("\n") >= 6, "the log")
    lines = log.read_text().replace(f":{backend.port},", ":1,").replace(f":{dead},", ":2,").splitlines()
    address = ('"host":{"socket_address":{"protocol":"TCP","address":"127.0.0.1","port_value":%d,"resolver_name":"",'
               '"ipv4_compat":false,"network_namespace_filepath":""}},"cluster_name":"up"')
    metadata = '"metadata":{"filter_metadata":{"envoy.lb":{"version":"v1"}},"typed_filter_metadata":{}},'

    def line(port, before="", after="", more=""):
        return ('{"health_checker_type":"HTTP",' + address % port + before + ',"timestamp":"T"' + after + "," + more +
                '"locality":{"region":"","zone":"","sub_zone":""}}')

    seen = [re.sub(r'"timestamp":"[0-9T:.-]*Z"', '"timestamp":"T"', text) for text in lines]
    assert line(2, after=',"health_check_failure_event":{"failure_type":"NETWORK","first_check":true,"http_status_code":0}') in seen
    assert [text for text in seen if '"port_value":1,' in text] == [
        line(1, before=',"add_healthy_event":{"first_check":true}', more=metadata),
        line(1, after=',"degraded_healthy_host":{}', more=metadata),
        line(1, after=',"no_longer_degraded_host":{}', more=metadata),
        line(1, before=',"eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503}', more=metadata),
        line(1, before=',"add_healthy_event":{"first_check":false}', more=metadata)]
