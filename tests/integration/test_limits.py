"""Limits: docs/limits.md names for each the test that exceeds it, docs/faults.md that which breaks it, and what no other file exceeds is exceeded here."""

import json
import pathlib
import re
import subprocess

import pytest

from support.ads import ROUTES, AdsServer
from support.bootstrap import bootstrap, cluster, header, http, listener, over_ads, query, route, routing, typed, virtual_host
from support.proxy import Proxy, binary

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE_ROW = re.compile(r"^\|.*\| (`tests/[^|]+)\|$", re.MULTILINE)  # the last column: files, each with its tests
HUGE = {"regex": r"(\pL\pN){300}"}  # small to write; its program is hundreds of times as large as Envoy's first limit of 100
REWRITE = {"pattern": HUGE, "substitution": "x"}
CORS = "envoy.filters.http.cors"


@pytest.mark.parametrize("page, least", [("limits.md", 30), ("faults.md", 40)])
def test_each_row_of_the_page_names_tests_that_exist(page, least):
    rows = TABLE_ROW.findall((ROOT / "docs" / page).read_text())
    assert len(rows) >= least, "the page has lost its table, or the table its form"
    missing = []
    for tests in rows:
        text = None
        for name in re.findall(r"`([^`]+)`", tests):
            if name.startswith("tests/"):
                text, file = (ROOT / name).read_text(), name
                continue
            suite, _, case = name.rpartition(".")
            pattern = rf"TEST(_F|_P)?\({suite}, {case}\)" if suite else rf"def {case}\("
            if not re.search(pattern, text):
                missing.append(f"{file}: {name}")
    assert not missing


PLACES = {
    "match.safe_regex": route(regex=HUGE["regex"], to="up"),
    "match.headers[0]": route(headers=[header("x", regex=HUGE["regex"])], to="up"),
    "match.query_parameters[0]": route(query=[query("x", regex=HUGE["regex"])], to="up"),
    "route.regex_rewrite": route(to="up", regex_rewrite=REWRITE),
    "route.host_rewrite_path_regex": route(to="up", host_rewrite_path_regex=REWRITE),
    "redirect.regex_rewrite": route(redirect={"regex_rewrite": REWRITE}),
    "route.hash_policy[0]": route(to="up", hash_policy=[{"header": {"header_name": "x", "regex_rewrite": REWRITE}}]),
    "typed_per_filter_config": route(to="up", typed_per_filter_config={CORS: typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy", allow_origin_string_match=[{"safe_regex": HUGE}])}),
}


@pytest.mark.remora_only("its limit is a runtime value, which warns")
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_regular_expression_is_refused_by_its_path(tmp_path, place):
    cors = {"name": CORS, "typed_config": typed("envoy.extensions.filters.http.cors.v3.Cors")}
    config = bootstrap([listener(http([PLACES[place]], filters=[cors]))], [cluster("up", 1)])
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = subprocess.run([str(binary()), "-c", "config.json", "--mode", "validate"], cwd=tmp_path, timeout=60, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    [line] = [line for line in done.stdout.splitlines() if "exceeds the limit of" in line]
    assert f"routes[0].{place}" in line


@pytest.mark.remora_only("its limit is a runtime value, which warns")
def test_a_hostile_regular_expression_over_xds_leaves_the_last_good_table():
    with AdsServer() as ads:
        rds = http(rds={"route_config_name": "routes", "config_source": over_ads()})
        ads.serve_all(listeners=[listener(rds)], routes=[routing(virtual_host(route(respond=(200, "good"))))])
        with Proxy(bootstrap(ads=ads.port)) as proxy:
            assert proxy.fetch("/").text == "good"
            ads.set(ROUTES, [routing(virtual_host(route(regex=HUGE["regex"], respond=(200, "bad"))))])
            ads.wait_nack(ROUTES, "exceeds the limit of")
            assert proxy.fetch("/").text == "good"
