"""What all pytest suites here share: logs of failing tests, the end of every process, the `closing` fixture."""

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
