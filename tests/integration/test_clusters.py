"""Which endpoint of a cluster gets a request, and when none does: balancing, subsets, breakers, ejection, panic."""

import collections
import contextlib
import re
import subprocess
import threading

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http_listener, route
from support.http_client import format_request
from support.stats import assert_share, assert_split
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def hosts():
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Upstream(name)) for name in NAMES}


def counts(proxy, requests, target="/", headers=()):
    with proxy.connect() as client:
        return collections.Counter(client.request(target=target, headers=headers).text for _ in range(requests))


class TestBalancing:
    @pytest.fixture
    def behind(self, start, hosts):
        def begin(weights=None, **settings):
            endpoints = [endpoint(hosts[name].port, load_balancing_weight=weight)
                         for name, weight in (weights or dict.fromkeys(NAMES, 1)).items()]
            return start(bootstrap([http_listener(route(to="up"))], [cluster("up", *endpoints, **settings)]))
        return begin

    def test_round_robin_takes_turns(self, behind):
        proxy = behind(lb_policy="ROUND_ROBIN")
        with proxy.connect() as client:
            names = [client.request().text for _ in range(30)]
        assert all(len(set(names[index:index + 3])) == 3 for index in range(0, 30, 3)), names

    def test_round_robin_honours_weights(self, behind):
        seen = counts(behind({"a": 1, "b": 2, "c": 5}, lb_policy="ROUND_ROBIN"), 800)
        assert all(abs(seen[name] - share) <= 8 for name, share in {"a": 100, "b": 200, "c": 500}.items()), seen

    @pytest.mark.parametrize("policy", ["RANDOM", "LEAST_REQUEST"])
    def test_random_choices_are_even(self, behind, policy):
        assert_split(counts(behind(lb_policy=policy), 900), dict.fromkeys(NAMES, 1))

    def test_least_request_honours_weights(self, behind):
        seen = counts(behind({"a": 1, "b": 2, "c": 5}, lb_policy="LEAST_REQUEST"), 800)
        assert all(abs(seen[name] - share) <= 8 for name, share in {"a": 100, "b": 200, "c": 500}.items()), seen

    def test_random_does_not_look_at_weights(self, behind):
        assert_split(counts(behind({"a": 1, "b": 2, "c": 5}, lb_policy="RANDOM"), 800), dict.fromkeys(NAMES, 1))

    def test_least_request_avoids_the_busy_host(self, start, closing):
        """Two draws among two hosts: the busy one is chosen only when both draws name it."""
        release = threading.Event()
        busy_requests = []

        def hold(request):
            if request.target == "/hold":
                busy_requests.append(request)
                release.wait(20)
            return reply(200, {}, "busy")

        busy, free = closing(Upstream("busy", hold)), closing(Upstream("free"))
        proxy = start(bootstrap([http_listener(route(to="both"))],
                                [cluster("both", busy.port, free.port, lb_policy="LEAST_REQUEST")]))
        held = 0
        while len(busy_requests) < 4:
            client = closing(proxy.connect())
            client.send(format_request(target="/hold"))
            held += 1
            wait_until(lambda: len(busy_requests) + len(free.requests) >= held, "the request on its way")
        seen = counts(proxy, 400)
        release.set()
        assert_share(seen["busy"], 400, 0.25)

    def test_typed_policy_is_understood_as_well(self, behind):
        proxy = behind(load_balancing_policy={"policies": [{"typed_extension_config": {
            "name": "envoy.load_balancing_policies.round_robin", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin"}}}]})
        assert counts(proxy, 30) == dict.fromkeys(NAMES, 10)


class TestHealth:
    @pytest.mark.parametrize("status", ["UNHEALTHY", "DRAINING", "TIMEOUT"])
    def test_unhealthy_endpoints_get_nothing(self, start, hosts, status):
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", endpoint(hosts["a"].port, health_status=status), hosts["b"].port, hosts["c"].port)]))
        assert counts(proxy, 40) == {"b": 20, "c": 20}
        stats = proxy.stats("membership")
        assert (stats["cluster.up.membership_total"], stats["cluster.up.membership_healthy"]) == (3, 2)

    def test_few_healthy_endpoints_are_a_panic_and_all_are_used(self, start, hosts):
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", *(endpoint(hosts[name].port, health_status="UNHEALTHY") for name in "ab"), hosts["c"].port)]))
        assert counts(proxy, 30) == {"a": 10, "b": 10, "c": 10}
        assert proxy.wait_stat("cluster.up.lb_healthy_panic", 30) == 30

    def test_panic_can_be_switched_off(self, start, hosts):
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", *(endpoint(hosts[name].port, health_status="UNHEALTHY") for name in "ab"), hosts["c"].port,
            common_lb_config={"healthy_panic_threshold": {"value": 0}})]))
        assert counts(proxy, 30) == {"c": 30}

    def test_no_healthy_endpoint_without_panic_is_503(self, start, hosts):
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", endpoint(hosts["a"].port, health_status="UNHEALTHY"),
            common_lb_config={"healthy_panic_threshold": {"value": 0}})]))
        response = proxy.fetch()
        assert (response.status, response.text) == (503, "no healthy upstream")
        assert proxy.wait_stat("cluster.up.upstream_cx_none_healthy") == 1

    def test_cluster_without_endpoints_is_503(self, start):
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up")]))
        response = proxy.fetch()
        assert (response.status, response.text) == (503, "no healthy upstream")


