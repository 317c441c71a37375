"""The filters header_mutation and buffer."""

import json

import pytest

from support.bootstrap import (HTTP_OPTIONS, add_header, bootstrap, cluster, http, listener, route, routing, string_match, typed,
                               virtual_host)
from support.http_client import chunked
from support.proxy import Proxy, under_test
from support.upstream import Upstream, echo, reply

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


def parameter(key, value, action=None):
    return {"append": {"record": {"key": key, "value": value}, **({"action": action} if action else {})}}


QUERY = [parameter("added", "a/b c&%REQ(x-env)%"), {"remove": "gone"}, parameter("kept", "own", "ADD_IF_ABSENT"),
         parameter("set", "own", "OVERWRITE_IF_EXISTS_OR_ADD"), parameter("if", "own", "OVERWRITE_IF_EXISTS")]


@pytest.fixture(scope="module")
def queries():
    filters = [{"name": MUTATION, "typed_config": typed(MUTATION_V3 + "HeaderMutation", mutations={"query_parameter_mutations": QUERY})}]
    table = routing(virtual_host(
        route("/route", to="a", typed_per_filter_config=edits(query_parameter_mutations=[parameter("set", "route")])),
        route("/", to="a"), name="all"))
    with Upstream("a", echo) as a, Proxy(bootstrap([listener(http(route_config=table, filters=filters))], [cluster("a", a.port)])) as proxy:
        yield proxy


# As in Envoy, parameters come out in the order of their names, and each with a '='; those of one name keep theirs.
@pytest.mark.parametrize("target, wanted", [
    ("/", "/?added=a%2Fb%20c%26E%26%2B%C3%BC&kept=own&set=own"),
    ("/?z&a=1&gone=1&kept=theirs&b=x", "/?a=1&added=a%2Fb%20c%26E%26%2B%C3%BC&b=x&kept=theirs&set=own&z="),
    ("/?g%6fne=1&x=a+b", "/?added=a%2Fb%20c%26E%26%2B%C3%BC&kept=own&set=own&x=a+b"),
    ("/x?set=1&set=2&if=1&if=2&gone", "/x?added=a%2Fb%20c%26E%26%2B%C3%BC&if=own&kept=own&set=own"),
    ("/x?added=1&&=2&a=b=c", "/x?=&=2&a=b=c&added=1&added=a%2Fb%20c%26E%26%2B%C3%BC&kept=own&set=own"),
])
def test_query_parameters(queries, target, wanted):
    response = queries.fetch(target, headers=[("x-env", "E&+\u00fc".encode().decode("latin-1"))])
    assert json.loads(response.body)["target"] == wanted


@pytest.mark.remora_only("it decodes what is there already: a space or worse stands in the request line then")
@pytest.mark.parametrize("target, wanted", [
    ("/?b=%20x%0d%0a&%26=1", "/?%26=1&added=a%2Fb%20c%26&b=%20x%0d%0a&kept=own&set=own"),
    ("/route?q", "/route?added=a%2Fb%20c%26&kept=own&q=&set=own&set=route"),
])
def test_what_is_encoded_stays_so(queries, target, wanted):
    assert json.loads(queries.fetch(target).body)["target"] == wanted


def test_response_trailers(start, closing):
    """Of the filter, and of the route, over HTTP/1."""
    kept = {"http_protocol_options": {"enable_trailers": True}}
    options = {"typed_extension_protocol_options": {HTTP_OPTIONS: typed(HTTP_OPTIONS, explicit_http_config=kept)}}
    up = closing(Upstream("a", lambda _: reply(200, {"transfer-encoding": "chunked"}, chunked(b"a", trailers=[("x-sum", "7"), ("x-gone", "1")]))))
    filters = [{"name": MUTATION, "typed_config": typed(MUTATION_V3 + "HeaderMutation", mutations={
        "response_trailers_mutations": [append("x-trailing", "%RESPONSE_CODE%"), {"remove": "x-gone"}]})}]
    routes = [route("/", to="a", typed_per_filter_config=edits(response_trailers_mutations=[append("x-route", "%REQ(:PATH)%")]))]
    proxy = start(bootstrap([listener(http(routes, filters=filters, **kept))], [cluster("a", up.port, **options)]))
    response = proxy.fetch("/path")
    assert sorted(response.trailers) == [("x-route", "/path"), ("x-sum", "7"), ("x-trailing", "200")]


@pytest.mark.parametrize("mutation, message", [
    ({"remove": "q", **parameter("a", "b")}, "query_parameter_mutations[0]"),
    ({}, "query_parameter_mutations[0]"),
    (parameter("", "b"), "query_parameter_mutations[0].append.record.key"),
    (parameter("a", "%NOTHING%"), "query_parameter_mutations[0].append.record.value"),
    (parameter("a", 7), "query_parameter_mutations[0].append.record.value"),
    ({"append": {"entry": {"key": "a", "value": "Yg=="}}}, "query_parameter_mutations[0].append.entry"),
])
@pytest.mark.skipif(under_test() == "envoy", reason="Envoy has messages of its own")
def test_bad_edits_of_parameters_are_refused(mutation, message):
    filters = [{"name": MUTATION, "typed_config": typed(MUTATION_V3 + "HeaderMutation", mutations={"query_parameter_mutations": [mutation]})}]
    with Proxy(bootstrap([listener(http([route(respond=(200, ""))], filters=filters))]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        assert "http_filters[0].typed_config.mutations." + message in proxy.log
