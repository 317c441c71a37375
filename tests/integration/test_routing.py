"""Where a matched request goes and how it is changed on the way: destinations, redirects, rewrites, headers."""

import collections
import json

import pytest

from support.bootstrap import (add_header, bootstrap, cluster, endpoint, http, listener, route, routing, virtual_host)
from support.proxy import Proxy
from support.stats import assert_split
from support.upstream import Upstream, echo, reply

APPEND, ABSENT, SET, IF_PRESENT = ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD",
                                   "OVERWRITE_IF_EXISTS")

ROUTES = [
    # Destinations.
    route("/to-a", to="a"),
    route("/by-header", to_header="x-cluster"),
    route("/missing-404", to="nowhere", cluster_not_found_response_code="NOT_FOUND"),
    route("/missing", to="nowhere"),
    route("/split-three", split={"a": 70, "b": 20, "c": 10}),
    route("/split-off", split={"a": 1, "b": 0}),
    route("/split-odd-sum", split={"a": 1, "b": 2}),
    route("/split-by-header", split=[{"cluster_header": "x-cluster", "weight": 1}]),
    route("/split-headers", split=[
        {"name": "a", "weight": 1, "request_headers_to_add": [add_header("x-part", "a")],
         "response_headers_to_add": [add_header("x-part", "a")], "host_rewrite_literal": "part.local"}]),
    # Direct answers.
    route(path="/direct", respond=(418, "short and stout")),
    route("/direct-empty", respond=(204, None)),
    route("/direct-headers", respond=(200, "x"), response_headers_to_add=[add_header("x-direct", "1")]),
    # Redirects.
    route("/to-https", redirect={"https_redirect": True}),
    route("/to-scheme", redirect={"scheme_redirect": "ftp"}),
    route("/to-host", redirect={"host_redirect": "new.local"}),
    route("/to-port", redirect={"port_redirect": 8443}),
    route("/to-path", redirect={"path_redirect": "/elsewhere"}),
    route("/to-own-query", redirect={"path_redirect": "/elsewhere?own=1"}),
    route("/to-prefix", redirect={"prefix_rewrite": "/other"}),
    route("/to-regex", redirect={"regex_rewrite": {"pattern": {"regex": "^/to-regex/([a-z]+)"}, "substitution": "/x/\\1"}}),
    route("/to-stripped", redirect={"host_redirect": "new.local", "strip_query": True}),
    *[route(f"/to-code/{code}/", redirect={"host_redirect": "new.local", "response_code": name}) for code, name in {
        301: "MOVED_PERMANENTLY", 302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT",
        308: "PERMANENT_REDIRECT"}.items()],
    # Rewrites.
    route("/old/", to="a", prefix_rewrite="/new/"),
    route("/cut/", to="a", prefix_rewrite="/"),
    route(separated_prefix="/sep", to="a", prefix_rewrite="/parted"),
    route(path="/whole", to="a", prefix_rewrite="/entire"),
    route("/rx/", to="a", regex_rewrite={"pattern": {"regex": "/([0-9]+)/([a-z]+)"}, "substitution": "/\\2/\\1"}),
    route("/host-literal", to="a", host_rewrite_literal="literal.local"),
    route("/host-header", to="a", host_rewrite_header="x-host"),
    route("/host-path", to="a", host_rewrite_path_regex={"pattern": {"regex": "^/host-path/([a-z.]+).*$"},
                                                         "substitution": "\\1"}),
    route("/host-auto", to="named-host", auto_host_rewrite=True),
    route("/host-forwarded", to="a", host_rewrite_literal="literal.local", append_x_forwarded_host=True),
    # Header changes.
    route("/headers/append", to="a", request_headers_to_add=[add_header("x-h", "new", APPEND)]),
    route("/headers/absent", to="a", request_headers_to_add=[add_header("x-h", "new", ABSENT)]),
    route("/headers/set", to="a", request_headers_to_add=[add_header("x-h", "new", SET)]),
    route("/headers/present", to="a", request_headers_to_add=[add_header("x-h", "new", IF_PRESENT)]),
    route("/headers/default", to="a", request_headers_to_add=[add_header("x-h", "new")]),
    route("/headers/remove", to="a", request_headers_to_remove=["x-h", "x-other"]),
    route("/headers/replace", to="a", request_headers_to_remove=["x-h"], request_headers_to_add=[add_header("x-h", "new")]),
    route("/headers/empty", to="a", request_headers_to_add=[
        add_header("x-dropped", "%REQ(x-none)%"), add_header("x-kept", "", keep_empty=True)]),
    route("/headers/format", to="a", request_headers_to_add=[
        add_header("x-method", "%REQ(:METHOD)%"), add_header("x-path", "%REQ(:PATH)%"),
        add_header("x-alternative", "%REQ(X-NONE?X-SOME)%"), add_header("x-cut", "%REQ(X-SOME):3%"),
        add_header("x-percent", "100%%"), add_header("x-protocol", "%PROTOCOL%"),
        add_header("x-remote", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        add_header("x-cluster-name", "%UPSTREAM_CLUSTER%"), add_header("x-mixed", "<%REQ(x-some)%-%PROTOCOL%>")]),
    route("/headers/response", to="a", response_headers_to_add=[
        add_header("x-h", "new", SET), add_header("x-code", "%RESPONSE_CODE%"),
        add_header("x-host", "%UPSTREAM_HOST%"), add_header("x-sent", "%REQ(x-some)%"),
        add_header("x-from-up", "%RESP(x-up)%")], response_headers_to_remove=["x-up-secret"]),
]


@pytest.fixture(scope="module")
def upstreams():
    def answer(name):
        return lambda request: echo(request, cluster=name).replace(
            b"\r\n", b"\r\nx-up: u\r\nx-up-secret: s\r\nx-h: old\r\n", 1)

    with Upstream("a", answer("a")) as a, Upstream("b", answer("b")) as b, Upstream("c", answer("c")) as c:
        yield {"a": a, "b": b, "c": c}


@pytest.fixture(scope="module")
def proxy(upstreams):
    clusters = [cluster(name, upstream.port) for name, upstream in upstreams.items()]
    named = endpoint(upstreams["a"].port)
    named["endpoint"]["hostname"] = "endpoint.local"
    clusters.append(cluster("named-host", named))
    table = routing(virtual_host(*ROUTES), validate_clusters=False)
    with Proxy(bootstrap([listener(http(route_config=table))], clusters)) as proxy:
        yield proxy


def seen(response):
    """What the upstream received, from the echo."""
    assert response.status == 200, response
    got = json.loads(response.body)
    got["fields"] = collections.defaultdict(list)
    for name, value in got["headers"]:
        got["fields"][name].append(value)
    return got


class TestDestinations:
    def test_cluster(self, proxy):
        assert seen(proxy.fetch("/to-a"))["cluster"] == "a"

    @pytest.mark.parametrize("name", ["a", "b"])
    def test_cluster_named_by_a_header(self, proxy, name):
        assert seen(proxy.fetch("/by-header", headers={"x-cluster": name}))["cluster"] == name

    @pytest.mark.parametrize("headers", [{}, {"x-cluster": "unknown"}])
    def test_header_that_names_no_cluster_is_503(self, proxy, headers):
        assert proxy.fetch("/by-header", headers=headers).status == 503

    def test_missing_cluster_answers_as_configured(self, proxy):
        assert proxy.fetch("/missing").status == 503
        assert proxy.fetch("/missing-404").status == 404
        assert proxy.wait_stat("http.in.no_cluster", 2) >= 2

    @pytest.mark.parametrize("path, weights", [
        ("/split-three", {"a": 70, "b": 20, "c": 10}), ("/split-off", {"a": 1, "b": 0}), ("/split-odd-sum", {"a": 1, "b": 2})])
    def test_weighted_clusters_take_their_shares(self, proxy, path, weights):
        with proxy.connect() as client:
            counts = collections.Counter(seen(client.request(target=path))["cluster"] for _ in range(1500))
        assert_split(counts, weights)

    def test_weighted_cluster_named_by_a_header(self, proxy):
        assert seen(proxy.fetch("/split-by-header", headers={"x-cluster": "c"}))["cluster"] == "c"

    def test_weighted_cluster_has_headers_of_its_own(self, proxy):
        response = proxy.fetch("/split-headers")
        got = seen(response)
        assert got["fields"]["x-part"] == ["a"] and got["fields"]["host"] == ["part.local"]
        assert response.get("x-part") == "a"


class TestDirectAnswers:
    def test_status_and_body(self, proxy):
        response = proxy.fetch("/direct")
        assert (response.status, response.text, response.get("content-type")) == (418, "short and stout", "text/plain")

    def test_no_body(self, proxy):
        response = proxy.fetch("/direct-empty")
        assert (response.status, response.body) == (204, b"")

    def test_headers(self, proxy):
        assert proxy.fetch("/direct-headers").get("x-direct") == "1"

    def test_head_keeps_the_length_without_the_body(self, proxy):
        with proxy.connect() as client:
            response = client.request("HEAD", "/direct")
            assert (response.status, response.get("content-length")) == (418, "15")
            assert client.request("GET", "/direct").text == "short and stout"

    def test_request_body_is_never_taken_for_the_next_request(self, proxy):
        with proxy.connect() as client:
            response = client.request("POST", "/direct", body="GET /direct-headers HTTP/1.1\r\nhost: a\r\n\r\n")
            assert response.status == 418
            if response.get("connection") == "close":  # Answered before the body was read; then nothing may follow.
                assert client.read_to_end() == b""
            else:
                assert client.request("GET", "/direct-empty").status == 204


@pytest.mark.parametrize("target, location", [
    ("/to-https/a?b=c", "https://test.local/to-https/a?b=c"),
    ("/to-scheme", "ftp://test.local/to-scheme"),
    ("/to-host/a?b=c", "http://new.local/to-host/a?b=c"),
    ("/to-port?x", "http://test.local:8443/to-port?x"),
    ("/to-path/a?b=c", "http://test.local/elsewhere?b=c"),
    ("/to-own-query?b=c", "http://test.local/elsewhere?own=1"),
    ("/to-prefix/a?b=c", "http://test.local/other/a?b=c"),
    ("/to-regex/abc/d?e=f", "http://test.local/x/abc/d?e=f"),
    ("/to-stripped/a?b=c", "http://new.local/to-stripped/a"),
])
def test_redirect_location(proxy, target, location):
    response = proxy.fetch(target)
    assert (response.status, response.get("location"), response.body) == (301, location, b"")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_status(proxy, code):
    assert proxy.fetch(f"/to-code/{code}/").status == code


@pytest.mark.parametrize("host, target, location", [
    ("test.local:80", "/to-https", "https://test.local/to-https"),
    ("test.local:8080", "/to-https", "https://test.local:8080/to-https"),
    ("test.local:8080", "/to-host", "http://new.local/to-host"),
    ("test.local:8080", "/to-port", "http://test.local:8443/to-port"),
    ("[::1]:80", "/to-https", "https://[::1]/to-https"),
])
def test_redirect_keeps_or_drops_the_port(proxy, host, target, location):
    assert proxy.fetch(target, host=host).get("location") == location


@pytest.mark.parametrize("target, rewritten", [
    ("/old/a?b=c", "/new/a?b=c"), ("/cut/a/b", "/a/b"), ("/cut/", "/"), ("/sep", "/parted"), ("/sep/a?b", "/parted/a?b"),
    ("/whole?a=b", "/entire?a=b"), ("/rx/12/ab?c=/1/d", "/rx/ab/12?c=/1/d"), ("/rx/12/ab/34/cd", "/rx/ab/12/cd/34"),
    ("/rx/none", "/rx/none"),
])
def test_path_is_rewritten(proxy, target, rewritten):
    got = seen(proxy.fetch(target))
    assert got["target"] == rewritten
    original = [target] if target != rewritten else got["fields"]["x-envoy-original-path"]
    assert got["fields"]["x-envoy-original-path"] == original


@pytest.mark.parametrize("target, headers, host", [
    ("/to-a", {}, "test.local"), ("/host-literal", {}, "literal.local"), ("/host-header", {"x-host": "given.local"}, "given.local"),
    ("/host-header", {}, "test.local"), ("/host-path/from.path/x?y", {}, "from.path"), ("/host-auto", {}, "endpoint.local"),
])
def test_host_is_rewritten(proxy, target, headers, host):
    assert seen(proxy.fetch(target, headers=headers))["fields"]["host"] == [host]


def test_rewritten_host_can_be_forwarded(proxy):
    fields = seen(proxy.fetch("/host-forwarded"))["fields"]
    assert (fields["host"], fields["x-forwarded-host"]) == (["literal.local"], ["test.local"])


@pytest.mark.parametrize("before, after", [
    (None, ["literal.local"]), ("first.local", ["first.local,literal.local"]), ("a,literal.local", ["a,literal.local"])])
def test_host_that_is_rewritten_to_itself_is_forwarded_all_the_same(proxy, before, after):
    headers = {} if before is None else {"x-forwarded-host": before}
    fields = seen(proxy.fetch("/host-forwarded", headers=headers, host="literal.local"))["fields"]
    assert (fields["x-forwarded-host"], fields["x-envoy-original-host"]) == (after, ["literal.local"])


class TestHeaderChanges:
    @pytest.mark.parametrize("how, sent, arrived", [
        ("append", [], ["new"]), ("append", ["old"], ["old", "new"]), ("absent", [], ["new"]), ("absent", ["old"], ["old"]),
        ("set", [], ["new"]), ("set", ["old", "older"], ["new"]), ("present", [], []), ("present", ["old"], ["new"]),
        ("default", ["old"], ["old", "new"]), ("remove", ["old", "older"], []), ("replace", ["old"], ["new"])])
    def test_request_header(self, proxy, how, sent, arrived):
        got = seen(proxy.fetch(f"/headers/{how}", headers=[("x-h", value) for value in sent]))
        assert got["fields"]["x-h"] == arrived

    def test_empty_values_are_dropped_unless_kept(self, proxy):
        fields = seen(proxy.fetch("/headers/empty"))["fields"]
        assert "x-dropped" not in fields and fields["x-kept"] == [""]

    def test_formatters_in_request_headers(self, proxy):
        fields = seen(proxy.fetch("/headers/format?q=1", headers={"x-some": "value"}))["fields"]
        assert {name: fields[name] for name in fields if name in (
            "x-method", "x-path", "x-alternative", "x-cut", "x-percent", "x-protocol", "x-remote", "x-cluster-name",
            "x-mixed")} == {
            "x-method": ["GET"], "x-path": ["/headers/format?q=1"], "x-alternative": ["value"], "x-cut": ["val"],
            "x-percent": ["100%"], "x-protocol": ["HTTP/1.1"], "x-remote": ["127.0.0.1"], "x-cluster-name": ["a"],
            "x-mixed": ["<value-HTTP/1.1>"]}

    def test_formatters_in_response_headers(self, proxy, upstreams):
        response = proxy.fetch("/headers/response", headers={"x-some": "value"})
        assert response.all("x-h") == ["new"] and not response.has("x-up-secret")
        assert (response.get("x-code"), response.get("x-sent"), response.get("x-from-up")) == ("200", "value", "u")
        assert response.get("x-host") == f"127.0.0.1:{upstreams['a'].port}"

    @pytest.mark.parametrize("specific_wins, order", [(False, ["route", "host", "config"]), (True, ["config", "host", "route"])])
    def test_changes_of_all_levels_apply_in_order(self, start, closing, specific_wins, order):
        upstream = closing(Upstream(answer=echo))

        def level(name):
            return {"request_headers_to_add": [add_header("x-order", name)]}

        table = routing(virtual_host(route(to="up", **level("route")), **level("host")), **level("config"),
                        most_specific_header_mutations_wins=specific_wins)
        proxy = start(bootstrap([listener(http(route_config=table))], [cluster("up", upstream.port)]))
        assert seen(proxy.fetch())["fields"]["x-order"] == order

    @pytest.mark.parametrize("key", ["Host", ":path", ":authority"])
    def test_host_and_pseudo_headers_cannot_be_changed_this_way(self, key):
        config = bootstrap([listener(http([route(respond=(200, ""), request_headers_to_add=[add_header(key, "x")])]))])
        with Proxy(config, wait_ready=False) as proxy:
            assert proxy.wait() == 1


class TestTlsRequirement:
    def test_plain_requests_are_redirected(self, start):
        table = routing(virtual_host(route(respond=(200, "")), require_tls="ALL"))
        proxy = start(bootstrap([listener(http(route_config=table))]))
        response = proxy.fetch("/a?b")
        assert (response.status, response.get("location")) == (301, "https://test.local/a?b")


class TestAttemptCount:
    def test_attempt_count_goes_to_both_sides_when_asked(self, start, closing):
        upstream = closing(Upstream(answer=lambda request: reply(200)))
        table = routing(virtual_host(route(to="up"), include_request_attempt_count=True,
                                     include_attempt_count_in_response=True))
        proxy = start(bootstrap([listener(http(route_config=table))], [cluster("up", upstream.port)]))
        response = proxy.fetch()
        assert response.get("x-envoy-attempt-count") == upstream.last.get("x-envoy-attempt-count") == "1"
