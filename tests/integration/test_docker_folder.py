"""What docker/ holds is what the programs would write today, and asks of them only what they can."""

import json
import re
import subprocess

import yaml

from support.kubectl import kubectl_binary
from support.proxy import ROOT, bin_dir

DOCKER = ROOT / "docker"
CHART = DOCKER / "helm" / "remora"


def objects(text):
    return [each for each in yaml.safe_load_all(text) if each]


def manifests():
    return objects((DOCKER / "kubernetes" / "remora.yaml").read_text())


def of_kind(kind):
    return next(each for each in manifests() if each["kind"] == kind)


def test_resource_definitions_are_those_of_remoractl():
    """After a change of the schemas: ./dev manifests"""
    printed = subprocess.run([bin_dir() / "remoractl", "crds"], check=True, capture_output=True, text=True).stdout
    committed = (DOCKER / "kubernetes" / "crds.yaml").read_text()
    assert committed == printed, "docker/kubernetes/crds.yaml is not what `remoractl crds` prints"
    groups = {each["spec"]["group"] for each in yaml.safe_load_all(committed)}
    assert groups >= {"flagger.app", "networking.istio.io", "security.istio.io"}
    assert (CHART / "crds" / "crds.yaml").read_text() == committed


def test_the_manifests_were_rendered_from_this_chart():
    done = subprocess.run([DOCKER / "render", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_kustomize_puts_them_together():
    built = objects(subprocess.run([kubectl_binary(), "kustomize", DOCKER / "kubernetes"], check=True, capture_output=True, text=True).stdout)
    kinds = [each["kind"] for each in built]
    assert kinds.count("CustomResourceDefinition") > 8
    assert set(kinds) >= {"Namespace", "ServiceAccount", "ClusterRole", "Role", "Deployment", "Service", "PodDisruptionBudget",
                          "MutatingWebhookConfiguration", "ConfigMap"}


def test_the_control_plane_knows_each_argument_of_its_deployment():
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    done = subprocess.run([bin_dir() / container["command"][0], *container["args"]], capture_output=True, text=True, env={})
    assert done.returncode == 1 and "KUBERNETES_SERVICE_HOST" in done.stderr, f"all that is missing is the pod: {done.stderr}"


def test_every_port_that_is_named_is_listened_on():
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listened = {int(number) for number in re.findall(r"--[a-z-]+-address=0\.0\.0\.0:(\d+)", " ".join(container["args"]))}
    assert set(ports.values()) == listened
    assert {port["targetPort"] for port in of_kind("Service")["spec"]["ports"]} <= set(ports)
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} <= set(ports)


def leaves(schema, definitions, prefix=""):
    for name, below in schema["properties"].items():
        below = definitions[below["$ref"].rpartition("/")[2]] if "$ref" in below else below
        if "properties" in below:
            yield from leaves(below, definitions, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_chart_knows_every_setting_of_sidecars():
    """One list is that of the program; the chart's would refuse what it does not have."""
    definitions = json.loads((CHART / "values.schema.json").read_text())["definitions"]
    text = (ROOT / "xds" / "inject" / "settings_file.cc").read_text()
    table = text[text.index("kSetters{"):text.index("return kSetters;")]
    known = set(re.findall(r'\{"([A-Za-z.]+)",', table))
    assert set(leaves(definitions["sidecar"], definitions)) == known - {"revision"}, "the revision is the chart's own value"


def test_every_value_of_the_chart_has_a_schema():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(values) == set(schema["properties"]) - {"global"}
    used = set()
    for path in (CHART / "templates").iterdir():
        used |= set(re.findall(r"\.Values\.(\w+)", path.read_text()))
    assert used == set(values), "each value is used, and nothing else is"


def test_the_version_is_one():
    version = re.search(r"project\(remora VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == version


def test_each_kind_that_is_read_may_be_read():
    """A kind that is new in the program is new in the Role; the tests against a real API server look at the rest."""
    text = (ROOT / "xds" / "kubernetes" / "kinds.cc").read_text()
    groups = {"": "", **dict(re.findall(r'constexpr std::string_view (k\w+) = "([^"]+)";', text))}
    table = re.findall(r'^ +\{("[^"]*"|k\w+), [^"]+(?:"v\d"\}, )?"\w+", "(\w+)", (\w+)', text, re.MULTILINE)
    assert len(table) > 15
    rules = of_kind("ClusterRole")["rules"]
    granted = {(group, resource, verb) for rule in rules for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}
    for group, plural, need in table:
        name = groups.get(group, group.strip('"'))
        for verb in ("get",) if need == "on_demand" else ("list", "watch"):
            assert (name, plural, verb) in granted, f"{verb} {plural} {name}"
        if name.endswith(".istio.io"):
            assert (name, f"{plural}/status", "update") in granted and (name, plural, "get") in granted, plural
