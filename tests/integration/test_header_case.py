"""How HTTP/1 names are spelled on the other side. The same expectations for the real Envoy."""

import pytest

from support.bootstrap import bootstrap, cluster, http, listener, route, routing, typed, virtual_host
from support.http_client import format_request
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
ANSWER = (b"HTTP/1.1 200 Fine Indeed\r\nContent-LENGTH: 2\r\nX-FooBar: 1\r\nx-foobar: 2\r\nSERVER: me\r\n\r\nok")


def preserve(**more):
    return {"header_key_format": {"stateful_formatter": {"name": "preserve_case", "typed_config": typed(
        "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig", **more)}}}


PROPER = {"header_key_format": {"proper_case_words": {}}}
PRESERVE_PROPER = preserve(formatter_type_on_envoy_headers="PROPER_CASE", forward_reason_phrase=True)


def upstream_options(options):
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {"typed_extension_protocol_options": {name: typed(name, explicit_http_config={"http_protocol_options": options})}}


#       towards clients, towards upstreams
ENDS = {"plain": ({}, {}), "down": (preserve(), {}), "up": ({}, preserve()), "both": (preserve(), preserve()),
        "proper-down": (PROPER, {}), "proper-up": ({}, PROPER), "proper-for-others": (PRESERVE_PROPER, PRESERVE_PROPER),
        "preserve-then-proper": (preserve(), PROPER), "proper-then-preserve": (PROPER, PRESERVE_PROPER)}


@pytest.fixture(scope="module", params=KINDS)
def ends(request, module_closing):
    upstream = module_closing(Upstream(answer=lambda _: ANSWER))

    def one(name, options):
        host = virtual_host(route("/local", redirect={"host_redirect": "x.y"}), route("/", to=name),
                            request_headers_to_add=[{"header": {"key": "X-Added-Here", "value": "1"}}])
        return listener(http(route_config=routing(host), http_protocol_options=options), name=name)

    proxy = module_closing(Proxy(bootstrap([one(name, down) for name, (down, _) in ENDS.items()],
                                           [cluster(name, upstream.port, **upstream_options(up)) for name, (_, up) in ENDS.items()]),
                                 kind=request.param))
    return proxy, upstream


def names_of(message, *wanted):
    return [name for name, _ in message.headers if name.lower() in wanted]


def through(ends, name, target="/x"):
    proxy, upstream = ends
    upstream.forget()
    with proxy.connect(name) as client:
        client.send(f"POST {target} HTTP/1.1\r\nHOST: a.b\r\nX-MyName: 1\r\nx-myname: 2\r\nUSER-agent: me\r\nTransfer-ENCODING: chunked\r\n\r\n"
                    "2\r\nab\r\n0\r\n\r\n".encode())
        response = client.response()
    return response, upstream.requests


@pytest.mark.parametrize("name, expected", [
    ("plain", ["host", "x-myname", "x-myname", "user-agent", "x-added-here", "transfer-encoding"]),
    ("down", ["HOST", "X-MyName", "X-MyName", "USER-agent", "x-added-here", "Transfer-ENCODING"]),
    ("up", ["host", "x-myname", "x-myname", "user-agent", "x-added-here", "transfer-encoding"]),
    ("both", ["HOST", "X-MyName", "X-MyName", "USER-agent", "x-added-here", "Transfer-ENCODING"]),
    ("proper-down", ["host", "x-myname", "x-myname", "user-agent", "x-added-here", "transfer-encoding"]),
    ("proper-up", ["Host", "X-Myname", "X-Myname", "User-Agent", "X-Added-Here", "Transfer-Encoding"]),
    ("proper-for-others", ["HOST", "X-MyName", "X-MyName", "USER-agent", "X-Added-Here", "Transfer-ENCODING"]),
    ("preserve-then-proper", ["HOST", "X-MyName", "X-MyName", "USER-agent", "x-added-here", "Transfer-ENCODING"])])
def test_requests(ends, name, expected):
    _, requests = through(ends, name)
    found = names_of(requests[0], "host", "x-myname", "user-agent", "x-added-here", "transfer-encoding")
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("name, expected, reason", [
    ("plain", ["content-length", "x-foobar", "x-foobar", "server", "date"], "OK"),
    ("down", ["content-length", "x-foobar", "x-foobar", "server", "date"], "OK"),
    ("up", ["Content-LENGTH", "X-FooBar", "X-FooBar", "SERVER", "date"], "OK"),
    ("both", ["Content-LENGTH", "X-FooBar", "X-FooBar", "SERVER", "date"], "OK"),
    ("proper-down", ["Content-Length", "X-Foobar", "X-Foobar", "Server", "Date"], "OK"),
    ("proper-up", ["content-length", "x-foobar", "x-foobar", "server", "date"], "OK"),
    ("proper-for-others", ["Content-LENGTH", "X-FooBar", "X-FooBar", "SERVER", "Date"], "Fine Indeed"),
    ("proper-then-preserve", ["Content-LENGTH", "X-FooBar", "X-FooBar", "SERVER", "Date"], "Fine Indeed")])
def test_responses(ends, name, expected, reason):
    response, _ = through(ends, name)
    assert sorted(names_of(response, "content-length", "x-foobar", "server", "date")) == sorted(expected)
    assert response.reason == reason


@pytest.mark.parametrize("name, expected", [("both", "location"), ("proper-for-others", "location"), ("proper-down", "Location")])
def test_answers_of_the_proxy_itself(ends, name, expected):
    response, _ = through(ends, name, "/local")
    assert names_of(response, "location") == [expected]


def test_a_connection_forgets_the_last_head(ends):
    proxy, upstream = ends
    upstream.forget()
    with proxy.connect("down") as client:
        for spelled in ("X-ONE", "x-One"):
            client.send(format_request("GET", "/", {spelled: "1"}))
            assert client.response().status == 200
    assert [names_of(request, "x-one") for request in upstream.requests] == [["X-ONE"], ["x-One"]]
