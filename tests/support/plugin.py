"""What all pytest suites here share: logs of failing tests, the end of every process, the `closing` fixture."""

import contextlib

import pytest

from support import proxy as proxies


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


def _register():
    def end(thing):
        (getattr(thing, "stop", None) or thing.close)()

    with contextlib.ExitStack() as opened:
        def register(thing):
            opened.callback(end, thing)
            return thing

        yield register


@pytest.fixture
def closing():
    """Registers things with a `close`, `stop` or `terminate`; the last registered is ended first."""
    yield from _register()


@pytest.fixture(scope="module")
def module_closing():
    """The same for things that all tests of a file share."""
    yield from _register()
