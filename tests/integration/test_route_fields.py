"""Fields of routes beyond paths and headers, on the real Envoy and on the proxy under test: the same expectations for both."""

import json
import pathlib

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, file_log, http, listener, route, routing, typed, virtual_host
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, echo, reply, stall, stall_twice
from support.waiting import wait_until

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
HEADER_INPUT = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
INTERNAL = {"use_remote_address": True, "internal_address_config": {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}}
POLICY = {"retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"}}


def answers(text, **match):
    """A route that answers with its own name."""
    return {"name": text, "match": match or {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text}}}


def reads(header):
    return {"name": "request-headers", "typed_config": typed(HEADER_INPUT, header_name=header)}


def leads_to(*routes):
    one = {"@type": "type.googleapis.com/envoy.config.route.v3.Route", **routes[0]}
    many = typed("envoy.config.route.v3.RouteList", routes=list(routes))
    return {"action": {"name": "route", "typed_config": one if len(routes) == 1 else many}}


def when(header, on_match, **value):
    return {"predicate": {"single_predicate": {"input": reads(header), "value_match": value}}, "on_match": on_match}


def one_of(kind, header, **branches):
    return {"matcher_tree": {"input": reads(header), f"{kind}_match_map": {"map": branches}}}


LIST = {"matcher_list": {"matchers": [
    when("x-first", leads_to(answers("first")), exact="1"),
    when("x-first", leads_to(answers("never")), exact="1"),
    when("x-nowhere", {"matcher": one_of("exact", "x-second", **{"found": leads_to(answers("nested"))})}, prefix="a"),
    {"predicate": {"and_matcher": {"predicate": [
        {"single_predicate": {"input": reads("x-both"), "value_match": {"contains": "B", "ignore_case": True}}},
        {"not_matcher": {"single_predicate": {"input": reads("x-not"), "value_match": {"safe_regex": {"google_re2": {}, "regex": "n+"}}}}}]}},
     "on_match": leads_to(answers("both"))},
    {"predicate": {"or_matcher": {"predicate": [
        {"single_predicate": {"input": reads("x-many"), "value_match": {"exact": "1,2"}}},
        {"single_predicate": {"input": reads(":method"), "value_match": {"exact": "DELETE"}}}]}},
     "on_match": leads_to(answers("either"))}]},
    "on_no_match": leads_to(answers("listed", prefix="/listed"), answers("second", prefix="/second"))}
EXACT = {**one_of("exact", ":path", **{"/one": leads_to(answers("one")), "/other": leads_to(answers("not this path", path="/x"))}),
         "on_no_match": leads_to(answers("no such path"))}
PREFIX = {**one_of("prefix", "x-prefix", **{
    "a": leads_to(answers("short")),
    "aaa": {"matcher": one_of("exact", "x-second", **{"found": leads_to(answers("long"))})},
    "": leads_to(answers("any value"))})}
DEEP = {"matcher": {"matcher_list": {"matchers": [when("x-deep", leads_to(answers("deep")), suffix="z")]}}}


def template(pattern):
    return {"path_match_policy": {"name": "envoy.path.match.uri_template.uri_template_matcher", "typed_config": typed(
        "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", path_template=pattern)}}


def rewritten(pattern, to):
    return {"match": template(pattern), "route": {"cluster": "up", "path_rewrite_policy": {
        "name": "envoy.path.rewrite.uri_template.uri_template_rewriter", "typed_config": typed(
            "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig", path_template_rewrite=to)}}}


TEMPLATES = [rewritten("/users/{id}/files/{path=**}", "/files/{path}/of/{id}"),
             rewritten("/v.1/{name=*/x/*}.json", "/x/{name}"),
             answers("star", **template("/star/*/end")),
             answers("suffix", **template("/suffix/*.html")),
             answers("deep", **template("/deep/**")),
             answers("rest")]


def tree(domain, matcher):
    return {"name": domain, "domains": [domain], "matcher": matcher}


TREES = [tree("list.local", LIST), tree("exact.local", EXACT), tree("prefix.local", PREFIX),
         tree("deep.local", {"matcher_list": {"matchers": [when("x-a", DEEP, prefix="a")]}})]
CERTIFICATES = virtual_host(answers("presented", prefix="/", tls_context={"presented": True}),
                            answers("not validated", prefix="/plain", tls_context={"validated": False}),
                            answers("not presented", prefix="/", tls_context={"presented": False}),
                            name="certificates", domains=["certificates.local"])


