"""What the router filter itself is told: bad x-envoy headers, timeouts that were announced, what is counted of answers."""

import pytest

from support.bootstrap import add_header, bootstrap, cluster, file_log, http, http_listener, listener, route, router, routing, virtual_host
from support.upstream import Upstream, reply, stall
from support.waiting import wait_until

INTERNAL = {"use_remote_address": True, "internal_address_config": {
    "cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}}
NUMBERS = ["x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-max-retries"]
CHECKED = [*NUMBERS, "x-envoy-retry-on", "x-envoy-retry-grpc-on"]


@pytest.fixture
def told(start, closing, tmp_path):
    """A proxy whose router has these settings, and its upstream."""

    def begin(answer=None, script=None, settings=INTERNAL, host=None, cluster_settings=None, of_route=None, **of_router):
        upstream = closing(Upstream(answer=answer, script=script))
        log = file_log(tmp_path / "log", "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n")
        whole = virtual_host(route("/direct", respond=(200, "direct")),
                             route("/", to="up", **(of_route or {})), **(host or {}))
        manager = http(route_config=routing(whole), http_filters=[router(**of_router)], access_log=[log], **settings)
        return start(bootstrap([listener(manager)], [cluster("up", upstream.port, **(cluster_settings or {}))])), upstream

    return begin


def line(tmp_path):
    path = tmp_path / "log"
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), lambda: "no line in the log")
    return path.read_text().strip()


