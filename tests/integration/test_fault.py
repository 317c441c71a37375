"""The filter fault: requests that are delayed or refused on purpose."""

import time

import pytest

from support.bootstrap import (bootstrap, cluster, file_log, header, http, listener, percent, route, routing, typed,
                               virtual_host)
from support.proxy import Proxy, under_test
from support.upstream import Upstream, echo
from support.waiting import wait_until

FAULT = "envoy.filters.http.fault"
MESSAGE = "envoy.extensions.filters.http.fault.v3.HTTPFault"
ALWAYS, NEVER = percent(100), percent(0)
LINE = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.http.fault:hello)%\n"


def fault(**fields):
    return typed(MESSAGE, **fields)


def says(**fields):
    return {"typed_per_filter_config": {FAULT: fault(**fields)}}


def abort(status=503, share=ALWAYS):
    return {"http_status": status, "percentage": share}


def delay(length, share=ALWAYS):
    return {"fixed_delay": length, "percentage": share}


BY_HEADER = {"abort": {"header_abort": {}, "percentage": ALWAYS}}
ROUTES = [
    route("/plain", to="a"),
    route("/abort", to="a", **says(abort=abort(418))),
    route("/grpc", to="a", **says(abort={"grpc_status": 5, "percentage": ALWAYS})),
    route("/never", to="a", **says(abort=abort(418, NEVER), delay=delay("30s", NEVER))),
    route("/no-share", to="a", **says(abort={"http_status": 418})),
    route("/short", to="a", **says(delay=delay("0.02s"))),
    route("/both", to="a", **says(delay=delay("0.02s"), abort=abort(500))),
    route("/headers", to="a", **says(headers=[header("x-env", exact="test"), header("x-off", present=False)],
                                     abort=abort())),
    route("/of-a", to="a", **says(upstream_cluster="a", abort=abort())),
    route("/of-b", to="a", **says(upstream_cluster="b", abort=abort())),
    route("/nodes", to="a", **says(downstream_nodes=["one", "two"], abort=abort())),
    route("/by-header", to="a", **says(**BY_HEADER)),
    route("/delay-by-header", to="a", **says(delay={"header_delay": {}, "percentage": ALWAYS})),
    route("/unless-none-at-once", to="a", **says(max_active_faults=0, headers=[header("x-env", exact="test")], abort=abort())),
    route("/none-at-once", to="a", **says(max_active_faults=0, abort=abort())),
    route("/direct", respond=(200, "direct"), **says(abort=abort(429))),
    route("/metadata", to="a", **says(abort=abort(), filter_metadata={"hello": "world"})),
    route("/rate-fixed", to="a", **says(response_rate_limit={"fixed_limit": {"limit_kbps": 64}, "percentage": ALWAYS})),
    route("/rate-by-header", to="a", **says(response_rate_limit={"header_limit": {}, "percentage": ALWAYS})),
    route("/rate-never", to="a", **says(response_rate_limit={"fixed_limit": {"limit_kbps": 1}, "percentage": NEVER})),
    route("/rate-too-many", to="a", **says(max_active_faults=0, response_rate_limit={"fixed_limit": {"limit_kbps": 1}, "percentage": ALWAYS})),
    route("/runtime", to="a", **says(abort=abort(500, NEVER), abort_percent_runtime="share",
                                     abort_http_status_runtime="status")),
]
CHAIN = [{"name": FAULT, "typed_config": fault()}]
RUNTIME = {"layers": [{"name": "static", "static_layer": {
    "share": 100, "status": 499, "fault.http.bad.abort.abort_percent": 100, "fault.http.bad.abort.http_status": 444}}]}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    log = tmp_path_factory.mktemp("fault") / "log"
    with Upstream("a", lambda request: echo(request, padding="x" * int(request.get("x-size", "0")))) as a:
        front = listener(http(route_config=routing(virtual_host(*ROUTES)), filters=CHAIN, access_log=[file_log(log, LINE)]))
        config = bootstrap([front], [cluster("a", a.port), cluster("b", a.port)], layered_runtime=RUNTIME)
        with Proxy(config) as proxy:
            proxy.access_log = log
            yield proxy


