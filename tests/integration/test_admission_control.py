"""The filter admission_control: a share of the requests is turned away while too many fail."""

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http, listener, route, routing, typed, virtual_host
from support.proxy import Proxy
from support.upstream import Upstream, reply
from support.waiting import wait_until

MESSAGE = "envoy.extensions.filters.http.admission_control.v3.AdmissionControl"
LINE = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
# With this aggression any failure at all turns away as many as the maximum allows.
SHARP = {"aggression": {"default_value": 1000000, "runtime_key": "k"},
         "max_rejection_probability": {"default_value": {"value": 100}, "runtime_key": "k"}}


def admission_control(**fields):
    return {"name": "envoy.filters.http.admission_control",
            "typed_config": typed(MESSAGE, **{"success_criteria": {}, **fields})}


@pytest.fixture
def start(tmp_path):
    """A proxy in front of an upstream that answers with the status in the path (of gRPC below /grpc/)."""
    running = []

    def answer(request):
        kind, _, status = request.target.strip("/").rpartition("/")
        if kind == "grpc":
            return reply(200, {"content-type": "application/grpc", "grpc-status": status})
        return reply(int(status))

    def begin(**fields):
        upstream = Upstream("a", answer)
        table = routing(virtual_host(route("/gone/", to="gone"), route("/", to="a")))
        front = listener(http(route_config=table, filters=[admission_control(**fields)],
                              access_log=[file_log(tmp_path / "log", LINE)]))
        proxy = Proxy(bootstrap([front], [cluster("a", upstream.port), cluster("gone")]))
        running.extend([proxy, upstream])
        proxy.upstream = upstream
        proxy.log_file = tmp_path / "log"
        return proxy

    yield begin
    for one in running:
        (one.stop if isinstance(one, Proxy) else one.close)()


def counted(proxy):
    return [proxy.stat(f"http.in.admission_control.rq_{name}") for name in ("rejected", "success", "failure")]


def test_turns_all_away_once_one_has_failed(start):
    proxy = start(**SHARP)
    assert [proxy.fetch(f"/{status}").status for status in (200, 404, 500)] == [200, 404, 500]
    for _ in range(20):
        rejected = proxy.fetch("/200")
        assert (rejected.status, rejected.body, rejected.get("content-type")) == (503, b"", None)
    assert len(proxy.upstream.requests) == 3
    assert counted(proxy) == [20, 2, 1]
    assert wait_until(lambda: proxy.log_file.read_text().splitlines()[3:], "a line in the log")[0] == "503 - denied_by_admission_control"


def test_a_grpc_caller_is_told_in_grpcs_way(start):
    proxy = start(**SHARP)
    assert proxy.fetch("/500").status == 500
    rejected = proxy.fetch("/grpc/0", method="POST", headers=[("content-type", "application/grpc")])
    assert (rejected.status, rejected.get("grpc-status")) == (200, "14")


@pytest.mark.parametrize("target, fails", [
    ("/grpc/0", False), ("/grpc/7", False), ("/grpc/16", False), ("/grpc/17", True), ("/grpc/x", True), ("/grpc/4", True), ("/grpc/8", True),
    ("/grpc/10", True), ("/grpc/13", True), ("/grpc/14", True), ("/grpc/15", True), ("/499", False), ("/500", True), ("/gone/200", True)])
def test_what_is_a_failure(start, target, fails):
    proxy = start()
    proxy.fetch(target, method="POST", headers=[("content-type", "application/grpc" if "grpc" in target else "text/plain")])
    assert counted(proxy) == [0, 0 if fails else 1, 1 if fails else 0]


def test_criteria_of_ones_own(start):
    proxy = start(success_criteria={"http_criteria": {"http_success_status": [{"start": 200, "end": 201}, {"start": 503, "end": 504}]},
                                    "grpc_criteria": {"grpc_success_status": [14]}},
                  max_rejection_probability={"default_value": {"value": 0}, "runtime_key": "k"})
    for target in ("/200", "/201", "/503", "/504", "/grpc/14", "/grpc/0"):
        proxy.fetch(target)
    assert counted(proxy) == [0, 3, 3]


def test_lets_all_in_below_the_rate(start):
    proxy = start(rps_threshold={"default_value": 1000000, "runtime_key": "k"}, **SHARP)
    assert [proxy.fetch("/500").status for _ in range(10)] == [500] * 10
    assert counted(proxy) == [0, 0, 10]


def test_can_be_off(start):
    proxy = start(enabled={"default_value": False, "runtime_key": "k"}, **SHARP)
    assert [proxy.fetch("/500").status for _ in range(10)] == [500] * 10
    assert counted(proxy) == [0, 0, 0]


def test_comes_back_when_the_window_is_over(start):
    proxy = start(sampling_window="1s", **SHARP)
    assert proxy.fetch("/500").status == 500
    wait_until(lambda: proxy.fetch("/200").status == 200, "a request that is let in")
    assert counted(proxy)[1:] == [1, 1]


@pytest.mark.parametrize("fields, path", [
    ({"sr_threshold": {"default_value": {"value": 0.9}, "runtime_key": "k"}}, "sr_threshold"),
    ({"success_criteria": {"grpc_criteria": {"grpc_success_status": [17]}}}, "grpc_success_status[0]"),
    ({"success_criteria": {"http_criteria": {"http_success_status": [{"start": 99, "end": 200}]}}}, "http_success_status[0]"),
])
def test_refuses(fields, path):
    front = listener(http([route("/", respond=(200, ""))], filters=[admission_control(**fields)]))
    with Proxy(bootstrap([front]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert proxy.kind == "envoy" or path in proxy.log