def subset(**keys):
    return {"filter_metadata": {"envoy.lb": keys}}


class TestSubsets:
    SELECTORS = [{"keys": ["version"]}, {"keys": ["stage", "version"]}]

    @pytest.fixture
    def grouped(self, start, hosts):
        """a: v1 prod, b: v1 dev, c: v2 prod."""

        def begin(match=None, routes=None, **lb_subset):
            endpoints = [endpoint(hosts[name].port, metadata={"version": version, "stage": stage})
                         for name, version, stage in (("a", "v1", "prod"), ("b", "v1", "dev"), ("c", "v2", "prod"))]
            settings = {"subset_selectors": self.SELECTORS, **lb_subset}
            routes = routes or [route(to="up", **({"metadata_match": subset(**match)} if match else {}))]
            return start(bootstrap([http_listener(*routes)], [cluster("up", *endpoints, lb_subset_config=settings)]))

        return begin

    @pytest.mark.parametrize("match, names", [
        ({"version": "v1"}, "ab"), ({"version": "v2"}, "c"), ({"version": "v1", "stage": "dev"}, "b"),
        ({"stage": "prod", "version": "v1"}, "a")])
    def test_metadata_chooses_the_subset(self, grouped, match, names):
        assert set(counts(grouped(match), 40)) == set(names)

    @pytest.mark.parametrize("match", [{"version": "v3"}, {"stage": "prod"}, {"colour": "red"},
                                       {"version": "v2", "stage": "dev"}])
    def test_no_fallback_is_503(self, grouped, match):
        proxy = grouped(match, fallback_policy="NO_FALLBACK")
        response = proxy.fetch()
        assert (response.status, response.text) == (503, "no healthy upstream")

    def test_no_fallback_is_the_default(self, grouped):
        assert grouped({"version": "v3"}).fetch().status == 503

    def test_route_without_metadata_uses_the_fallback(self, grouped):
        assert grouped(None, fallback_policy="NO_FALLBACK").fetch().status == 503
        assert set(counts(grouped(None, fallback_policy="ANY_ENDPOINT"), 60)) == set("abc")

    def test_fallback_to_any_endpoint(self, grouped):
        proxy = grouped({"version": "v3"}, fallback_policy="ANY_ENDPOINT")
        assert set(counts(proxy, 60)) == set("abc")
        assert proxy.wait_stat("cluster.up.lb_subsets_fallback", 60) == 60

    def test_fallback_to_the_default_subset(self, grouped):
        proxy = grouped({"version": "v3"}, fallback_policy="DEFAULT_SUBSET", default_subset={"stage": "prod"})
        assert set(counts(proxy, 40)) == set("ac")

    def test_default_subset_without_endpoints_is_503(self, grouped):
        proxy = grouped({"version": "v3"}, fallback_policy="DEFAULT_SUBSET", default_subset={"stage": "none"})
        assert proxy.fetch().status == 503

    @pytest.mark.parametrize("policy, names", [("NO_FALLBACK", ""), ("ANY_ENDPOINT", "abc"), ("DEFAULT_SUBSET", "c")])
    def test_fallback_of_the_selector_overrides_the_cluster(self, grouped, policy, names):
        proxy = grouped({"version": "v3"}, fallback_policy="ANY_ENDPOINT" if policy == "NO_FALLBACK" else "NO_FALLBACK",
                        default_subset={"version": "v2"},
                        subset_selectors=[{"keys": ["version"], "fallback_policy": policy}])
        if names:
            assert set(counts(proxy, 60)) == set(names)
        else:
            assert proxy.fetch().status == 503

    def test_fallback_to_fewer_keys(self, grouped):
        proxy = grouped({"version": "v2", "stage": "dev"}, subset_selectors=[
            {"keys": ["version"]},
            {"keys": ["stage", "version"], "fallback_policy": "KEYS_SUBSET", "fallback_keys_subset": ["version"]}])
        assert set(counts(proxy, 20)) == {"c"}

    def test_weighted_clusters_add_their_metadata_to_that_of_the_route(self, grouped):
        proxy = grouped(routes=[route(metadata_match=subset(version="v1"), split=[
            {"name": "up", "weight": 3, "metadata_match": subset(stage="prod")},
            {"name": "up", "weight": 1, "metadata_match": subset(stage="dev")}])])
        assert_split(counts(proxy, 400), {"a": 3, "b": 1})

    def test_metadata_of_other_types(self, start, hosts):
        endpoints = [endpoint(hosts["a"].port, metadata={"canary": True, "rank": 1}),
                     endpoint(hosts["b"].port, metadata={"canary": False, "rank": 2})]
        proxy = start(bootstrap(
            [http_listener(route("/canary", to="up", metadata_match=subset(canary=True)),
                           route("/rank", to="up", metadata_match=subset(rank=2)))],
            [cluster("up", *endpoints, lb_subset_config={
                "subset_selectors": [{"keys": ["canary"]}, {"keys": ["rank"]}]})]))
        assert counts(proxy, 10, "/canary") == {"a": 10} and counts(proxy, 10, "/rank") == {"b": 10}

    def test_subsets_are_counted(self, grouped):
        proxy = grouped({"version": "v1"})
        counts(proxy, 10)
        stats = proxy.stats("lb_subsets")
        # Envoy counts the subsets of every thread, so only their being counted is common ground.
        assert stats["cluster.up.lb_subsets_active"] >= 5 and stats["cluster.up.lb_subsets_selected"] == 10


