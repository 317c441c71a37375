"""What becomes of a request before its route is looked for: early mutations, whom it comes from. Envoy is asked the same."""

import json

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http, listener, route, routing, typed, virtual_host
from support.http_client import format_request
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, echo
from support.waiting import wait_until

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
INTERNAL = {"internal_address_config": {"cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}}
LOG = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n"
DETECTION = "envoy.extensions.http.original_ip_detection"


def cidrs(*prefixes):
    return {"cidrs": [{"address_prefix": prefix, "prefix_len": 8} for prefix in prefixes]}


def by_forwarded_for(**more):
    return {"name": "envoy.http.original_ip_detection.xff", "typed_config": typed(f"{DETECTION}.xff.v3.XffConfig", **more)}


def by_header(**more):
    return {"name": "envoy.http.original_ip_detection.custom_header",
            "typed_config": typed(f"{DETECTION}.custom_header.v3.CustomHeaderConfig", header_name="X-Real-Ip", **more)}


def sets(name, value):
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def early(*mutations):
    return {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": typed(
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=list(mutations))}


WAYS = {
    "hops": [by_forwarded_for(xff_num_trusted_hops=1)],
    "ranges": [by_forwarded_for(xff_trusted_cidrs=cidrs("127.0.0.0", "10.0.0.0"))],
    "strangers": [by_forwarded_for(xff_trusted_cidrs=cidrs("10.0.0.0"))],
    "trusted": [by_header(allow_extension_to_set_address_as_trusted=True)],
    "untrusted": [by_header()],
    "refusing": [by_header(reject_with_status={"code": "Forbidden"})],
    "refusing-oddly": [by_header(reject_with_status={"code": "OK"})],
    "both": [by_header(), by_forwarded_for()],
}
MUTATED = {
    "early": {"early_header_mutation_extensions": [
        early(sets("x-chosen", "by-mutation"), sets("x-forwarded-for", "10.1.1.1"), sets("x-path", "%REQ(:PATH)%")),
        early({"remove": "x-gone"}, sets("x-from", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"), sets("x-chosen-before", "%REQ(X-CHOSEN)%"))]}}


@pytest.fixture(scope="module", params=KINDS)
def proxy(request, tmp_path_factory, module_closing):
    upstream = module_closing(Upstream(answer=echo))
    chosen = route("/", headers=[{"name": "x-chosen", "string_match": {"exact": "by-mutation"}}], to="up",
                   request_headers_to_add=[{"header": {"key": "x-route", "value": "chosen"}}])
    log = tmp_path_factory.mktemp("log") / "log"

    def one(name, settings):
        return listener(http(route_config=routing(virtual_host(chosen, route("/", to="up"))), access_log=[file_log(log, LOG)],
                             **INTERNAL, **settings), name=name)

    listeners = [*(one(name, {"original_ip_detection_extensions": ways}) for name, ways in WAYS.items()),
                 *(one(name, settings) for name, settings in MUTATED.items())]
    proxy = module_closing(Proxy(bootstrap(listeners, [cluster("up", upstream.port)]), kind=request.param))
    proxy.lines = log
    return proxy


def last_line(proxy, before):
    wait_until(lambda: proxy.lines.exists() and len(proxy.lines.read_text().splitlines()) > before, lambda: "no line in the log")
    return proxy.lines.read_text().splitlines()[-1]


def ask(proxy, listener, **headers):
    """What the log says, what the upstream saw (None: it was not asked)."""
    before = len(proxy.lines.read_text().splitlines()) if proxy.lines.exists() else 0
    response = proxy.fetch("/path", headers={name.replace("_", "-"): value for name, value in headers.items()}, listener=listener)
    seen = {name.lower(): value for name, value in json.loads(response.text)["headers"]} if response.status == 200 else None
    return last_line(proxy, before), seen, response


@pytest.mark.parametrize("way, headers, client, internal", [
    ("hops", {"x_forwarded_for": "1.1.1.1, 2.2.2.2, 10.0.0.7"}, "2.2.2.2", False),
    ("hops", {"x_forwarded_for": "10.3.3.3, 10.0.0.7"}, "10.3.3.3", False),
    ("hops", {"x_forwarded_for": "1.1.1.1"}, "127.0.0.1", False),
    ("hops", {"x_forwarded_for": "1.1.1.1, junk, 10.0.0.7"}, "127.0.0.1", False),
    ("hops", {}, "127.0.0.1", False),
    ("ranges", {"x_forwarded_for": "10.0.0.7"}, "10.0.0.7", True),
    ("ranges", {"x_forwarded_for": "1.1.1.1, 2.2.2.2, 10.0.0.7"}, "2.2.2.2", False),
    ("ranges", {"x_forwarded_for": "10.3.3.3, 10.0.0.7"}, "10.3.3.3", False),
    ("ranges", {"x_forwarded_for": "1.1.1.1, junk, 10.0.0.7"}, "127.0.0.1", False),
    ("strangers", {"x_forwarded_for": "1.1.1.1, 10.0.0.7"}, "127.0.0.1", False),
    ("trusted", {"x_real_ip": "10.9.9.9"}, "10.9.9.9", True),
    ("trusted", {"x_real_ip": "9.9.9.9"}, "9.9.9.9", False),
    ("trusted", {"x_real_ip": "9.9.9.9:80"}, "127.0.0.1", False),
    ("trusted", {"x_real_ip": "10.9.9.9, 10.9.9.8"}, "127.0.0.1", False),
    ("trusted", {"x_real_ip": "2001:db8::1"}, "2001:db8::1", False),
    ("untrusted", {"x_real_ip": "10.9.9.9", "x_forwarded_for": "10.0.0.7"}, "10.9.9.9", False),
    ("both", {"x_real_ip": "10.9.9.9", "x_forwarded_for": "10.0.0.7"}, "10.9.9.9", False),
    ("both", {"x_real_ip": "bad", "x_forwarded_for": "10.0.0.7"}, "10.0.0.7", True),
    ("refusing", {"x_real_ip": "1.2.3.4"}, "1.2.3.4", False)])
def test_whom_it_comes_from(proxy, way, headers, client, internal):
    line, seen, _ = ask(proxy, way, **headers)
    assert line == f"{client} 200 via_upstream"
    assert ("x-envoy-internal" in seen) is internal
    forwarded = seen.get("x-forwarded-for")
    if way == "strangers":  # whoever is not trusted is told of
        forwarded = forwarded.rpartition(",")[0]
    assert forwarded == headers.get("x_forwarded_for")


def test_the_next_request_of_a_connection_is_nobody_until_it_says_so(proxy):
    with proxy.connect("ranges") as client:
        seen = []
        for headers in ({"x-forwarded-for": "10.0.0.7"}, {}, {"x-forwarded-for": "junk"}):
            client.send(format_request("GET", "/path", headers))
            seen.append({name.lower() for name, _ in json.loads(client.response().text)["headers"]})
    assert ["x-envoy-internal" in names for names in seen] == [True, False, False]


@pytest.mark.parametrize("way", ["refusing", "refusing-oddly"])
@pytest.mark.parametrize("headers", [{}, {"x_real_ip": "nobody"}])
def test_nobody_in_particular_is_refused(proxy, way, headers):
    line, _, response = ask(proxy, way, **headers)
    assert line == "127.0.0.1 403 rejecting_because_detection_failed"
    assert (response.status, response.body) == (403, b"")


def test_early_mutations_choose_route_and_client(proxy):
    line, seen, _ = ask(proxy, "early", x_gone="1", x_chosen="by-client", x_envoy_retry_on="5xx")
    assert line == "10.1.1.1 200 via_upstream"
    assert {name: seen.get(name) for name in ("x-chosen", "x-route", "x-path", "x-from", "x-chosen-before", "x-gone", "x-envoy-internal")} == {
        "x-chosen": "by-mutation", "x-route": "chosen", "x-path": "/path", "x-from": "127.0.0.1", "x-chosen-before": "by-mutation",
        "x-gone": None, "x-envoy-internal": "true"}


def test_the_explanation_sees_what_early_mutations_make(proxy):
    if proxy.kind != "remora":
        pytest.skip("only Remora explains")
    question = {"listener": "early", "authority": "test.local", "path": "/path", "headers": {"x-gone": ["1"]}}
    reply = proxy.admin("/explain", method="POST", body=json.dumps(question))
    assert reply.status == 200, reply.body
    answer = json.loads(reply.body)
    assert answer["route"]["number"] == 0, "chosen by a header that a mutation has set"
    assert {"name": "x-gone", "value": "1"} in answer["request"]["removed_headers"]
