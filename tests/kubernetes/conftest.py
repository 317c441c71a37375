"""Fixtures for the tests against a real Kubernetes API server. README.md says how to run them."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.kubernetes import KubernetesApi, available  # noqa: E402
from support.plugin import closing, pytest_runtest_makereport, pytest_sessionfinish  # noqa: E402, F401


def pytest_collection_modifyitems(items):
    if not available():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no kube-apiserver or etcd here: `./dev test --kubernetes` builds and installs them"))


@pytest.fixture(scope="module")
def kubernetes():
    """One API server for a file's tests; a test keeps its objects in a namespace of its own."""
    with KubernetesApi() as api:
        yield api
