#!/usr/bin/env python3
"""Takes the README's picture of the page from a real run: a canary that has begun to fail, shortly before its end.

    build/venv/bin/python tests/tools/rollout_picture.py docs/images/rollout.png

Takes about two minutes, most of it traffic for the charts.
"""

import argparse
import contextlib
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import proxy as proxies  # noqa: E402
from support.browser import Browser  # noqa: E402
from support.release import Release  # noqa: E402
from support.upstream import reply  # noqa: E402
from support.waiting import wait_until  # noqa: E402


def behave(upstream, typical, slow, errors=0.0):
    """Answers in about `typical` seconds, now and then in `slow`; a share of `errors` are 503s."""
    def answer(_request):
        time.sleep(slow if random.random() < 0.03 else random.uniform(0.6, 1.4) * typical)
        return reply(503 if random.random() < errors else 200, {}, upstream.name)

    upstream.answer = answer


def run(path, width, height):
    closed = contextlib.ExitStack()

    def closing(thing):
        closed.callback(getattr(thing, "stop", None) or thing.close)
        return thing

    with closed, tempfile.TemporaryDirectory() as folder:
        release = Release(pathlib.Path(folder) / "config", closing, interval="10s", threshold=5, max_weight=50, step_weight=10)
        release.begin()
        behave(release.upstreams["v1"], 0.004, 0.040)
        browser = closing(Browser(width, height))
        browser.open(release.page)
        with contextlib.ExitStack() as traffic:
            for _ in range(4):
                traffic.enter_context(release.traffic())
            time.sleep(30)
            release.deploy("v2")
            behave(release.upstreams["v2"], 0.005, 0.045)
            wait_until(lambda: release.rollout()["canaryWeight"] >= 30, "weight 30", deadline=90)
            behave(release.upstreams["v2"], 0.011, 0.120, errors=0.06)
            wait_until(lambda: release.rollout()["failedChecks"] >= 3, "three failed checks", deadline=90)
            browser.wait_text("3 of 5", ".facts")
            browser.resize(width, height)
            browser.run("window.scrollTo(0, 0)")
            browser.screenshot(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=1180)
    arguments = parser.parse_args()
    try:
        run(arguments.path, arguments.width, arguments.height)
    finally:
        proxies.end_everything()