class TestStrictHeaders:
    @pytest.mark.parametrize("name, value", [*[(name, bad) for name in NUMBERS for bad in ("soon", "-1", "1.5", "7ms", "99999999999999999999")],
                                             ("x-envoy-retry-on", "6xx"), ("x-envoy-retry-on", "5xx,some"), ("x-envoy-retry-on", "cancelled"),
                                             ("x-envoy-retry-grpc-on", "5xx"), ("x-envoy-retry-grpc-on", "unavailable,what")])
    def test_a_value_that_cannot_be_read_is_400(self, told, tmp_path, name, value):
        proxy, upstream = told(strict_check_headers=CHECKED)
        response = proxy.fetch(headers={name: value})
        assert (response.status, response.text) == (400, f"invalid header '{name}' with value '{value}'")
        assert not upstream.requests
        assert line(tmp_path) == f"400 IH request_headers_failed_strict_check{{{name}}}"
        assert proxy.stat("cluster.up.upstream_rq_400") == 0

    @pytest.mark.parametrize("name, value", [*[(name, good) for name in NUMBERS for good in ("0", "250")],
                                             ("x-envoy-retry-on", "5xx, reset,connect-failure"), ("x-envoy-retry-on", "http3-post-connect-failure"),
                                             ("x-envoy-retry-on", "5xx,,"), ("x-envoy-retry-grpc-on", "cancelled,unavailable"),
                                             ("x-envoy-retry-grpc-on", "deadline-exceeded , internal,resource-exhausted")])
    def test_a_value_that_can_be_read_passes(self, told, name, value):
        proxy, _ = told(strict_check_headers=CHECKED)
        assert proxy.fetch(headers={name: value}).status == 200

    def test_only_headers_that_are_named_are_checked(self, told):
        proxy, _ = told(strict_check_headers=["x-envoy-max-retries"])
        assert proxy.fetch(headers={"x-envoy-retry-on": "6xx"}).status == 200
        assert proxy.fetch(headers={"x-envoy-max-retries": "x"}).status == 400

    def test_only_what_is_forwarded_is_checked(self, told):
        proxy, _ = told(strict_check_headers=CHECKED, host={"require_tls": "NONE"})
        assert proxy.fetch("/direct", headers={"x-envoy-max-retries": "x"}).status == 200
        assert proxy.fetch("/", headers={"x-envoy-max-retries": "x"}).status == 400

    def test_of_several_one_is_told(self, told):
        proxy, _ = told(strict_check_headers=["x-envoy-retry-grpc-on", "x-envoy-retry-on", "x-envoy-max-retries"])
        response = proxy.fetch(headers={"x-envoy-retry-grpc-on": "z", "x-envoy-max-retries": "x", "x-envoy-retry-on": "y"})
        assert response.text == "invalid header 'x-envoy-max-retries' with value 'x'"
        response = proxy.fetch(headers={"x-envoy-retry-grpc-on": "z", "x-envoy-retry-on": "y"})
        assert response.text == "invalid header 'x-envoy-retry-on' with value 'y'"

    def test_from_outside_they_are_taken_away_before(self, told):
        outside = {**INTERNAL, "internal_address_config": {"cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}}
        proxy, _ = told(strict_check_headers=CHECKED, settings=outside)
        assert proxy.fetch(headers={"x-envoy-max-retries": "x"}).status == 200


class TestExpectedTimeout:
    def test_it_bounds_the_request(self, told, tmp_path):
        proxy, _ = told(script=stall, respect_expected_rq_timeout=True)
        assert proxy.fetch(headers={"x-envoy-expected-rq-timeout-ms": "200"}).status == 504
        assert line(tmp_path) == "504 UT response_timeout"

    def test_it_is_passed_on(self, told):
        proxy, upstream = told(respect_expected_rq_timeout=True)
        assert proxy.fetch(headers={"x-envoy-expected-rq-timeout-ms": "7000", "x-envoy-upstream-rq-timeout-ms": "9000"}).status == 200
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == "7000"
        assert upstream.last.get("x-envoy-upstream-rq-timeout-ms") == "9000"

    @pytest.mark.parametrize("respect, announced, expected", [(False, "7000", "9000"), (True, None, "9000"), (True, "soon", "15000")])
    def test_where_it_does_not_decide(self, told, respect, announced, expected):
        proxy, upstream = told(respect_expected_rq_timeout=respect)
        headers = {"x-envoy-upstream-rq-timeout-ms": "9000", **({"x-envoy-expected-rq-timeout-ms": announced} if announced else {})}
        assert proxy.fetch(headers=headers).status == 200
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == expected

    def test_from_outside_it_counts_for_nothing(self, told):
        outside = {**INTERNAL, "internal_address_config": {"cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}}
        proxy, upstream = told(respect_expected_rq_timeout=True, settings=outside)
        assert proxy.fetch(headers={"x-envoy-expected-rq-timeout-ms": "7000"}).status == 200
        assert upstream.last.get("x-envoy-expected-rq-timeout-ms") == "15000"


class TestWhatIsCounted:
    HOST = {"virtual_clusters": [{"name": "all", "headers": [{"name": ":path", "string_match": {"prefix": "/"}}]}]}
    COUNTERS = ["cluster.up.upstream_rq_completed", "cluster.up.upstream_rq_2xx", "cluster.up.upstream_rq_200",
                "cluster.up.external.upstream_rq_completed", "cluster.up.external.upstream_rq_200",
                "vhost.all.vcluster.all.upstream_rq_completed", "vhost.all.vcluster.all.upstream_rq_200"]

    def counted(self, proxy, headers):
        assert proxy.fetch("/", "POST", headers, b"body").status == 200
        proxy.wait_stat("cluster.up.upstream_rq_total")
        proxy.wait_stat("http.in.downstream_rq_2xx")
        return [proxy.stat(name) for name in self.COUNTERS]

    def test_everything_by_default(self, told):
        proxy, _ = told(host=self.HOST, settings={})
        assert self.counted(proxy, {}) == [1] * 7

    def test_nothing_without_dynamic_stats(self, told):
        proxy, _ = told(host=self.HOST, settings={}, dynamic_stats=False)
        assert self.counted(proxy, {}) == [0] * 7
        assert proxy.stat("http.in.downstream_rq_2xx") == 1

    def test_no_status_for_the_whole_cluster_of_grpc_calls_where_they_are_suppressed(self, told):
        proxy, _ = told(host=self.HOST, settings={}, suppress_grpc_request_failure_code_stats=True)
        assert self.counted(proxy, {"content-type": "application/grpc"}) == [1, 0, 0, 1, 1, 1, 1]

    def test_those_of_other_requests(self, told):
        proxy, _ = told(host=self.HOST, settings={}, suppress_grpc_request_failure_code_stats=True)
        assert self.counted(proxy, {"content-type": "text/plain"}) == [1] * 7

    def test_what_the_proxy_answers_itself(self, told):
        proxy, _ = told(script=stall, host=self.HOST, settings={}, suppress_grpc_request_failure_code_stats=True, of_route={"timeout": "0.2s"})
        proxy.fetch("/", "POST", {"content-type": "application/grpc"}, b"body")
        assert proxy.wait_stat("cluster.up.upstream_rq_completed") == 1
        assert proxy.stat("cluster.up.upstream_rq_504") == 0
        proxy.fetch("/", "POST", {}, b"body")
        assert proxy.wait_stat("cluster.up.upstream_rq_504") == 1
