"""examples/observability against live proxies: every expression of rules, alerts and dashboards gives data."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from support.observed_mesh import CANARY, TEMPLATE, ObservedMesh
from support.prometheus import EXAMPLE, PROGRAM, Prometheus
from support.proxy import ROOT, under_test
from support.waiting import wait_until

SEEDS = pathlib.Path(os.environ.get("REMORA_SEEDS", ROOT.parent / "shared" / "seeds" / "manifests"))
QUERIES = SEEDS / "queries.promql"
VARIABLES = {"$__rate_interval": "1m", "$namespace": "default", "$service": "api", "$canary": "api"}
THRESHOLD = re.compile(r"\s(==|!=|<=|>=|<|>)\s[\d.]+$")

pytestmark = [pytest.mark.skipif(under_test() == "envoy", reason="the mesh is Remora's"),
              pytest.mark.skipif(PROGRAM is None, reason="prometheus is not installed")]


@pytest.fixture(scope="module")
def observed(tmp_path_factory, module_closing):
    """A mesh and a Prometheus: v2 is promoted by what proxies push, v3 by Prometheus, v4 rolled back by it."""
    mesh = module_closing(ObservedMesh(tmp_path_factory.mktemp("observed") / "mesh", module_closing))
    prometheus = module_closing(Prometheus(tmp_path_factory.mktemp("prometheus") / "run", *targets(mesh)))
    wait_until(lambda: len(prometheus.query('up{job="remora"} == 1')) == len(mesh.proxies), "all proxies scraped")
    mesh.run_canary("v2", "successes")
    judge_by(mesh, prometheus)
    mesh.run_canary("v3", "successes")
    mesh.run_canary("v4", "failures", fails=True)
    return mesh, prometheus


def judge_by(mesh, prometheus):
    """From now on a Prometheus decides: Flagger's own queries, and one of a MetricTemplate."""
    mesh.apply("template.yaml", {**TEMPLATE, "spec": {**TEMPLATE["spec"], "provider": {
        "type": "prometheus", "address": prometheus.address}}})
    metrics = [*CANARY["spec"]["analysis"]["metrics"], {
        "name": "failures", "interval": "5s", "thresholdRange": {"max": 10}, "templateVariables": {"codes": "5.."},
        "templateRef": {"name": "failures"}}]
    mesh.apply("canary.yaml", {**CANARY, "spec": {
        **CANARY["spec"], "service": {"port": mesh.port}, "metricsServer": prometheus.address,
        "analysis": {**CANARY["spec"]["analysis"], "metrics": metrics}}})


def targets(mesh):
    return {name: proxy.admin_port for name, proxy in mesh.proxies.items()}, {"control": mesh.control.admin_port}


@pytest.fixture
def prometheus(observed):
    return observed[1]


def assert_data(prometheus, expression):
    return wait_until(lambda: prometheus.query(expression), f"data of: {expression}")


def alerts_and_records():
    for path in sorted((EXAMPLE / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield rule.get("record") or rule["alert"], rule


def filled(expression, reporter="source"):
    for name, value in {**VARIABLES, "$reporter": reporter}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def panels():
    """Every expression of every panel, once for each side that may be chosen."""
    for path in sorted((EXAMPLE / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                for reporter in ("source", "destination") if "$reporter" in target["expr"] else ("source",):
                    name = f"{path.stem}: {panel['title']} {target['refId']} {reporter}"
                    yield pytest.param(filled(target["expr"], reporter), id=name)


def variables():
    for path in sorted((EXAMPLE / "dashboards").glob("*.json")):
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{path.stem}: {variable['name']}", variable["query"]["query"]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in alerts_and_records()])
def test_rules_have_data(prometheus, rule):
    """Alerts without their thresholds: on a healthy mesh they must stay silent because of the value, not of a typo."""
    expression = rule["expr"]
    if "alert" in rule:
        expression, replaced = THRESHOLD.subn("", expression)
        assert replaced == 1, "an alert compares something with a number"
    assert_data(prometheus, expression)


@pytest.mark.parametrize("expression", list(panels()))
def test_panels_have_data(prometheus, expression):
    assert_data(prometheus, expression)


@pytest.mark.parametrize("query", [pytest.param(query, id=name) for name, query in variables()])
def test_choices_have_values(prometheus, query):
    series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
    assert all(labels[label] for labels, _ in assert_data(prometheus, filled(series)))


def test_the_mesh_is_alarmed_about_what_happened_and_nothing_else(prometheus):
    """v4 answered with 500 and was rolled back: one alert says so. (Those with `for` would take minutes.)"""
    def firing():
        return {rule["name"] for rule in prometheus.rules() if rule["type"] == "alerting" and rule["state"] == "firing"}
    wait_until(lambda: "CanaryRolledBack" in firing(), lambda: f"the alert; firing: {firing()}")
    assert firing() == {"CanaryRolledBack"}
    assert not [rule for rule in prometheus.rules() if rule["health"] == "err"]


def test_canaries_were_judged_by_prometheus(observed):
    """The last values of v4 come from Flagger's query and from the template's, and condemned it."""
    mesh, prometheus = observed
    assert (mesh.endings("successes"), mesh.endings("failures")) == (2, 1)
    values = {labels["metric"]: value for labels, value in prometheus.query('flagger_canary_metric_analysis{name="api"}')}
    assert values["failures"] > 10 and values["request-success-rate"] < 90


def test_versions_are_told_apart(prometheus):
    success = dict((labels["destination_version"], value) for labels, value in assert_data(
        prometheus, 'sum by (destination_version) (istio_requests_total{reporter="source",response_code="200"})'))
    assert success["v1"] >= 1 and success["v2"] >= 1 and success["v3"] >= 1


@pytest.mark.skipif(not QUERIES.is_file(), reason=f"the seeds' queries are not at {QUERIES}")
def test_the_queries_of_the_seeds_verbatim(prometheus):
    queries = [line for line in QUERIES.read_text().splitlines() if line and not line.startswith("#")]
    assert len(queries) == 2
    for query in queries:
        assert_data(prometheus, query)


def test_rules_and_configuration_pass_promtool():
    for command in (["check", "config", EXAMPLE / "prometheus.yml"],
                    ["check", "rules", *sorted((EXAMPLE / "rules").glob("*.yml"))]):
        done = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_what_the_script_writes(tmp_path):
    subprocess.run([sys.executable, "-B", EXAMPLE / "dashboards.py", tmp_path], check=True)
    for path in (EXAMPLE / "dashboards").glob("*.json"):
        assert path.read_text() == (tmp_path / path.name).read_text(), f"{path}: run dashboards.py"
