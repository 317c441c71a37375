"""Which virtual host and which route a request gets. Every route answers with its own name."""

import collections

import pytest

from support.bootstrap import bootstrap, header, http, listener, query, route, routing, virtual_host
from support.proxy import Proxy
from support.stats import assert_share


def named(name, prefix=None, **match):
    """A route that answers its own name."""
    return route(prefix, respond=(200, name), name=name, **match)


def one_host(*routes):
    return routing(virtual_host(*routes))


PATHS = one_host(
    named("exact", path="/exact"),
    named("exact-any-case", path="/AnyCase", ignore_case=True),
    named("prefix", "/prefix"),
    named("prefix-any-case", "/Upper", ignore_case=True),
    named("prefix-slash", "/slash/"),
    named("separated", separated_prefix="/sep"),
    named("separated-deep", separated_prefix="/deep/er"),
    named("regex", regex="/id/[0-9]+"),
    named("regex-alternatives", regex="/(cat|dog)s?/.*"),
    named("regex-escaped", regex=r"/v\d\.\d"),
    named("first", "/twice"),
    named("second", "/twice"),
    named("long-prefix", "/order/long"),
    named("short-prefix", "/order"),
    named("shadowed", "/order/longer"),
    named("rest", "/"))

HEADERS = one_host(
    named("exact", headers=[header("x-exact", exact="yes")]),
    named("exact-any-case", headers=[header("x-case", exact="MiXed", ignore_case=True)]),
    named("prefix", headers=[header("x-prefix", prefix="ab")]),
    named("suffix", headers=[header("x-suffix", suffix="yz")]),
    named("contains", headers=[header("x-contains", contains="mid")]),
    named("regex", headers=[header("x-regex", regex="a+b?")]),
    named("present", headers=[header("x-present", present=True)]),
    named("range", headers=[header("x-range", within=(-10, 100))]),
    named("both", headers=[header("x-one", exact="1"), header("x-two", exact="2")]),
    named("not-exact", headers=[header("x-guard", present=True), header("x-not", exact="no", invert=True)]),
    named("absent-as-empty", headers=[header("x-guard2", present=True),
                                      header("x-missing", exact="v", invert=True, missing_as_empty=True)]),
    named("method", headers=[header(":method", exact="DELETE")]),
    named("authority", headers=[header(":authority", prefix="special.")]),
    named("scheme", headers=[header(":scheme", exact="https")]),
    named("path", headers=[header(":path", suffix="?magic=1")]),
    named("not-present", headers=[header("x-fall", present=True, invert=True)]),
    named("rest"))

QUERIES = one_host(
    named("exact", query=[query("exact", exact="1")]),
    named("prefix", query=[query("prefix", prefix="ab")]),
    named("regex", query=[query("regex", regex="[0-9]+")]),
    named("present", query=[query("present", present=True)]),
    named("both", query=[query("a", exact="1"), query("b", exact="2")]),
    named("any-case", query=[query("case", exact="MiXed", ignore_case=True)]),
    named("rest"))

HOSTS = routing(
    virtual_host(named("rest"), name="rest", domains=["*"]),
    virtual_host(named("exact"), name="exact", domains=["www.shop.com", "exact.org:8080"]),
    virtual_host(named("suffix-long"), name="suffix-long", domains=["*.api.shop.com"]),
    virtual_host(named("suffix-short"), name="suffix-short", domains=["*.shop.com", "*-dash.net"]),
    virtual_host(named("prefix-long"), name="prefix-long", domains=["www.news.*"]),
    virtual_host(named("prefix-short"), name="prefix-short", domains=["www.*"]),
    virtual_host(named("upper"), name="upper", domains=["UPPER.local"]),
    virtual_host(named("only-below", "/below"), name="narrow", domains=["narrow.local"]))

TABLES = {"paths": PATHS, "headers": HEADERS, "queries": QUERIES, "hosts": HOSTS}


@pytest.fixture(scope="module")
def proxy():
    listeners = [listener(http(route_config=table, stat_prefix=name), name=name) for name, table in TABLES.items()]
    with Proxy(bootstrap(listeners)) as proxy:
        yield proxy


