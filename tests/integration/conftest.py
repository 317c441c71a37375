"""Fixtures for all integration tests. README.md says how to run them."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.bootstrap import bootstrap, cluster, http_listener, route  # noqa: E402
from support.plugin import closing, module_closing, pytest_runtest_makereport, pytest_sessionfinish  # noqa: E402, F401
from support.proxy import Proxy, under_test  # noqa: E402
from support.upstream import Upstream  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "remora_only(reason): Envoy differs here, on purpose, for this reason")


def pytest_collection_modifyitems(items):
    if under_test() != "envoy":
        return
    for item in items:
        for mark in item.iter_markers("remora_only"):
            item.add_marker(pytest.mark.skip(reason=f"Envoy differs: {mark.args[0]}"))


@pytest.fixture
def start(closing):
    """Starts a proxy that is ended with the test."""
    return lambda config, *arguments, **options: closing(Proxy(config, *arguments, **options))


@pytest.fixture
def through(start, closing):
    """Starts a fake upstream and a proxy in front of it; gives both."""

    def begin(answer=None, script=None, upstream=None, settings=None, cluster_settings=None, **action):
        upstream = closing(upstream or Upstream(answer=answer, script=script))
        config = bootstrap([http_listener(route(to="up", **action), **(settings or {}))],
                           [cluster("up", upstream.port, **(cluster_settings or {}))])
        return start(config), upstream

    return begin
