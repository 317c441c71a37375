"""Fixtures for the tests against a real Kubernetes API server. README.md says how to run them."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.cluster_life import network_of_pods  # noqa: E402
from support.kubernetes import KubernetesApi, available  # noqa: E402
from support.plugin import closing, module_closing, pytest_runtest_makereport, pytest_sessionfinish  # noqa: E402, F401
from support.pods import unavailable  # noqa: E402
from support.proxy import ROOT  # noqa: E402


def pytest_collection_modifyitems(items):
    if not available():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no kube-apiserver or etcd here: `./dev test --kubernetes` builds and installs them"))


@pytest.fixture(scope="module")
def kubernetes():
    """One API server for a file's tests; a test keeps its objects in a namespace of its own."""
    with KubernetesApi() as api:
        yield api


@pytest.fixture(scope="module")
def network():
    """A network of a file's own, in which the addresses of pods lead to this process."""
    if unavailable():
        pytest.skip(unavailable())
    with network_of_pods() as made:
        yield made


@pytest.fixture(scope="module")
def populated(network):
    """An API server with our kinds in such a network."""
    assert network
    with KubernetesApi() as api:
        api.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
        api.kubectl("wait", "--for=condition=established", "crd", "--all", "--timeout=60s")
        yield api