@pytest.mark.parametrize("target, name", [
    ("/exact", "exact"), ("/exact?query=1", "exact"), ("/exact/", "rest"), ("/exac", "rest"), ("/Exact", "rest"),
    ("/anycase", "exact-any-case"), ("/ANYCASE", "exact-any-case"), ("/anycases", "rest"),
    ("/prefix", "prefix"), ("/prefixed", "prefix"), ("/prefix/a/b", "prefix"), ("/prefi", "rest"), ("/Prefix", "rest"),
    ("/UPPER/x", "prefix-any-case"), ("/upper", "prefix-any-case"),
    ("/slash/", "prefix-slash"), ("/slash/a", "prefix-slash"), ("/slash", "rest"), ("/slash?a/", "rest"),
    ("/sep", "separated"), ("/sep/", "separated"), ("/sep/a", "separated"), ("/sep?a=b", "separated"),
    ("/separate", "rest"), ("/Sep", "rest"), ("/deep/er/x", "separated-deep"), ("/deep/erx", "rest"),
    ("/id/42", "regex"), ("/id/42?a=b", "regex"), ("/id/", "rest"), ("/id/42/x", "rest"), ("/x/id/42", "rest"),
    ("/cat/", "regex-alternatives"), ("/dogs/a/b", "regex-alternatives"), ("/cow/", "rest"),
    ("/v1.2", "regex-escaped"), ("/v1x2", "rest"),
    ("/twice", "first"), ("/order/long", "long-prefix"), ("/order/longer", "long-prefix"), ("/order/x", "short-prefix"),
    ("/", "rest"), ("/?/exact", "rest"), ("//exact", "rest"), ("/%65xact", "rest"), ("/a/../exact", "rest"),
])
def test_path(proxy, target, name):
    assert proxy.fetch(target, listener="paths").text == name


@pytest.mark.parametrize("given, name", [
    ({"x-exact": "yes"}, "exact"), ({"X-EXACT": "yes"}, "exact"), ({"x-exact": "Yes"}, "rest"), ({"x-exact": "yess"}, "rest"),
    ({"x-case": "mIxED"}, "exact-any-case"),
    ({"x-prefix": "abc"}, "prefix"), ({"x-prefix": "ab"}, "prefix"), ({"x-prefix": "cab"}, "rest"), ({"x-prefix": ""}, "rest"),
    ({"x-suffix": "xyz"}, "suffix"), ({"x-suffix": "yzx"}, "rest"),
    ({"x-contains": "amidst"}, "contains"), ({"x-contains": "amd"}, "rest"),
    ({"x-regex": "aaab"}, "regex"), ({"x-regex": "a"}, "regex"), ({"x-regex": "aabc"}, "rest"), ({"x-regex": "xa"}, "rest"),
    ({"x-present": "anything"}, "present"), ({"x-present": ""}, "present"),
    ({"x-range": "-10"}, "range"), ({"x-range": "99"}, "range"), ({"x-range": "100"}, "rest"), ({"x-range": "-11"}, "rest"),
    ({"x-range": "5x"}, "rest"), ({"x-range": ""}, "rest"), ({"x-range": "1.5"}, "rest"),
    ({"x-one": "1", "x-two": "2"}, "both"), ({"x-one": "1"}, "rest"), ({"x-one": "1", "x-two": "1"}, "rest"),
    ({"x-guard": "1", "x-not": "yes"}, "not-exact"), ({"x-guard": "1", "x-not": "no"}, "rest"),
    ({"x-guard": "1"}, "rest"),
    ({"x-guard2": "1"}, "absent-as-empty"), ({"x-guard2": "1", "x-missing": "v"}, "rest"),
    ({"x-guard2": "1", "x-missing": "w"}, "absent-as-empty"),
    ({"x-exact": "yes", "x-prefix": "ab"}, "exact"),
])
def test_headers(proxy, given, name):
    assert proxy.fetch(headers={**given, "x-fall": "1"}, listener="headers").text == name


@pytest.mark.parametrize("values, name", [
    (["yes"], "exact"), (["yes", "no"], "exact"), (["no", "yes"], "exact"), (["yes", ""], "exact"), (["ye", "s"], "rest"),
])
def test_repeated_headers_match_one_by_one(proxy, values, name):
    given = [("x-exact", value) for value in values]
    assert proxy.fetch(headers=[*given, ("x-fall", "1")], listener="headers").text == name


def test_headers_that_are_absent(proxy):
    assert proxy.fetch(listener="headers").text == "not-present"


@pytest.mark.parametrize("request_parts, name", [
    ({"method": "DELETE"}, "method"), ({"host": "special.local"}, "authority"), ({"target": "/x?magic=1"}, "path"),
    ({"target": "/x?magic=12", "headers": {"x-fall": "1"}}, "rest"),
])
def test_pseudo_headers(proxy, request_parts, name):
    assert proxy.fetch(**request_parts, listener="headers").text == name


@pytest.mark.parametrize("target, name", [
    ("/?exact=1", "exact"), ("/?exact=12", "rest"), ("/?x=y&exact=1", "exact"), ("/?Exact=1", "rest"), ("/?exact", "rest"),
    ("/?prefix=abc", "prefix"), ("/?prefix=ba", "rest"),
    ("/?regex=123", "regex"), ("/?regex=12a", "rest"), ("/?regex=", "rest"),
    ("/?present", "present"), ("/?present=", "present"), ("/?present=x", "present"), ("/?presents", "rest"),
    ("/?a=1&b=2", "both"), ("/?b=2&a=1", "both"), ("/?a=1", "rest"), ("/?case=MIXED", "any-case"),
    ("/exact=1", "rest"), ("/?", "rest"), ("/?exact=1#", None), ("/?exact=2&exact=1", "rest"), ("/?exact=1&exact=2", "exact"),
])
def test_query_parameters(proxy, target, name):
    response = proxy.fetch(target, listener="queries")
    assert (response.text if response.status == 200 else None) == name