def logged(proxy, target):
    def found():
        for line in proxy.access_log.read_text().splitlines():
            if line.startswith(target + " "):
                return line.removeprefix(target + " ")
        return None
    return wait_until(found, "a line in the access log")


@pytest.mark.parametrize("target, headers, status", [
    ("/plain", [], 200),
    ("/abort", [], 418),
    ("/grpc", [], 200),
    ("/never", [], 200),
    ("/no-share", [], 200),
    ("/short", [], 200),
    ("/both", [], 500),
    ("/headers", [], 200),
    ("/headers", [("x-env", "test")], 503),
    ("/headers", [("x-env", "test"), ("x-off", "1")], 200),
    ("/of-a", [], 503),
    ("/of-b", [], 200),
    ("/nodes", [], 200),
    ("/nodes", [("x-envoy-downstream-service-node", "two")], 503),
    ("/nodes", [("x-envoy-downstream-service-node", "three")], 200),
    ("/by-header", [], 200),
    ("/by-header", [("x-envoy-fault-abort-request", "429")], 429),
    ("/by-header", [("x-envoy-fault-abort-request", " 430 ")], 430),
    ("/by-header", [("x-envoy-fault-abort-request", "199")], 200),
    ("/by-header", [("x-envoy-fault-abort-request", "600")], 200),
    ("/by-header", [("x-envoy-fault-abort-request", "4x9")], 200),
    ("/by-header", [("x-envoy-fault-abort-request", "429"), ("x-envoy-fault-abort-request-percentage", "0")], 200),
    ("/delay-by-header", [], 200),
    ("/delay-by-header", [("x-envoy-fault-delay-request", "20")], 200),
    ("/delay-by-header", [("x-envoy-fault-delay-request", "-1")], 200),
    ("/none-at-once", [], 200),
    ("/direct", [], 429),
    ("/metadata", [], 503),
    ("/runtime", [], 499),
])
def test_answers(proxy, target, headers, status):
    response = proxy.fetch(target, headers=headers)
    assert response.status == status
    if status != 200 or target == "/grpc":
        assert response.text == "fault filter abort" and response.get("content-type") == "text/plain"
        assert "x-envoy-upstream-service-time" not in {name.lower() for name, _ in response.headers}


def test_a_grpc_caller_is_told_in_grpcs_way(proxy):
    grpc = [("content-type", "application/grpc")]
    for target, status in (("/grpc", "5"), ("/abort", "2"), ("/headers", None)):
        response = proxy.fetch(target, method="POST", headers=grpc)
        assert (response.status, response.get("grpc-status")) == (200, status)
    response = proxy.fetch("/by-header", method="POST", headers=[*grpc, ("x-envoy-fault-abort-grpc-request", "7")])
    assert (response.status, response.get("grpc-status"), response.get("grpc-message")) == (200, "7", "fault filter abort")


@pytest.mark.parametrize("target, line", [
    ("/abort", "418 FI fault_filter_abort -"),
    ("/short", "200 DI via_upstream -"),
    ("/both", "500 DI,FI fault_filter_abort -"),
    ("/metadata", '503 FI fault_filter_abort world'),
])
def test_logs_say_what_was_done(proxy, target, line):
    asked = target + "?logged"  # other tests ask for the same path, and the log is written late
    proxy.fetch(asked)
    assert logged(proxy, asked) == line


def test_a_delay_is_waited_for_and_holds_the_body(proxy):
    begun = time.monotonic()
    response = proxy.fetch("/delay-by-header", method="POST", headers=[("x-envoy-fault-delay-request", "300")], body=b"x" * 5000)
    assert response.status == 200 and b'"body": 5000' in response.body
    assert time.monotonic() - begun >= 0.29


