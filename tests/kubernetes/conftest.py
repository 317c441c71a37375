"""Fixtures for the tests against a real Kubernetes API server. README.md says how to run them."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import proxy as proxies  # noqa: E402
from support.kubernetes import KubernetesApi, available  # noqa: E402


def pytest_collection_modifyitems(items):
    if not available():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no kube-apiserver or etcd here: `./dev test --kubernetes` builds and installs them"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows the log of every process that ran during it."""
    report = (yield).get_result()
    if report.failed:
        for process in proxies.STARTED:
            if not process.stopped:
                report.sections.append((f"log of {process.name} ({process.pid})", process.tail()))


def pytest_sessionfinish():
    proxies.end_everything()


@pytest.fixture(scope="module")
def kubernetes():
    """One API server for a file's tests; a test keeps its objects in a namespace of its own."""
    with KubernetesApi() as api:
        yield api


@pytest.fixture
def closing():
    """Registers things with a `close`, `stop` or `terminate`; the last registered is ended first."""
    opened = []

    def register(thing):
        opened.append(thing)
        return thing

    yield register
    for thing in reversed(opened):
        (getattr(thing, "stop", None) or thing.close)()
