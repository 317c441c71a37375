"""Configuration of the overload manager, and the pressure that a test puts on it."""

import pytest

from support.bootstrap import typed
from support.waiting import wait_until

MONITORS = "envoy.extensions.resource_monitors."
ACTION = "envoy.overload_actions."
POINT = "envoy.load_shed_points."
CONNECTIONS = "envoy.resource_monitors.global_downstream_max_connections"
REDUCED = "envoy.config.overload.v3.ScaleTimersOverloadActionConfig"


class InjectedFile:
    """What a file injects, as one moves a new file into the place of the old: Envoy waits for such a move."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "pressure"
        self.set(0)

    def set(self, value):
        (self.folder / "new").write_text(str(value))
        (self.folder / "new").rename(self.path)

    def monitor(self):
        return monitor("file", "injected_resource", filename=str(self.path))


@pytest.fixture
def injected(tmp_path):
    return InjectedFile(tmp_path)


def monitor(name, kind, **fields):
    message = "".join(word.capitalize() for word in kind.split("_"))
    return {"name": name, "typed_config": typed(f"{MONITORS}{kind}.v3.{message}Config", **fields)}


def most_connections(count):
    return monitor(CONNECTIONS, "downstream_connections", max_active_downstream_connections=count)


def threshold(name, value):
    return {"name": name, "threshold": {"value": value}}


def scaled(name, start, end):
    return {"name": name, "scaled": {"scaling_threshold": start, "saturation_threshold": end}}


def action(name, *triggers, **settings):
    """By default in full from a pressure of 0.5 of the file."""
    more = {"typed_config": typed(REDUCED, timer_scale_factors=settings["reduced"])} if settings else {}
    return {"name": ACTION + name, "triggers": list(triggers) or [threshold("file", 0.5)], **more}


def point(name, *triggers):
    return {"name": POINT + name, "triggers": list(triggers) or [threshold("file", 0.5)]}


def manager(*monitors, actions=(), points=(), **more):
    """The bootstrap's overload_manager."""
    return {"refresh_interval": "0.05s", "resource_monitors": list(monitors), "actions": list(actions),
            "loadshed_points": list(points), **more}


def wait_value(proxy, name, value):
    wait_until(lambda: proxy.stat(name) == value, lambda: f"{name} = {value}, is {proxy.stat(name)}")


def press(proxy, injected, pressure, measure, percent=100):
    """Waits until the measure is taken to that part."""
    injected.set(pressure)
    name = measure["name"]
    if proxy.kind == "envoy" and percent != 0:  # its statistics say so before its workers do
        wait_value(proxy, f"overload.{name}.scale_percent", percent)
        proxy.admin("/stats")
    wait_value(proxy, f"overload.{name}.scale_percent", percent)
