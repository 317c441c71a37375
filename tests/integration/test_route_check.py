"""remoractl route-check: tests of route tables, in the schema of Envoy's route table check tool."""

import json
import subprocess

import pytest
import yaml

from support.bootstrap import bootstrap, cluster, http, listener, route, routing, virtual_host
from support.proxy import Proxy, bin_dir

ROUTES = [
    route("/old", redirect={"host_redirect": "new.local", "path_redirect": "/new", "response_code": "FOUND"}),
    route("/some", to="beta", fraction=10),
    route("/items", to="shop", prefix_rewrite="/v1/items", host_rewrite_literal="shop.internal",
          request_headers_to_add=[{"header": {"key": "x-route", "value": "items"}}],
          response_headers_to_add=[{"header": {"key": "x-served", "value": "shop"}}]),
    route("/split", split={"a": 75, "b": 25}),
    route("/gone", respond=(410, "gone")),
]
ROUTES[1]["match"]["runtime_fraction"]["runtime_key"] = "beta.on"
VIRTUAL_CLUSTERS = [{"name": "reads", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}]
TABLE = routing(virtual_host(*ROUTES, name="shop", domains=["shop.local"], virtual_clusters=VIRTUAL_CLUSTERS), name="table")


def check(name, path, validate, **given):
    return {"test_name": name, "input": {"authority": "shop.local", "path": path, **given}, "validate": validate}


GOOD = [
    check("redirect", "/old", {"path_redirect": "http://new.local/new", "cluster_name": "", "code": 302}),
    check("share off", "/some", {"cluster_name": ""}),
    check("share on", "/some", {"cluster_name": "beta"}, runtime="beta.on"),
    check("rewrites", "/items/7?x=1", {
        "cluster_name": "shop", "virtual_host_name": "shop", "virtual_cluster_name": "reads",
        "path_rewrite": "/v1/items/7?x=1", "host_rewrite": "shop.internal",
        "request_header_matches": [{"name": "x-route", "string_match": {"exact": "items"}},
                                   {"name": "x-user", "string_match": {"exact": "alice"}}],
        "response_header_matches": [{"name": "x-served", "string_match": {"exact": "shop"}},
                                    {"name": "x-was", "present_match": True}]},
          additional_request_headers=[{"key": "X-User", "value": "alice"}],
          additional_response_headers=[{"key": "x-was", "value": "there"}]),
    check("other cluster", "/items", {"virtual_cluster_name": "other"}, method="POST"),
    check("weights", "/split", {"cluster_name": "b"}, random_value=80),
    check("nothing", "/none", {"cluster_name": "", "virtual_host_name": "", "code": 404}),
]


@pytest.fixture
def run(tmp_path):
    def run_it(tests, *words, config=TABLE, document=None):
        (tmp_path / "routes.yaml").write_text(yaml.safe_dump(config))
        (tmp_path / "tests.json").write_text(json.dumps({"tests": tests}) if document is None else document)
        source = [] if "--admin" in words else ["-c", tmp_path / "routes.yaml"]
        command = [bin_dir() / "remoractl", "route-check", tmp_path / "tests.json", *source, *words]
        done = subprocess.run([str(word) for word in command], timeout=60, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout
    return run_it


def test_all_pass_and_are_counted(run):
    code, text = run(GOOD)
    assert code == 0, text
    assert "ok    rewrites" in text and "7 tests, 0 failed" in text and "route coverage: 80.0 % (4 of 5)" in text


def test_a_failure_says_what_is_so(run):
    code, text = run([check("wrong", "/items", {"cluster_name": "store", "path_rewrite": "/v1/items",
                                                "request_header_matches": [{"name": "x-no", "present_match": True}]}),
                      GOOD[0]], "--only-show-failures")
    assert code == 1 and "FAIL  wrong" in text and "cluster_name: expected 'store', is 'shop'" in text
    assert "(absent)" in text and "path_rewrite" not in text and "redirect" not in text


def test_coverage_below_the_limit_fails_and_names_routes(run):
    code, text = run(GOOD, "--fail-under", "90")
    assert code == 1 and "not covered: virtual host 'shop', routes[4]" in text and 'prefix "/gone"' in text
    assert run(GOOD, "--fail-under", "80")[0] == 0
    assert run(GOOD, "--fail-under", "101")[0] == 2


def test_a_wrong_expectation_covers_nothing(run):
    assert "route coverage: 0.0 %" in run([check("wrong", "/items", {"cluster_name": "store"})])[1]


def test_routes_of_a_bootstrap_and_of_a_running_proxy(run):
    plain = {**TABLE, "virtual_hosts": [{key: value for key, value in TABLE["virtual_hosts"][0].items() if key != "virtual_clusters"}]}
    whole = bootstrap([listener(http(route_config=plain)), listener(http([route("/", to="shop")]), name="second")],
                      [cluster(name, 1) for name in ("shop", "beta", "a", "b")])
    code, text = run(GOOD[:1], config=whole)
    assert code == 2 and "choose one by --route-config" in text
    assert run(GOOD[:1], "--route-config", "table", config=whole)[0] == 0
    with Proxy(whole) as proxy:
        admin = ("--admin", f"127.0.0.1:{proxy.admin_port}")
        assert run(GOOD[:1], "--route-config", "table", *admin)[0] == 0
        assert run(GOOD[:1], "--route-config", "none", *admin)[0] == 2


@pytest.mark.parametrize("document, message", [
    ("{}", "tests: there are none"), ("tests: [{}]", "tests[0]: test_name is required"), ("tests: 1", "tests: must be a list"),
    ("tests: [{test_name: a, input: {path: /, authority: b}, validate: {}}]", "must look at something"),
    ("tests: [{test_name: a, input: {path: /}, validate: {cluster_name: b}}]", "tests[0].input: authority is required"),
    ("tests: [{test_name: a, input: {path: /, authority: b}, validate: {clustername: b}}]", "tests[0].validate.clustername: is not known"),
    ("tests: [{test_name: a, input: {path: /, authority: b, ssl: maybe}, validate: {cluster_name: b}}]", "tests[0].input.ssl"),
    ("tests: [{test_name: a, input: {path: /, authority: b}, validate: {request_header_matches: [{nam: b}]}}]",
     "tests[0].validate.request_header_matches[0]"),
    ("tests: [", "line"),
])
def test_bad_tests_name_the_field(run, document, message):
    code, text = run(None, document=document)
    assert code == 2 and message in text, text


def test_a_configuration_that_remora_refuses(run):
    code, text = run(GOOD[:1], config=routing(virtual_host(route("/", to="a"), domains=["a*b"])))
    assert code == 2 and "wildcard" in text
    code, text = run(GOOD[:1], config={"virtual_hosts": [{"nam": "x"}]})
    assert code == 2 and "nam" in text
