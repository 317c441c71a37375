"""The filters header_mutation and buffer."""

import json

import pytest

from support.bootstrap import add_header, bootstrap, cluster, http, listener, route, routing, string_match, typed, virtual_host
from support.proxy import Proxy, under_test
from support.upstream import Upstream, echo

MUTATION, BUFFER = "envoy.filters.http.header_mutation", "envoy.filters.http.buffer"
MUTATION_V3, BUFFER_V3 = "envoy.extensions.filters.http.header_mutation.v3.", "envoy.extensions.filters.http.buffer.v3."


def append(name, value, action=None, keep_empty=False):
    return {"append": add_header(name, value, action, keep_empty)}


def edits(**mutations):
    return {MUTATION: typed(MUTATION_V3 + "HeaderMutationPerRoute", mutations=mutations)}


def chain(**more):
    return [{"name": MUTATION, "typed_config": typed(MUTATION_V3 + "HeaderMutation", mutations={
        "request_mutations": [append("x-added", "%REQ(:PATH)%"), {"remove": "X-Gone"}, append("x-set", "own", "OVERWRITE_IF_EXISTS_OR_ADD"),
                              append("x-kept", "own", "ADD_IF_ABSENT"), {"remove_on_match": {"key_matcher": string_match(prefix="x-old-")}},
                              append("x-old-but-new", "1")],
        "response_mutations": [append("x-out", "%RESPONSE_CODE%"), {"remove": "x-up"}]}, **more)},
            {"name": BUFFER, "typed_config": typed(BUFFER_V3 + "Buffer", max_request_bytes=20)}]


TABLE = routing(
    virtual_host(
        route("/route", to="a", typed_per_filter_config=edits(
            request_mutations=[append("x-set", "route", "OVERWRITE_IF_EXISTS_OR_ADD")], response_mutations=[{"remove": "x-out"}])),
        route("/large", to="a", typed_per_filter_config={BUFFER: typed(BUFFER_V3 + "BufferPerRoute", buffer={
            "max_request_bytes": 3_000_000})}),
        route("/unbuffered", to="a", typed_per_filter_config={BUFFER: typed(BUFFER_V3 + "BufferPerRoute", disabled=True)}),
        route("/direct", respond=(200, "direct")),
        route("/", to="a"),
        typed_per_filter_config=edits(request_mutations=[append("x-set", "host", "OVERWRITE_IF_EXISTS_OR_ADD")])))


@pytest.fixture(scope="module", params=[False, True], ids=["least specific last", "most specific last"])
def proxy(request):
    with Upstream("a", lambda request: echo(request).replace(b"\r\n", b"\r\nx-up: u\r\n", 1)) as a:
        more = {"most_specific_header_mutations_wins": True} if request.param else {}
        front = listener(http(route_config=TABLE, filters=chain(**more)))
        with Proxy(bootstrap([front], [cluster("a", a.port)])) as proxy:
            proxy.most_specific_last = request.param
            yield proxy


def asked(response):
    assert response.status == 200, response.body
    return {name: value for name, value in json.loads(response.body)["headers"]}


def test_edits_of_the_filter_and_of_places(proxy):
    response = proxy.fetch("/x", headers=[("x-gone", "1"), ("x-kept", "client"), ("x-set", "client"), ("x-old-a", "1"), ("x-old-b", "2")])
    got = asked(response)
    assert got["x-added"] == "/x" and "x-gone" not in got and got["x-kept"] == "client" and got["x-set"] == "host"
    assert {name for name in got if name.startswith("x-old")} == {"x-old-but-new"}
    assert response.get("x-out") == "200" and not response.has("x-up")


def test_places_come_in_their_order(proxy):
    response = proxy.fetch("/route")
    assert asked(response)["x-set"] == ("route" if proxy.most_specific_last else "host")
    assert not response.has("x-out")


def test_answers_of_the_proxy_are_edited_as_well(proxy):
    assert proxy.fetch("/direct").get("x-out") == "200"


@pytest.mark.parametrize("size, status", [(0, 200), (1, 200), (20, 200), (21, 413), (100_000, 413)])
def test_requests_are_held_until_they_are_whole(proxy, size, status):
    for chunked in (False, True):
        with proxy.connect() as client:
            framing = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % size
            body = b"x" * size
            if chunked:
                body = (b"%x\r\n%s\r\n" % (size, body) if size else b"") + b"0\r\n\r\n"
            client.send(b"POST /x HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n\r\n" + body)
            response = client.response("POST")
            assert response.status == status
            if status == 413:
                assert response.text == "Payload Too Large"
            else:
                assert json.loads(response.body)["body"] == size
                assert asked(response)["content-length"] == str(size)


def test_beyond_the_listeners_own_buffer(proxy):
    response = proxy.fetch("/large", method="POST", body=b"x" * 2_500_000)
    assert json.loads(response.body)["body"] == 2_500_000


def test_routes_may_turn_it_off(proxy):
    assert proxy.fetch("/unbuffered", method="POST", body=b"x" * 100).status == 200


def test_nothing_reaches_the_upstream_before_all_is_there(proxy):
    with proxy.connect() as client:
        before = proxy.stat("cluster.a.upstream_rq_total") or 0
        client.send(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        assert proxy.fetch("/y").status == 200
        assert proxy.stat("cluster.a.upstream_rq_total") == before + 1
        client.send(b"67890")
        assert json.loads(client.response("POST").body)["body"] == 10


@pytest.mark.skipif(under_test() == "envoy", reason="Envoy has these")
def test_what_is_not_implemented_is_refused():
    filters = [{"name": MUTATION, "typed_config": typed(MUTATION_V3 + "HeaderMutation", mutations={
        "query_parameter_mutations": [{"remove": "q"}]})}]
    with Proxy(bootstrap([listener(http([route(respond=(200, ""))], filters=filters))]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert "http_filters[0].typed_config.mutations.query_parameter_mutations" in proxy.log