@pytest.mark.parametrize("host, name", [
    ("www.shop.com", "exact"), ("WWW.Shop.COM", "exact"), ("exact.org:8080", "exact"), ("exact.org", "rest"),
    ("www.shop.com:80", "prefix-short"),
    ("v1.api.shop.com", "suffix-long"), ("a.b.api.shop.com", "suffix-long"), ("api.shop.com", "suffix-short"),
    ("x.shop.com", "suffix-short"), ("shop.com", "rest"), (".shop.com", "rest"), ("my-dash.net", "suffix-short"),
    ("-dash.net", "rest"), ("www.news.de", "prefix-long"), ("www.news.", "prefix-short"), ("www.other.de", "prefix-short"),
    ("www.", "rest"), ("www.x.shop.com", "suffix-short"), ("upper.local", "upper"), ("else.local", "rest"),
])
def test_domain(proxy, host, name):
    assert proxy.fetch(host=host, listener="hosts").text == name


def test_virtual_host_without_a_matching_route_is_404_and_no_other_host_is_tried(proxy):
    assert proxy.fetch("/below", host="narrow.local", listener="hosts").text == "only-below"
    response = proxy.fetch("/above", host="narrow.local", listener="hosts")
    assert (response.status, response.body) == (404, b"")
    assert proxy.wait_stat("http.hosts.no_route")


def test_no_virtual_host_is_404(start):
    only = routing(virtual_host(named("a"), domains=["a.local"]))
    proxy = start(bootstrap([listener(http(route_config=only))]))
    assert proxy.fetch(host="a.local").text == "a"
    assert proxy.fetch(host="b.local").status == 404


@pytest.mark.parametrize("settings, host", [
    ({"strip_any_host_port": True}, "a.local:99"), ({"strip_any_host_port": True}, "a.local"),
])
def test_port_in_host_can_be_stripped(start, settings, host):
    only = routing(virtual_host(named("a"), domains=["a.local"]))
    proxy = start(bootstrap([listener(http(route_config=only, **settings))]))
    assert proxy.fetch(host=host).text == "a"


def test_port_in_host_can_be_ignored_by_the_search_alone(start):
    only = routing(virtual_host(named("a"), domains=["a.local"]), ignore_port_in_host_matching=True)
    proxy = start(bootstrap([listener(http(route_config=only))]))
    assert proxy.fetch(host="a.local:1234").text == "a"
    assert proxy.fetch(host="b.local:1234").status == 404


def test_runtime_fraction_takes_its_share(start):
    shares = {"tenth": 10, "half": 50, "none": 0, "all": 100}
    routes = [part for name, share in shares.items()
              for part in (named(name, f"/{name}", fraction=share), named("other", f"/{name}"))]
    proxy = start(bootstrap([listener(http(routes))]))
    trials = 1000
    with proxy.connect() as client:
        for name, share in shares.items():
            seen = collections.Counter(client.request(target=f"/{name}").text for _ in range(trials))
            assert_share(seen[name], trials, share / 100)


def test_runtime_layer_overrides_the_fraction_of_its_key(start):
    guarded = named("guarded")
    guarded["match"]["runtime_fraction"] = {"default_value": {"numerator": 100}, "runtime_key": "routing.guarded"}
    proxy = start(bootstrap([listener(http([guarded, named("rest")]))], layered_runtime={"layers": [
        {"name": "static", "static_layer": {"routing.guarded": 0}}]}))
    assert proxy.fetch().text == "rest"


class TestManyRoutes:
    """The first route that matches wins, however the proxy looks for it."""

    def test_first_match_among_a_thousand(self, start):
        routes = []
        for index in range(330):
            routes += [named(f"p{index}", f"/p/{index % 110}/"), named(f"e{index}", path=f"/e/{index % 110}"),
                       named(f"r{index}", regex=f"/r/{index % 110}/.*")]
        proxy = start(bootstrap([listener(http(routes))]))
        with proxy.connect() as client:
            for index in range(0, 110, 7):
                assert client.request(target=f"/p/{index}/x").text == f"p{index}"
                assert client.request(target=f"/e/{index}").text == f"e{index}"
                assert client.request(target=f"/r/{index}/x").text == f"r{index}"

    def test_earlier_route_with_a_failing_header_falls_through_to_a_later_kind(self, start):
        want = [header("x-want", present=True)]
        proxy = start(bootstrap([listener(http([
            named("exact-guarded", path="/a/b", headers=want), named("regex-guarded", regex="/a/.*", headers=want),
            named("prefix", "/a"), named("exact", path="/a/b"), named("regex", regex="/a/.*")]))]))
        assert proxy.fetch("/a/b").text == "prefix"
        assert proxy.fetch("/a/b", headers={"x-want": "1"}).text == "exact-guarded"
        assert proxy.fetch("/a/c", headers={"x-want": "1"}).text == "regex-guarded"
