"""Series of outcomes under a retry policy: what the client, the upstream and the log see, of Remora and of the real Envoy."""

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http, listener, route, routing, virtual_host
from support.http_client import ConnectionClosed
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

KINDS = [under_test()] + (["envoy"] if under_test() == "remora" and envoy_binary() else [])
QUICK = {"retry_back_off": {"base_interval": "0.001s", "max_interval": "0.01s"}}
POLICIES = {
    "none": None,
    "once": {"retry_on": "5xx"},
    "thrice": {"retry_on": "5xx", "num_retries": 3},
    "gateway": {"retry_on": "gateway-error", "num_retries": 3},
    "reset": {"retry_on": "reset", "num_retries": 3},
    "connect": {"retry_on": "connect-failure", "num_retries": 3},
    "4xx": {"retry_on": "retriable-4xx", "num_retries": 3},
    "named": {"retry_on": "retriable-status-codes", "retriable_status_codes": [418, 425], "num_retries": 3},
    "headers": {"retry_on": "retriable-headers", "num_retries": 3,
                "retriable_headers": [{"name": "x-again", "present_match": True}]},
    "patient": {"retry_on": "5xx", "num_retries": 2, "per_try_timeout": "0.3s"},
}
CUT = "cut"


def row(policy, outcomes, status, attempts, flags="-", method="GET"):
    return pytest.param(policy, outcomes, status, attempts, flags, method, id=f"{method}-{policy}-{'-'.join(outcomes)}")


# The policy, what becomes of the attempts, then: status, attempts and flags.
SERIES = [
    row("none", ["503"], 503, 1),
    row("none", ["reset"], 503, 1, "UC"),
    row("once", ["503", "200"], 200, 2),
    row("once", ["500", "503", "200"], 503, 2, "URX"),
    row("once", ["reset", "reset"], 503, 2, "URX,UC"),
    row("thrice", ["503", "reset", "garbage", "200"], 200, 4),
    row("thrice", ["500", "501", "502", "504"], 504, 4, "URX"),
    row("thrice", ["404"], 404, 1),
    row("thrice", ["503", "404"], 404, 2),
    row("thrice", ["503", "part"], CUT, 2, "UPE"),
    row("thrice", ["503", "503", "200"], 200, 3, method="POST"),
    row("gateway", ["502", "503", "504", "200"], 200, 4),
    row("gateway", ["500"], 500, 1),
    row("gateway", ["503", "500"], 500, 2),
    row("reset", ["reset", "end", "200"], 200, 3),
    row("reset", ["503"], 503, 1),
    row("connect", ["reset"], 503, 1, "UC"),
    row("connect", ["503"], 503, 1),
    row("4xx", ["409", "200"], 200, 2),
    row("4xx", ["404"], 404, 1),
    row("named", ["418", "425", "200"], 200, 3),
    row("named", ["503"], 503, 1),
    row("headers", ["again", "200"], 200, 2),
    row("headers", ["503"], 503, 1),
    row("patient", ["silence", "200"], 200, 2),
    row("patient", ["silence", "503", "200"], 200, 3),
    row("patient", ["silence", "silence", "silence"], 504, 3, "URX,UT"),
]


def behave(connection):
    """Each request says what is to become of its attempts, and which one it is."""
    while (request := connection.read_request()) is not None:
        outcome = request.get("x-outcomes").split(",")[int(request.get("x-envoy-attempt-count")) - 1]
        if outcome == "silence":
            return connection.read_to_end()
        if outcome == "reset":
            return connection.reset()
        if outcome == "end":
            return
        if outcome == "garbage":
            return connection.send(b"\x00\x01\r\n\r\n")
        if outcome == "part":
            return connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\npart")
        connection.send(reply(200, {"x-again": "yes"}) if outcome == "again" else reply(int(outcome), {}, request.body))


@pytest.fixture(scope="module", params=KINDS)
def proxy(request, module_closing, tmp_path_factory):
    upstream = module_closing(Upstream(script=behave))
    log = tmp_path_factory.mktemp("retries") / "log"
    routes = [route(f"/{name}", to="up", timeout="10s", **({"retry_policy": {**policy, **QUICK}} if policy else {}))
              for name, policy in POLICIES.items()]
    table = routing(virtual_host(*routes, include_request_attempt_count=True, include_attempt_count_in_response=True))
    front = listener(http(route_config=table, access_log=[file_log(
        log, "%REQ(x-series)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n")]))
    proxy = module_closing(Proxy(bootstrap([front], [
        # On a connection that was kept Remora asks once more without being told to.
        cluster("up", upstream.port, max_requests_per_connection=1)]), kind=request.param))
    proxy.upstream, proxy.log_file = upstream, log
    return proxy


@pytest.mark.parametrize("policy, outcomes, status, attempts, flags, method", SERIES)
def test_a_series_of_outcomes(proxy, request, policy, outcomes, status, attempts, flags, method):
    series = request.node.callspec.id.partition("-")[2]
    headers = {"x-outcomes": ",".join(outcomes), "x-series": series}
    begun = len(proxy.upstream.requests)
    with proxy.connect() as client:
        try:
            response = client.request(method, f"/{policy}", headers=headers, body="body" if method == "POST" else "")
            assert response.status == status
            if "UC" not in flags and "UT" not in flags:  # Of an answer that is made here nothing has been attempted in the end.
                assert response.get("x-envoy-attempt-count") == str(attempts)
        except ConnectionClosed:
            assert status == CUT
    seen = proxy.upstream.requests[begun:]
    assert [each.get("x-envoy-attempt-count") for each in seen] == [str(number + 1) for number in range(attempts)]
    assert {each.body for each in seen} == {b"body" if method == "POST" else b""}
    line = wait_until(lambda: [line for line in proxy.log_file.read_text().splitlines() if line.startswith(series + " ")]
                      if proxy.log_file.exists() else [], "the log")[0]
    assert line == f"{series} {200 if status == CUT else status} {flags} {attempts}"
