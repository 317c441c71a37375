"""The manifests of docker/ against a real API server: it takes them, and what they define does what it should."""

import pytest

from support.kubernetes import ROOT
from support.waiting import wait_until

CRDS = ROOT / "docker" / "kubernetes" / "crds.yaml"


@pytest.fixture(scope="module")
def defined(kubernetes):
    """The API server with the mesh's kinds."""
    kubernetes.kubectl("apply", "--server-side", "-f", CRDS)
    wait_until(lambda: all(conditions(crd).get("Established") == "True" for crd in definitions(kubernetes)), "kinds established")
    return kubernetes


def definitions(kubernetes):
    return kubernetes.kubectl.get("crd")


def conditions(thing):
    return {each["type"]: each["status"] for each in thing.get("status", {}).get("conditions", [])}


def test_every_definition_is_a_structural_schema(defined):
    for crd in definitions(defined):
        assert conditions(crd).get("NonStructuralSchema", "False") == "False", crd["metadata"]["name"]
        assert conditions(crd)["NamesAccepted"] == "True", crd["metadata"]["name"]
