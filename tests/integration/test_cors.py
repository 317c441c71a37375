"""The filter cors: preflight requests, and who may read an answer."""

import pytest

from support.bootstrap import bootstrap, cluster, http, listener, route, routing, string_match, typed, virtual_host
from support.proxy import Proxy
from support.upstream import Upstream, echo

CORS = "envoy.filters.http.cors"
NEVER = {"default_value": {"numerator": 0}}
ALWAYS = {"default_value": {"numerator": 100}}


def policy(*origins, **more):
    return {"typed_per_filter_config": {CORS: typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy", allow_origin_string_match=list(origins), **more)}}


A_COM = string_match("https://a.com")
ROUTES = [
    route("/plain", to="a"),
    route("/exact", to="a", **policy(A_COM)),
    route("/forms", to="a", **policy(string_match(suffix=".b.com"), string_match(regex="https?://c[0-9]\\.com"),
                                     string_match(prefix="HTTPS://D.", ignore_case=True))),
    route("/any", to="a", **policy(string_match("*"), allow_credentials=True)),
    route("/regex", to="a", **policy(string_match(regex=".*"))),
    route("/full", to="a", **policy(
        A_COM, allow_methods="GET,PUT", allow_headers="x-a,x-b", expose_headers="x-up,x-more", max_age="600",
        allow_credentials=True, allow_private_network_access=True)),
    route("/stars", to="a", **policy(A_COM, allow_methods="*", allow_headers="*")),
    route("/keep", to="a", **policy(A_COM, allow_methods="GET", forward_not_matching_preflights=False)),
    route("/off", to="a", **policy(A_COM, filter_enabled=NEVER)),
    route("/shadow", to="a", **policy(A_COM, filter_enabled=NEVER, shadow_enabled=ALWAYS)),
    route("/direct", respond=(200, "direct"), **policy(A_COM)),
    route("/nowhere", to="nowhere", **policy(A_COM, expose_headers="x-up")),
    route("/inherits", to="a", **policy(allow_methods="DELETE")),
]
PREFLIGHT = [("access-control-request-method", "PUT"), ("access-control-request-headers", "x-a"),
             ("access-control-request-private-network", "true")]


@pytest.fixture(scope="module")
def proxy():
    table = routing(virtual_host(*ROUTES, name="all"),
                    virtual_host(route("/inherits", to="a", **policy(allow_methods="DELETE")), name="outer",
                                 domains=["outer.local"], **policy(A_COM, allow_methods="GET", max_age="5")),
                    validate_clusters=False)
    with Upstream("a", echo) as a:
        front = listener(http(route_config=table, filters=[
            {"name": CORS, "typed_config": typed("envoy.extensions.filters.http.cors.v3.Cors")}]))
        with Proxy(bootstrap([front], [cluster("a", a.port)])) as proxy:
            yield proxy


def access_control(response):
    return {name.lower().removeprefix("access-control-"): value for name, value in response.headers
            if name.lower().startswith("access-control-")}


def ask(proxy, target, origin, method="GET", headers=(), host="test.local"):
    return proxy.fetch(target, method=method, headers=[("origin", origin), *headers] if origin else list(headers), host=host)


@pytest.mark.parametrize("target, origin, found", [
    ("/plain", "https://a.com", {}),
    ("/exact", None, {}),
    ("/exact", "https://a.com", {"allow-origin": "https://a.com"}),
    ("/exact", "https://A.com", {}),
    ("/exact", "https://b.com", {}),
    ("/forms", "https://x.b.com", {"allow-origin": "https://x.b.com"}),
    ("/forms", "http://c5.com", {"allow-origin": "http://c5.com"}),
    ("/forms", "http://c55.com", {}),
    ("/forms", "https://d.org", {"allow-origin": "https://d.org"}),
    ("/any", "null", {"allow-origin": "null", "allow-credentials": "true"}),
    ("/regex", "https://z.com", {"allow-origin": "https://z.com"}),
    ("/full", "https://a.com", {"allow-origin": "https://a.com", "allow-credentials": "true",
                                "expose-headers": "x-up,x-more"}),
    ("/off", "https://a.com", {}),
    ("/shadow", "https://a.com", {}),
    ("/direct", "https://a.com", {}),
    ("/nowhere", "https://a.com", {"allow-origin": "https://a.com", "expose-headers": "x-up"}),
])
def test_answers(proxy, target, origin, found):
    response = ask(proxy, target, origin)
    assert response.status == (503 if target == "/nowhere" else 200)
    assert access_control(response) == found


@pytest.mark.parametrize("target, origin, found", [
    ("/exact", "https://a.com", {"allow-origin": "https://a.com"}),
    ("/full", "https://a.com", {
        "allow-origin": "https://a.com", "allow-credentials": "true", "allow-methods": "GET,PUT", "allow-headers": "x-a,x-b",
        "max-age": "600", "allow-private-network": "true", "expose-headers": "x-up,x-more"}),
    ("/stars", "https://a.com", {"allow-origin": "https://a.com", "allow-methods": "PUT", "allow-headers": "x-a"}),
    ("/keep", "https://a.com", {"allow-origin": "https://a.com", "allow-methods": "GET"}),
    ("/keep", "https://b.com", {"allow-methods": "GET"}),
])
def test_preflights_that_are_answered(proxy, target, origin, found):
    response = ask(proxy, target, origin, "OPTIONS", PREFLIGHT)
    assert (response.status, response.body) == (200, b"")
    assert access_control(response) == found


@pytest.mark.parametrize("target, origin, headers", [
    ("/plain", "https://a.com", PREFLIGHT),
    ("/exact", "https://b.com", PREFLIGHT),  # forwarded unless told otherwise
    ("/exact", "https://a.com", []),  # an OPTIONS request like any other
    ("/exact", None, PREFLIGHT),
    ("/off", "https://a.com", PREFLIGHT),
    ("/shadow", "https://a.com", PREFLIGHT),
])
def test_preflights_that_are_forwarded(proxy, target, origin, headers):
    response = ask(proxy, target, origin, "OPTIONS", headers)
    assert response.status == 200 and b'"method": "OPTIONS"' in response.body


def test_values_come_from_the_most_specific_place_that_has_them(proxy):
    response = ask(proxy, "/inherits", "https://a.com", "OPTIONS", PREFLIGHT, host="outer.local")
    assert access_control(response) == {"allow-origin": "https://a.com", "allow-methods": "DELETE", "max-age": "5"}
    assert access_control(ask(proxy, "/inherits", "https://a.com")) == {}  # nobody allows an origin


def test_counts_origins(proxy):
    def counts():
        return [proxy.stat(f"http.in.cors.origin_{word}") or 0 for word in ("valid", "invalid")]
    valid, invalid = counts()
    ask(proxy, "/exact", "https://a.com")
    ask(proxy, "/exact", "https://b.com")
    ask(proxy, "/shadow", "https://a.com")
    ask(proxy, "/off", "https://a.com")
    assert counts() == [valid + 2, invalid + 1]
