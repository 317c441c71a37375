"""What docker/ holds is what the programs would write today."""

import subprocess

import yaml

from support.proxy import ROOT, bin_dir


def test_resource_definitions_are_those_of_remoractl():
    """After a change of the schemas: remoractl crds >docker/kubernetes/crds.yaml"""
    printed = subprocess.run([bin_dir() / "remoractl", "crds"], check=True, capture_output=True, text=True).stdout
    committed = (ROOT / "docker" / "kubernetes" / "crds.yaml").read_text()
    assert committed == printed, "docker/kubernetes/crds.yaml is not what `remoractl crds` prints"
    groups = {each["spec"]["group"] for each in yaml.safe_load_all(committed)}
    assert groups >= {"flagger.app", "networking.istio.io", "security.istio.io"}