def counted(**more):
    return virtual_host(
        {**route("/counted", to="up"), "stat_prefix": "a.route"}, route("/fails", to="failing", retry_policy={"retry_on": "5xx", **POLICY}),
        route("/none", to="up"), name="counted", domains=["counted.local"],
        virtual_clusters=[{"name": "posts", "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]},
                          {"name": "fails", "headers": [{"name": ":path", "string_match": {"prefix": "/fails"}}]}], **more)


def scope(name, *key, **more):
    return {"name": name, "key": {"fragments": [{"string_key": part} for part in key]}, **more}


SCOPES = {
    "name": "by-tenant", "scope_key_builder": {"fragments": [
        {"header_value_extractor": {"name": "X-Tenant", "element_separator": ";", "element": {"separator": "=", "key": "t"}}},
        {"header_value_extractor": {"name": "x-zone", "element_separator": ",", "index": 1}}]},
    "scoped_route_configurations_list": {"scoped_route_configurations": [
        scope("a", "red", "east", route_configuration=routing(virtual_host(answers("red east")))),
        scope("b", "red", "west", route_configuration=routing(virtual_host(answers("red west")))),
        scope("c", "", "west", route_configuration=routing(virtual_host(answers("nobody's west"))))]}}


def config(up, failing, log):
    states = {"name": "envoy.filters.http.set_filter_state", "typed_config": typed(
        "envoy.extensions.filters.http.set_filter_state.v3.Config", on_request_headers=[
            {"object_key": "user", "factory_key": "envoy.hashable_string",
             "format_string": {"text_format_source": {"inline_string": "%REQ(x-user)%"}}, "skip_if_empty": True}])}
    main = routing(*TREES, CERTIFICATES, counted(), virtual_host(*TEMPLATES, name="templates", domains=["templates.local"]))
    hashed = routing(virtual_host(route("/", to="ring", hash_policy=[{"filter_state": {"key": "user"}}])))
    parameters = routing(virtual_host(
        answers("exact", path="/a"), answers("regex", safe_regex={"regex": "/r[0-9]"}), answers("separated", path_separated_prefix="/s"),
        answers("semicolon", prefix="/c;d"), answers("template", **template("/t/{x}")), answers("rest")),
        ignore_path_parameters_in_path_matching=True)
    hosts = routing(virtual_host(answers("a"), name="a", domains=["a.local"]), virtual_host(answers("b"), name="b", domains=["*.b.local"]),
                    virtual_host(answers("rest"), name="rest"), vhost_header="X-Vhost")
    without = routing(virtual_host(answers("a"), name="a", domains=["a.local"]), vhost_header="x-vhost")
    return bootstrap(
        [listener(http(route_config=main, access_log=[file_log(log, text="%VIRTUAL_CLUSTER_NAME% %REQ(:PATH)%\n")])),
         listener(http(route_config=parameters), name="parameters"), listener(http(route_config=hosts), name="hosts"),
         listener(http(route_config=without), name="without"), listener(http(route_config=hashed, filters=[states]), name="hashed"),
         listener({"name": "envoy.filters.network.http_connection_manager",
                   "typed_config": {key: value for key, value in http(route_config={})["typed_config"].items() if key != "route_config"}
                   | {"scoped_routes": SCOPES}}, name="scoped")],
        [cluster("up", up.port), cluster("failing", failing.port),
         {**cluster("ring", *(other.port for other in RING)), "lb_policy": "RING_HASH"}])


RING = []


@pytest.fixture(scope="module")
def upstreams():
    with Upstream("up", echo) as up, Upstream("failing", lambda request: reply(503)) as failing, \
            Upstream("r1", lambda request: reply(200, {}, "r1")) as first, Upstream("r2", lambda request: reply(200, {}, "r2")) as second:
        RING[:] = [first, second]
        yield up, failing


@pytest.fixture(scope="module", params=KINDS)
def proxy(request, upstreams, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "access"
    with Proxy(config(*upstreams, str(log)), kind=request.param) as proxy:
        proxy.log_path = log
        yield proxy


@pytest.mark.parametrize("host, target, headers, text", [
    ("list", "/listed", [("x-first", "1")], "first"),
    ("list", "/listed", [("x-nowhere", "ab"), ("x-second", "found")], "nested"),
    ("list", "/listed", [("x-nowhere", "ab"), ("x-second", "other")], "listed"),
    ("list", "/listed", [("x-nowhere", "ab"), ("x-both", "abc")], "both"),
    ("list", "/listed", [("x-both", "abc"), ("x-not", "nn")], "listed"),
    ("list", "/listed", [("x-both", "abc"), ("x-not", "nnx")], "both"),
    ("list", "/listed", [("x-many", "1"), ("x-many", "2")], "either"),
    ("list", "/second/x", [("x-many", "2")], "second"),
    ("list", "/nothing", [], None),
    ("exact", "/one", [], "one"),
    ("exact", "/one?query", [], "no such path"),
    ("exact", "/other", [], None),
    ("exact", "/else", [], "no such path"),
    ("prefix", "/", [("x-prefix", "ab")], "short"),
    ("prefix", "/", [("x-prefix", "aaab"), ("x-second", "found")], "long"),
    ("prefix", "/", [("x-prefix", "aaab")], "short"),
    ("prefix", "/", [("x-prefix", "b")], "any value"),
    ("prefix", "/", [], None),
    ("deep", "/", [("x-a", "ab"), ("x-deep", "xyz")], "deep"),
    ("deep", "/", [("x-a", "ab"), ("x-deep", "xy")], None),
    ("certificates", "/", [], "not presented"),
    ("certificates", "/plain", [], "not validated"),
    ("templates", "/star/a/end", [], "star"),
    ("templates", "/star/a/b/end", [], "rest"),
    ("templates", "/star//end", [], "rest"),
    ("templates", "/suffix/a.html?q=1", [], "suffix"),
    ("templates", "/suffix/a_html", [], "rest"),
    ("templates", "/deep/", [], "deep"),
    ("templates", "/deep/a/b", [], "deep"),
    ("templates", "/deep", [], "rest"),
])
def test_which_route(proxy, host, target, headers, text):
    response = proxy.fetch(target, headers=headers, host=f"{host}.local")
    assert (response.status, response.text) == ((404, "") if text is None else (200, text))


def test_a_method_leads_through_a_tree(proxy):
    assert proxy.fetch("/x", method="DELETE", host="list.local").text == "either"


@pytest.mark.parametrize("target, seen", [
    ("/users/7/files/a/b.txt?x=1", "/files/a/b.txt/of/7?x=1"),
    ("/users/7/files/", "/files//of/7"),
    ("/v.1/a/x/b.json", "/x/a/x/b"),
])
def test_templates_rewrite_paths(proxy, target, seen):
    got = json.loads(proxy.fetch(target, host="templates.local").body)
    assert got["target"] == seen
    assert dict((name.lower(), value) for name, value in got["headers"])["x-envoy-original-path"] == target


@pytest.mark.parametrize("target, text", [
    ("/a;v=1", "exact"), ("/a;v=1?q", "exact"), ("/a?x;y", "exact"), ("/r5;x", "regex"), ("/r5;/x", "rest"), ("/a;v/b", "rest"),
    ("/s;v/b;w/c", "separated"), ("/s;x/y", "separated"), ("/s/a;b", "separated"),
    ("/c;d", "rest"), ("/t/a;b", "template"), ("/t;a/b", "rest"),
])
def test_parameters_of_paths_may_not_count(proxy, target, text):
    assert proxy.fetch(target, listener="parameters").text == text


@pytest.mark.parametrize("headers, text", [
    ([("x-vhost", "A.local")], "a"), ([("x-vhost", "x.b.local")], "b"), ([("x-vhost", "c.local")], "rest"),
    ([("x-vhost", "a.local"), ("x-vhost", "x.b.local")], "a"), ([("x-vhost", "a.local:80")], "rest")])
def test_a_header_chooses_the_virtual_host(proxy, headers, text):
    assert proxy.fetch("/", headers=headers, host="b.local", listener="hosts").text == text


def test_without_that_header_there_is_no_virtual_host(proxy):
    assert proxy.fetch("/", host="a.local", listener="without").status == 404
    assert proxy.fetch("/", host="x", headers=[("x-vhost", "a.local")], listener="without").status == 200


@pytest.mark.parametrize("tenant, zone, text", [
    ("t=red", "x,east", "red east"), ("u=x;t=red;t=blue", "x,west,y", "red west"), ("t=", "x,west", "nobody's west"),
    ("t", "x,west", "nobody's west"), ("t=red", "east", None), ("t=blue", "x,east", None), (None, "x,east", None),
])
def test_scopes(proxy, tenant, zone, text):
    headers = [("x-zone", zone), *([("x-tenant", tenant)] if tenant is not None else [])]
    response = proxy.fetch("/", headers=headers, listener="scoped")
    assert (response.status, response.text) == ((404, "") if text is None else (200, text))


def counted_lines(proxy):
    return [line for line in pathlib.Path(proxy.log_path).read_text().splitlines() if "/counted" in line or "/fails" in line]


def test_virtual_clusters_and_routes_are_counted(proxy):
    for target, method in [("/counted", "GET"), ("/counted", "POST"), ("/fails", "GET"), ("/none", "GET")]:
        proxy.fetch(target, method=method, host="counted.local")
    wait_until(lambda: len(counted_lines(proxy)) == 3, "three lines in the log")
    prefix = "vhost.counted."
    seen = {name: proxy.stat(prefix + name) for name in [
        "vcluster.posts.upstream_rq_200", "vcluster.posts.upstream_rq_total", "vcluster.fails.upstream_rq_503",
        "vcluster.fails.upstream_rq_5xx", "vcluster.fails.upstream_rq_retry", "vcluster.fails.upstream_rq_retry_limit_exceeded",
        "vcluster.fails.upstream_rq_total", "vcluster.other.upstream_rq_completed", "vcluster.other.upstream_rq_2xx",
        "route.a.route.upstream_rq_200", "route.a.route.upstream_rq_total", "route.a.route.upstream_rq_timeout"]}
    assert seen == {
        "vcluster.posts.upstream_rq_200": 1, "vcluster.posts.upstream_rq_total": 1, "vcluster.fails.upstream_rq_503": 1,
        "vcluster.fails.upstream_rq_5xx": 1, "vcluster.fails.upstream_rq_retry": 1, "vcluster.fails.upstream_rq_retry_limit_exceeded": 1,
        "vcluster.fails.upstream_rq_total": 2, "vcluster.other.upstream_rq_completed": 2, "vcluster.other.upstream_rq_2xx": 2,
        "route.a.route.upstream_rq_200": 2, "route.a.route.upstream_rq_total": 2, "route.a.route.upstream_rq_timeout": 0}
    assert sorted(counted_lines(proxy)) == ["- /counted", "fails /fails", "posts /counted"]


CHOSEN = {}


def test_an_object_of_filter_state_is_hashed(proxy):
    """The same host for the same value; what the second kind of proxy chooses is what the first one chose."""
    chosen = [proxy.fetch("/", headers=[("x-user", f"user-{i}")], listener="hashed").text for i in range(12)]
    assert set(chosen) == {"r1", "r2"}
    assert [proxy.fetch("/", headers=[("x-user", f"user-{i}")], listener="hashed").text for i in range(12)] == chosen
    assert CHOSEN.setdefault("first", chosen) == chosen


# -------------------------------------------------------------------------------------------------------- retries


@pytest.fixture(params=KINDS)
def start(request):
    started = []

    def begin(config):
        started.append(Proxy(config, kind=request.param))
        return started[-1]

    yield begin
    for proxy in started:
        proxy.stop()


def retrying(policy, *endpoints, **more):
    return bootstrap([listener(http([route("/", to="up", retry_policy={**POLICY, **policy})]))],
                     [{**cluster("up"), "load_assignment": {"cluster_name": "up", "endpoints": list(endpoints)}, **more}])


def test_an_idle_attempt_is_given_up(start):
    with Upstream("up", script=stall_twice) as up:
        proxy = start(retrying({"retry_on": "5xx", "num_retries": 2, "per_try_idle_timeout": "0.2s"},
                               {"lb_endpoints": [endpoint(up.port)]}))
        assert proxy.fetch().text == "served"
        assert proxy.wait_stat("cluster.up.upstream_rq_per_try_idle_timeout", 2) == 2


def test_an_idle_attempt_without_a_retry_is_a_timeout(start):
    with Upstream("up", script=stall) as up:
        proxy = start(retrying({"retry_on": "retriable-4xx", "per_try_idle_timeout": "0.2s"}, {"lb_endpoints": [endpoint(up.port)]}))
        response = proxy.fetch()
        assert (response.status, response.text) == (504, "upstream request timeout")


@pytest.mark.parametrize("name, metadata, config", [
    ("omit_canary_hosts", {"canary": True}, {"name": "OmitCanaryHostsPredicate", "fields": {}}),
    ("omit_host_metadata", {"v": "bad"}, {"name": "OmitHostMetadataConfig", "fields": {
        "metadata_match": {"filter_metadata": {"envoy.lb": {"v": "bad"}}}}}),
])
def test_hosts_that_retries_avoid(start, name, metadata, config):
    with Upstream("bad", lambda request: reply(503)) as bad, Upstream("good", lambda request: reply(200, {}, "good")) as good, \
            Upstream("worse", lambda request: reply(503)) as worse:
        predicate = {"name": f"envoy.retry_host_predicates.{name}", "typed_config": typed(
            f"envoy.extensions.retry.host.{name}.v3.{config['name']}", **config["fields"])}
        hosts = [endpoint(bad.port, metadata=metadata), endpoint(worse.port, metadata=metadata),
                 endpoint(good.port)]
        proxy = start(retrying({"retry_on": "5xx", "num_retries": 1, "host_selection_retry_max_attempts": 20,
                                "retry_host_predicate": [predicate]}, {"lb_endpoints": hosts}, lb_policy="RANDOM"))
        assert {proxy.fetch().text for _ in range(20)} == {"good"}


def test_retries_leave_the_priorities_that_failed(start):
    with Upstream("bad", lambda request: reply(503)) as bad, Upstream("good", lambda request: reply(200, {}, "good")) as good:
        priority = {"name": "envoy.retry_priorities.previous_priorities", "typed_config": typed(
            "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", update_frequency=2)}
        proxy = start(retrying({"retry_on": "5xx", "num_retries": 2, "retry_priority": priority},
                               {"priority": 0, "lb_endpoints": [endpoint(bad.port)]},
                               {"priority": 1, "lb_endpoints": [endpoint(good.port)]}))
        assert proxy.fetch().text == "good"
        assert len(bad.requests) == 2


def test_a_response_says_when_to_come_back(start):
    seen = []

    def limits_once(request):
        seen.append(request)
        return reply(200, {}, "served") if len(seen) > 1 else reply(429, {"x-reset": "1", "x-far": "400"})

    with Upstream("up", limits_once) as up:
        proxy = start(retrying({"retry_on": "retriable-status-codes", "retriable_status_codes": [429],
                                "rate_limited_retry_back_off": {"reset_headers": [{"name": "X-Far", "format": "SECONDS"},
                                                                                  {"name": "X-Reset", "format": "SECONDS"}]}},
                               {"lb_endpoints": [endpoint(up.port)]}))
        assert proxy.fetch().text == "served"
        assert proxy.stat("cluster.up.upstream_rq_retry_backoff_ratelimited") == 1
        assert proxy.stat("cluster.up.upstream_rq_retry_backoff_exponential") == 0


@pytest.mark.parametrize("limit, status", [(50_000, 200), (10_000, 503)])
def test_how_much_of_a_body_is_kept_to_be_sent_again(start, limit, status):
    seen = []

    def fails_once(request):
        seen.append(request)
        return reply(503) if len(seen) == 1 else reply(200, {}, str(len(request.body)))

    with Upstream("up", fails_once) as up:
        only = {**route("/", to="up", retry_policy={"retry_on": "5xx", **POLICY}), "request_body_buffer_limit": limit}
        proxy = start(bootstrap([listener(http([only]))], [cluster("up", up.port)]))
        response = proxy.fetch(method="POST", body=b"x" * 20_000)
        assert (response.status, response.text) == ((200, "20000") if status == 200 else (503, ""))


def test_headers_of_responses_that_a_client_names(start):
    seen = []

    def answers_once(request):
        seen.append(request)
        return reply(200, {"x-again": "1"}, "first") if len(seen) == 1 else reply(200, {}, "second")

    with Upstream("up", answers_once) as up:
        proxy = start(bootstrap([listener(http([route("/", to="up")], **INTERNAL))], [cluster("up", up.port)]))
        response = proxy.fetch(headers={"x-envoy-retry-on": "retriable-headers", "x-envoy-retriable-header-names": "x-other, X-Again"})
        assert response.text == "second"


def test_a_policy_without_retries_stays_one_whatever_a_client_asks(start):
    with Upstream("up", lambda request: reply(503)) as up:
        only = route("/", to="up", retry_policy={"retry_on": "reset", "num_retries": 0, **POLICY})
        proxy = start(bootstrap([listener(http([only], **INTERNAL))], [cluster("up", up.port)]))
        assert proxy.fetch(headers={"x-envoy-retry-on": "5xx"}).status == 503
        assert len(up.requests) == 1


@pytest.mark.parametrize("value, tries", [("made", 2), ("sent", 1)])
def test_what_retries_is_the_request_that_the_route_has_made(start, value, tries):
    with Upstream("up", lambda request: reply(503)) as up:
        wanted = [{"name": "x-kind", "string_match": {"exact": value}}]
        only = {**route("/", to="up", retry_policy={"retry_on": "5xx", "retriable_request_headers": wanted, **POLICY}),
                "request_headers_to_add": [{"header": {"key": "x-kind", "value": "made"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}
        proxy = start(bootstrap([listener(http([only]))], [cluster("up", up.port)]))
        assert proxy.fetch(headers={"x-kind": "sent"}).status == 503
        assert len(up.requests) == tries
        assert proxy.stat("cluster.up.upstream_rq_retry_success") == 0
