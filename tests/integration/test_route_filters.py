"""What routes say to HTTP filters (typed_per_filter_config), shown with the filter cors."""

import pytest

from support.bootstrap import bootstrap, cluster, http, listener, route, routing, typed, virtual_host
from support.proxy import Proxy, under_test
from support.upstream import Upstream, echo

CORS = "envoy.filters.http.cors"
ORIGIN = [("origin", "https://a.com")]


def cors(name=CORS, **more):
    return {"name": name, "typed_config": typed("envoy.extensions.filters.http.cors.v3.Cors"), **more}


def policy(origin="https://a.com", **more):
    origins = [{"exact": origin}] if origin else []
    return typed("envoy.extensions.filters.http.cors.v3.CorsPolicy", allow_origin_string_match=origins, **more)


def wrapped(config=None, **more):
    fields = {**more, **({"config": config} if config is not None else {})}
    return typed("envoy.config.route.v3.FilterConfig", **fields)


def says(config, name=CORS):
    return {"typed_per_filter_config": {name: config}}


TABLE = routing(
    virtual_host(
        route("/table", to="a"),
        name="plain", domains=["plain.local"]),
    virtual_host(
        route("/host", to="a"),
        route("/route", to="a", **says(policy(expose_headers="route"))),
        route("/cluster", split=[{"name": "a", "weight": 1, **says(policy(expose_headers="cluster"))}],
              **says(policy(expose_headers="route"))),
        route("/off/again", to="a", **says(wrapped(policy(expose_headers="again")))),
        route("/off", to="a", **says(wrapped(disabled=True))),
        route("/optional", to="a", **says(wrapped(
            typed("xds.type.v3.TypedStruct", type_url="type.googleapis.com/of.nobody"), is_optional=True))),
        route("/without", split=[{"name": "a", "weight": 1, **says(wrapped(disabled=True))}]),
        route("/second", to="a", **says(policy(expose_headers="second"), name="second")),
        name="rest", **says(policy(expose_headers="host"))),
    **says(policy(expose_headers="table")))


@pytest.fixture(scope="module")
def proxy():
    with Upstream("a", echo) as a:
        chain = [cors(), cors(name="second", disabled=True)]
        with Proxy(bootstrap([listener(http(route_config=TABLE, filters=chain))], [cluster("a", a.port)])) as proxy:
            yield proxy


@pytest.mark.parametrize("target, host, exposed", [
    ("/table", "plain.local", "table"),
    ("/host", "rest.local", "host"),
    ("/route", "rest.local", "route"),
    ("/cluster", "rest.local", "cluster"),
    ("/off/again", "rest.local", "again"),
    ("/off", "rest.local", None),
    ("/optional", "rest.local", "host"),
    ("/without", "rest.local", None),
    ("/second", "rest.local", "host"),
])
def test_the_most_specific_place_wins(proxy, target, host, exposed):
    response = proxy.fetch(target, headers=ORIGIN, host=host)
    assert response.status == 200
    assert response.get("access-control-expose-headers") == exposed
    assert response.get("access-control-allow-origin") == ("https://a.com" if exposed else None)


def test_a_filter_that_its_listener_has_off_runs_where_a_route_turns_it_on(proxy):
    """The second filter is asked first for the response: its word is the one that the first overwrites."""
    before = proxy.stat("http.in.cors.origin_valid")
    proxy.fetch("/host", headers=ORIGIN)
    assert proxy.stat("http.in.cors.origin_valid") == before + 1
    proxy.fetch("/second", headers=ORIGIN)
    assert proxy.stat("http.in.cors.origin_valid") == before + 3


REFUSED = {
    "no configuration": wrapped(),
    "a type that no filter reads": typed("envoy.extensions.filters.http.router.v3.Router"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    table = routing(virtual_host(route(respond=(200, "")), **says(REFUSED[what])))
    with Proxy(bootstrap([listener(http(route_config=table, filters=[cors()]))]), wait_ready=False) as proxy:
        assert proxy.wait() != 0
        if under_test() != "envoy":
            assert 'typed_per_filter_config["envoy.filters.http.cors"]' in proxy.log
