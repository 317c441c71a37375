"""Redirects of an upstream that the proxy follows itself: what the next upstream sees, what is refused, what is counted."""

import pytest

from support.bootstrap import add_header, bootstrap, cluster, file_log, http_listener, route, typed
from support.upstream import Upstream, echo, reply
from support.waiting import wait_until

KIND = "envoy.extensions.internal_redirect."
PREVIOUS = {"name": "previous", "typed_config": typed(f"{KIND}previous_routes.v3.PreviousRoutesConfig")}
SAFE = {"name": "safe", "typed_config": typed(f"{KIND}safe_cross_scheme.v3.SafeCrossSchemeConfig")}


def listed(*names):
    return {"name": "listed", "typed_config": typed(
        f"{KIND}allow_listed_routes.v3.AllowListedRoutesConfig", allowed_route_names=list(names))}


@pytest.fixture
def following(start, closing):
    """A proxy whose route /from leads to an upstream that redirects to `location`, /to to another one, and back again to /loop."""
    def begin(location, status=302, policy=None, listener=None, script=None, **action):
        first = closing(Upstream("first", script=script, answer=lambda request: reply(
            status, [("location", location), ("x-copied", "c")], b"go there")))
        second = closing(Upstream("second", answer=lambda request: echo(request, cluster="second")))
        policy = {"internal_redirect_policy": policy if policy is not None else {}}
        proxy = start(bootstrap([http_listener(
            route("/from", to="first", name="from", **policy, **action), route("/to", to="second", name="to"),
            route("/loop", to="first", name="loop", **policy), **(listener or {}))],
            [cluster("first", first.port), cluster("second", second.port)]))
        proxy.first, proxy.second = first, second
        return proxy
    return begin


def counters(proxy, suffixes=("bad_location", "unsafe_scheme", "too_many_redirects", "no_route", "predicate")):
    seen = {name: proxy.stat(f"http.in.passthrough_internal_redirect_{name}") for name in suffixes}
    return {name: value for name, value in seen.items() if value}


def test_the_client_gets_the_second_answer(following):
    proxy = following("http://second.local/to?x=1#part", request_headers_to_add=[add_header("x-first", "1")],
                      policy={"response_headers_to_copy": ["x-copied"]})
    answer = proxy.fetch("/from?q=1", headers=[("x-copied", "mine")], host="first.local")
    assert answer.status == 200
    seen = proxy.second.last
    assert (seen.target, seen.get("host"), seen.get("x-envoy-original-url")) == ("/to?x=1", "second.local", "http://first.local/from?q=1")
    assert (seen.get("x-copied"), seen.get("x-first")) == ("c", "1")
    assert proxy.stat("cluster.first.upstream_internal_redirect_succeeded_total") == 1
    assert not proxy.stat("cluster.first.upstream_internal_redirect_failed_total")
    assert not proxy.stat("cluster.first.upstream_rq_302"), "its answer is nobody's"


def test_a_body_is_sent_again(following):
    proxy = following("http://a/to", status=307, policy={"redirect_response_codes": [307]})
    assert proxy.fetch("/from", "POST", body=b"x" * 20000).status == 200
    assert proxy.second.last.method == "POST" and len(proxy.second.last.body) == 20000


def test_see_other_is_a_get_without_a_body(following):
    proxy = following("http://a/to", status=303, policy={"redirect_response_codes": [303]})
    assert proxy.fetch("/from", "POST", body=b"body").status == 200
    seen = proxy.second.last
    assert (seen.method, seen.body, seen.has("content-length")) == ("GET", b"", False)


@pytest.mark.parametrize("location, policy, reason", [
    ("/to", {}, "bad_location"),
    ("https://a/to", {}, "unsafe_scheme"),
    ("https://a/to", {"allow_cross_scheme_redirect": True, "predicates": [SAFE]}, "predicate"),
    ("http://a/nowhere", {}, "no_route"),
    ("http://a/to", {"max_internal_redirects": 0}, "too_many_redirects"),
    ("http://a/to", {"predicates": [listed("other")]}, "predicate"),
    ("http://a/loop", {"max_internal_redirects": 9, "predicates": [PREVIOUS]}, "predicate"),
])
def test_what_is_not_followed_goes_to_the_client(following, location, policy, reason):
    proxy = following(location, policy=policy)
    answer = proxy.fetch("/from")
    assert (answer.status, answer.get("location"), answer.text) == (302, location, "go there")
    assert counters(proxy) == {reason: 1}
    assert proxy.stat("cluster.first.upstream_internal_redirect_failed_total") == 1


@pytest.mark.parametrize("status, followed", [(302, True), (301, False), (308, False)])
def test_only_named_statuses_are_followed(following, status, followed):
    proxy = following("http://a/to", status=status)
    assert proxy.fetch("/from").status == (200 if followed else status)
    assert counters(proxy) == {}


def test_a_loop_ends(following):
    proxy = following("http://a/loop", policy={"max_internal_redirects": 4})
    assert proxy.fetch("/from").status == 302
    assert len(proxy.first.requests) == 5 and counters(proxy) == {"too_many_redirects": 1}


@pytest.mark.remora_only("the line of the first step names the route of the next one")
def test_each_step_has_its_line_in_the_log(following, tmp_path):
    log = tmp_path / "log"
    proxy = following("http://a/to", listener={"access_log": [file_log(log, "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER%\n")]})
    assert proxy.fetch("/from").status == 200
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 2, lambda: log.read_text())
    assert log.read_text().splitlines() == ["302 internal_redirect from first", "200 via_upstream to second"]


def test_an_unfinished_request_is_not_redirected(following):
    def answer_early(connection):
        connection.read_request_head()
        connection.send(reply(302, [("location", "http://a/to")]))

    proxy = following("http://a/to", script=answer_early)
    with proxy.connect() as client:
        client.send("POST /from HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345")
        assert client.response("POST").status == 302
    assert proxy.stat("cluster.first.upstream_internal_redirect_failed_total") == 1


@pytest.mark.remora_only("it refuses it too, in words of its own")
def test_a_predicate_that_is_not_known_is_refused(start):
    with pytest.raises(Exception, match=r"internal_redirect_policy.predicates\[0\]"):
        start(bootstrap([http_listener(route(to="up", internal_redirect_policy={"predicates": [
            {"name": "other", "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")}]}))],
            [cluster("up", 80)]))