class TestCircuitBreakers:
    @pytest.fixture
    def limited(self, through):
        """A proxy whose cluster has these limits, in front of an upstream that holds requests until released."""

        def begin(**thresholds):
            release = threading.Event()

            def answer(request):
                if request.target == "/hold":
                    release.wait(20)
                return reply(200, {}, "ok")

            proxy, upstream = through(answer=answer, cluster_settings={
                "circuit_breakers": {"thresholds": [{"track_remaining": True, **thresholds}]}})
            return proxy, upstream, release

        return begin

    @staticmethod
    def hold(proxy, closing, number=1):
        clients = [closing(proxy.connect()) for _ in range(number)]
        for client in clients:
            client.send(format_request(target="/hold"))
        return clients

    def test_too_many_requests_overflow(self, limited, closing):
        proxy, upstream, release = limited(max_requests=1)
        held = self.hold(proxy, closing)
        upstream.wait_for(1)
        response = proxy.fetch()
        assert response.status == 503 and response.get("x-envoy-overloaded") == "true"
        assert "overflow" in response.text
        wait_until(lambda: sum(proxy.stats("upstream_rq_(active|pending)_overflow").values()) == 1,
                   "the overflow counted (since 1.37 by a counter of its own)")
        assert proxy.stat("cluster.up.circuit_breakers.default.rq_open") == 1
        assert proxy.stat("cluster.up.circuit_breakers.default.remaining_rq") == 0
        release.set()
        assert held[0].response().status == 200
        wait_until(lambda: proxy.stat("cluster.up.circuit_breakers.default.rq_open") == 0, "the breaker closed")
        assert proxy.fetch().status == 200

    def test_request_waits_for_a_connection_below_the_pending_limit(self, limited, closing):
        proxy, upstream, release = limited(max_connections=1, max_pending_requests=1)
        held = self.hold(proxy, closing)
        upstream.wait_for(1)
        held += self.hold(proxy, closing)
        proxy.wait_stat("cluster.up.upstream_rq_pending_active")
        response = proxy.fetch()
        assert response.status == 503 and response.get("x-envoy-overloaded") == "true"
        release.set()
        assert [client.response().status for client in held] == [200, 200]
        assert len(upstream.connections) == 1
        assert proxy.wait_stat("cluster.up.upstream_cx_overflow") >= 1

    def test_many_pending_requests_are_served_in_order(self, limited, closing):
        proxy, upstream, release = limited(max_connections=1)
        self.hold(proxy, closing)
        upstream.wait_for(1)
        waiting = []
        for index in range(5):
            waiting.append(closing(proxy.connect()))
            waiting[-1].send(format_request(target=f"/{index}"))
            proxy.wait_stat("cluster.up.upstream_rq_pending_active", index + 1)
        release.set()
        assert [client.response().status for client in waiting] == [200] * 5
        assert [request.target for request in upstream.requests[1:]] == [f"/{index}" for index in range(5)]

    def test_connections_of_each_host_may_be_limited(self, start, closing):
        release = threading.Event()

        def answer(_):
            release.wait(20)
            return reply(200)

        hosts = [closing(Upstream(name, answer)) for name in "ab"]
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", *(host.port for host in hosts), circuit_breakers={
            "per_host_thresholds": [{"max_connections": 2}]})]))
        held = self.hold(proxy, closing, 8)
        wait_until(lambda: sum(len(host.requests) for host in hosts) == 4, "as many requests as connections are allowed")
        proxy.wait_stat("cluster.up.upstream_rq_pending_active", 4)
        assert proxy.stat("cluster.up.upstream_cx_active") == 4 and proxy.stat("cluster.up.upstream_cx_overflow") >= 1
        release.set()
        assert [client.response().status for client in held] == [200] * 8
        assert [len(host.connections) for host in hosts] == [2, 2]

    def test_client_that_leaves_gives_its_place_back(self, limited, closing):
        proxy, upstream, release = limited(max_requests=1)
        for _ in range(5):
            client = proxy.connect()
            before = len(upstream.requests)
            client.send(format_request(target="/hold"))
            upstream.wait_for(before + 1)
            client.close()
            wait_until(lambda: proxy.stat("cluster.up.upstream_rq_active") == 0, "the place given back")
        release.set()
        assert proxy.fetch().status == 200