def test_counts(proxy):
    def counts():
        return {name: proxy.stat(f"http.in.fault.{name}") or 0
                for name in ("delays_injected", "aborts_injected", "faults_overflow", "active_faults", "web.aborts_injected",
                             "web.delays_injected")}
    before = counts()
    proxy.fetch("/both", headers=[("x-envoy-downstream-service-cluster", "web")])
    proxy.fetch("/none-at-once")
    proxy.fetch("/never")
    added = {name: value - before[name] for name, value in counts().items()}
    assert added == {"delays_injected": 1, "aborts_injected": 1, "faults_overflow": 1, "active_faults": 0,
                     "web.aborts_injected": 1, "web.delays_injected": 1}


def test_a_waiting_request_is_an_active_fault(proxy):
    with proxy.connect() as client:
        client.send(b"GET /delay-by-header HTTP/1.1\r\nhost: x\r\nx-envoy-fault-delay-request: 600000\r\n\r\n")
        wait_until(lambda: proxy.stat("http.in.fault.active_faults") == 1, "an active fault")
    wait_until(lambda: proxy.stat("http.in.fault.active_faults") == 0, "the end of the fault")


def test_the_runtime_knows_downstream_clusters(proxy):
    headers = [("x-envoy-downstream-service-cluster", "bad")]
    assert proxy.fetch("/never", headers=headers).status == 444
    assert proxy.fetch("/never", headers=[("x-envoy-downstream-service-cluster", "good")]).status == 200


@pytest.mark.skipif(under_test() == "envoy", reason="Envoy has messages of its own")
def test_a_rate_of_nothing_is_refused():
    chain = [{"name": FAULT, "typed_config": fault(response_rate_limit={"fixed_limit": {"limit_kbps": 0}, "percentage": ALWAYS})}]
    with Proxy(bootstrap([listener(http([route(respond=(200, ""))], filters=chain))]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert "http_filters[0].typed_config.response_rate_limit.fixed_limit.limit_kbps" in proxy.log


BODY = 20_000


def timed(proxy, target, headers=()):
    """How long an answer of 20,000 bytes took."""
    begin = time.monotonic()
    response = proxy.fetch(target, headers=[("x-size", str(BODY)), *headers])
    assert response.status == 200 and len(response.body) > BODY
    return time.monotonic() - begin


@pytest.mark.parametrize("target, headers, least", [
    # A slice of 63 ms has 4 KiB of 64 KiB/s: five slices, of which the first waits for nothing.
    ("/rate-fixed", [], 0.24),
    ("/rate-by-header", [], 0),
    ("/rate-by-header", [("x-envoy-fault-throughput-response", "64")], 0.24),
    ("/rate-by-header", [("x-envoy-fault-throughput-response", "0")], 0),
    ("/rate-by-header", [("x-envoy-fault-throughput-response", "64"), ("x-envoy-fault-throughput-response-percentage", "0")], 0),
    ("/rate-never", [], 0),
    ("/rate-too-many", [], 0),
])
def test_the_rate_of_responses(proxy, target, headers, least):
    limited = "http.in.fault.response_rl_injected"
    before = proxy.stat(limited)
    took = timed(proxy, target, headers)
    assert took >= least
    wait_until(lambda: proxy.stat(limited) == before + (least > 0), "the limit counted")
    wait_until(lambda: proxy.stat("http.in.fault.active_faults") == 0, "no fault at work")


def test_overflow_counts_only_what_a_fault_would_have_met(proxy):
    before = proxy.stat("http.in.fault.faults_overflow")
    assert proxy.fetch("/unless-none-at-once", headers=[("x-env", "test")]).status == 200
    assert proxy.fetch("/unless-none-at-once").status == 200
    assert proxy.stat("http.in.fault.faults_overflow") == before + 1