def test_connections_may_be_kept_alive(start, closing):
    upstream = closing(Upstream("up"))
    keepalive = {"keepalive_probes": 3, "keepalive_time": 77, "keepalive_interval": 5}
    proxy = start(bootstrap([http_listener(route(to="kept")), http_listener(route(to="other"), name="other")], [
        cluster("kept", upstream.port, upstream_connection_options={"tcp_keepalive": keepalive}), cluster("other", upstream.port)]))
    with proxy.connect() as client, proxy.connect("other") as other:
        assert client.request().text == other.request().text == "up"
        sockets = subprocess.run(["ss", "-tno", "state", "established", f"dport = :{upstream.port}"], capture_output=True, text=True, check=True)
        timers = [line for line in sockets.stdout.splitlines() if "keepalive" in line]
        assert len(timers) == 1 and re.search(r"timer:\(keepalive,1?min1?[0-9]*(sec|ms)?", timers[0]), sockets.stdout


class TestOutlierDetection:
    """Section B2 of the design: consecutive failures, caps, ejection and return."""

    QUICK = {"interval": "0.2s", "base_ejection_time": "0.4s", "max_ejection_percent": 100}

    @pytest.fixture
    def watched(self, start, closing):
        """Two hosts; `bad` answers with `status` while it is set."""

        def begin(status=500, script=None, panic=0, **outlier):
            state = {"status": status}
            bad = closing(Upstream("bad", lambda _: reply(state["status"], {}, "bad"), script))
            good = closing(Upstream("good"))
            proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
                "up", bad.port, good.port, outlier_detection={**self.QUICK, **outlier},
                common_lb_config={"healthy_panic_threshold": {"value": panic}})]))
            return proxy, state

        return begin

    @staticmethod
    def ejections(proxy):
        return proxy.stat("cluster.up.outlier_detection.ejections_enforced_total")

    def provoke(self, proxy, requests=40):
        with proxy.connect() as client:
            return collections.Counter(client.request().text for _ in range(requests))

    def wait_ejected(self, proxy):
        """Provokes until the bad host gets nothing any more; when the workers learn of it is up to the machine."""
        wait_until(lambda: self.provoke(proxy, 10) == {"good": 10}, "only the good host asked")

    def test_consecutive_5xx_eject_and_time_brings_back(self, watched):
        proxy, state = watched(consecutive_5xx=3, base_ejection_time="3s")
        assert self.provoke(proxy, 4) == {"good": 2, "bad": 2}, "two failures are not yet enough"
        self.wait_ejected(proxy)
        assert proxy.stat("cluster.up.outlier_detection.ejections_active") == 1
        assert proxy.stat("cluster.up.membership_healthy") == 1
        state["status"] = 200
        wait_until(lambda: proxy.stat("cluster.up.outlier_detection.ejections_active") == 0, "the host returned")
        assert self.provoke(proxy, 20) == {"good": 10, "bad": 10}
        assert proxy.stat("cluster.up.outlier_detection.ejections_enforced_consecutive_5xx") >= 1

    def test_success_in_between_starts_the_count_again(self, watched):
        proxy, state = watched(consecutive_5xx=3)
        for _ in range(5):
            state["status"] = 500
            self.provoke(proxy, 4)
            state["status"] = 200
            self.provoke(proxy, 4)
        assert self.ejections(proxy) == 0

    def test_cap_of_ten_percent_ejects_nobody_of_two(self, watched):
        proxy, _ = watched(consecutive_5xx=3, max_ejection_percent=10)
        assert self.provoke(proxy) == {"good": 20, "bad": 20}
        assert proxy.wait_stat("cluster.up.outlier_detection.ejections_overflow") >= 1
        assert self.ejections(proxy) == 0

    def test_one_host_can_always_be_ejected_when_asked(self, watched):
        proxy, _ = watched(consecutive_5xx=3, max_ejection_percent=10, always_eject_one_host=True, base_ejection_time="30s")
        self.wait_ejected(proxy)
        assert self.ejections(proxy) == 1

    @pytest.mark.parametrize("status, ejected", [(503, 1), (500, 0)])
    def test_gateway_failures_have_a_count_of_their_own(self, watched, status, ejected):
        proxy, _ = watched(status=status, consecutive_5xx=1000, consecutive_gateway_failure=3, base_ejection_time="30s",
                           enforcing_consecutive_gateway_failure=100)
        self.provoke(proxy)
        assert self.ejections(proxy) == ejected

    def test_not_enforced_is_only_counted(self, watched):
        proxy, _ = watched(consecutive_5xx=3, enforcing_consecutive_5xx=0)
        assert self.provoke(proxy) == {"good": 20, "bad": 20}
        assert proxy.wait_stat("cluster.up.outlier_detection.ejections_detected_consecutive_5xx") >= 1
        assert self.ejections(proxy) == 0

    def test_resets_count_as_5xx(self, watched):
        def script(connection):
            connection.read_request_head()
            connection.reset()

        proxy, _ = watched(script=script, consecutive_5xx=3, base_ejection_time="30s")
        self.wait_ejected(proxy)
        assert proxy.wait_stat("cluster.up.outlier_detection.ejections_enforced_consecutive_5xx") == 1

    @pytest.mark.parametrize("split", [False, True])
    def test_refused_connections_count(self, start, closing, split):
        good = closing(Upstream("good"))
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", unused_port(), good.port, outlier_detection={
                **self.QUICK, "consecutive_5xx": 3, "consecutive_local_origin_failure": 3, "base_ejection_time": "30s",
                "split_external_local_origin_errors": split},
            common_lb_config={"healthy_panic_threshold": {"value": 0}})]))
        self.wait_ejected(proxy)
        kind = "consecutive_local_origin_failure" if split else "consecutive_5xx"
        assert proxy.wait_stat(f"cluster.up.outlier_detection.ejections_enforced_{kind}") == 1

    def provoke_until(self, proxy, what, condition):
        """Changes of health reach the workers a moment (in Envoy up to a second) later, so keep asking."""
        def attempt():
            self.provoke(proxy, 4)
            return condition()
        wait_until(attempt, what)

    def test_ejection_is_repeated(self, watched):
        proxy, state = watched(consecutive_5xx=1, base_ejection_time="0.5s", interval="0.05s")
        for count in (1, 2):
            state["status"] = 500
            self.provoke_until(proxy, f"ejection {count}", lambda: self.ejections(proxy) == count)
            state["status"] = 200
            wait_until(lambda: proxy.stat("cluster.up.outlier_detection.ejections_active") == 0, "the host returned")

    def test_every_host_ejected_is_a_panic_and_all_serve(self, start, closing):
        hosts = [closing(Upstream("bad", lambda _: reply(500, {}, "bad"))) for _ in range(2)]
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster(
            "up", *(host.port for host in hosts), outlier_detection={**self.QUICK, "consecutive_5xx": 2,
                                                                     "base_ejection_time": "30s"})]))
        self.provoke_until(proxy, "a panic", lambda: proxy.stat("cluster.up.lb_healthy_panic") >= 1)
        assert proxy.stat("cluster.up.outlier_detection.ejections_active") == 2
        assert proxy.fetch().status == 500

    def test_ejection_shows_in_the_admin_interface(self, watched):
        proxy, _ = watched(consecutive_5xx=3, base_ejection_time="30s")
        self.provoke(proxy)
        assert "health_flags::/failed_outlier_check" in proxy.admin("/clusters").text


class TestConnectionPool:
    def test_requests_per_connection_are_limited(self, through):
        proxy, upstream = through(cluster_settings={"typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"max_requests_per_connection": 2}}}})
        with proxy.connect() as client:
            for _ in range(6):
                assert client.request().status == 200
        assert [request.connection for request in upstream.requests] == [0, 0, 1, 1, 2, 2]

    def test_idle_connections_are_closed(self, through):
        proxy, upstream = through(cluster_settings={"typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": "0.2s"}}}})
        assert proxy.fetch().status == 200
        assert proxy.wait_stat("cluster.up.upstream_cx_idle_timeout") == 1
        wait_until(lambda: proxy.stat("cluster.up.upstream_cx_active") == 0, "the idle connection closed")

    def test_parallel_requests_open_parallel_connections(self, through, closing):
        barrier = threading.Barrier(8)
        proxy, upstream = through(answer=lambda _: (barrier.wait(20), reply(200))[1])
        clients = [closing(proxy.connect()) for _ in range(8)]
        for client in clients:
            client.send(format_request())
        assert [client.response().status for client in clients] == [200] * 8
        assert len(upstream.connections) == 8
