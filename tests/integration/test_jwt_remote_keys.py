"""Keys that the filter jwt_authn fetches: when, how often, and what happens when they do not come."""

import contextlib
import json
import threading
import time

import pytest

from support.bootstrap import bootstrap, cluster, http, listener, path_match, route, typed
from support.jwt import Key, jwks
from support.proxy import Proxy
from support.upstream import Upstream, echo, reply

JWT = "envoy.filters.http.jwt_authn"
FAR = int(time.time()) + 100_000


class KeyServer:
    """A web server of an issuer. `answer` is what it says; `asked` counts and `hold` keeps it from answering."""

    def __init__(self):
        self.answer, self.status, self.asked, self.gate = "{}", 200, [], threading.Event()
        self.gate.set()

    def __call__(self, request):
        self.asked.append((request.method, request.target, dict(request.headers).get("host")))
        self.gate.wait(20)
        return reply(self.status, body=self.answer.encode())


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return [Key(folder, "ES256", key_id=name) for name in ("one", "two")]


@contextlib.contextmanager
def world(key_server, concurrency=1, **remote):
    settings = {"http_uri": {"uri": "http://keys.local/jwks?x=1", "cluster": "keys", "timeout": "5s"}, **remote}
    filters = [{"name": JWT, "typed_config": typed(
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"one": {"issuer": "one", "remote_jwks": settings, "payload_in_metadata": "payload"}},
        rules=[{"match": path_match("/", None, None, None), "requires": {"requires_any": {"requirements": [
            {"provider_name": "one"}, {"allow_missing": {}}]}}}])}]
    with Upstream("keys", key_server) as issuer, Upstream("a", echo) as a:
        front = listener(http([route("/", to="a")], filters=filters))
        with Proxy(bootstrap([front], [cluster("a", a.port), cluster("keys", issuer.port)]), concurrency=concurrency) as proxy:
            yield proxy


def ask(proxy, key, **more):
    token = key.token({"iss": "one", "exp": FAR})
    return proxy.fetch("/x", headers=[("authorization", f"Bearer {token}")], **more)


def counts(proxy):
    return [proxy.stat(f"http.in.jwt_authn.jwks_fetch_{what}") or 0 for what in ("success", "failed")]


def test_keys_are_fetched_once_when_a_token_needs_them(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    with world(server) as proxy:
        assert proxy.fetch("/x").status == 200 and server.asked == []
        for _ in range(3):
            assert ask(proxy, keys[0]).status == 200
        assert ask(proxy, keys[1]).text == "Jwks doesn't have key to match kid or alg from Jwt"
        assert server.asked == [("GET", "/jwks?x=1", "keys.local")]
        assert counts(proxy) == [1, 0]


def test_old_keys_are_fetched_anew(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    with world(server, cache_duration="0.2s") as proxy:
        assert ask(proxy, keys[0]).status == 200
        server.answer = jwks(keys[1])
        deadline = time.monotonic() + 20
        while ask(proxy, keys[1]).status != 200:
            assert time.monotonic() < deadline
        assert ask(proxy, keys[0]).text == "Jwks doesn't have key to match kid or alg from Jwt"


def test_requests_wait_for_the_keys_with_their_bodies(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    server.gate.clear()
    with world(server) as proxy:
        answers = []
        waiting = [threading.Thread(target=lambda: answers.append(ask(proxy, keys[0], method="POST", body=b"x" * 3000)))
                   for _ in range(3)]
        for thread in waiting:
            thread.start()
        proxy.wait_stat("http.in.downstream_rq_active", 3)
        server.gate.set()
        for thread in waiting:
            thread.join(20)
        assert [json.loads(answer.body)["body"] for answer in answers] == [3000] * 3


def test_a_client_that_leaves_meanwhile_harms_nobody(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    server.gate.clear()
    with world(server) as proxy:
        with proxy.connect() as client:
            token = keys[0].token({"iss": "one"})
            client.send(f"GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode())
            proxy.wait_stat("http.in.downstream_rq_active", 1)
        proxy.wait_stat("http.in.downstream_rq_rx_reset", 1)
        server.gate.set()
        assert ask(proxy, keys[0]).status == 200


@pytest.mark.parametrize("status, answer", [(200, "nonsense"), (200, '{"keys": []}'), (404, "{}"), (503, "{}")])
def test_what_is_no_key_set(keys, status, answer):
    server = KeyServer()
    server.status, server.answer = status, answer
    with world(server) as proxy:
        for number in (1, 2):
            response = ask(proxy, keys[0])
            assert (response.status, response.text) in [(401, "Jwks remote fetch is failed"),
                                                        (401, "Jwks doesn't have any valid public key")]
            assert len(server.asked) == number
        assert proxy.fetch("/x").status == 200
        server.status, server.answer = 200, jwks(keys[0])
        assert ask(proxy, keys[0]).status == 200


def test_an_issuer_that_does_not_answer(keys):
    server = KeyServer()
    server.gate.clear()
    with world(server, http_uri={"uri": "http://keys.local/", "cluster": "keys", "timeout": "0.2s"}) as proxy:
        assert ask(proxy, keys[0]).text == "Jwks remote fetch is failed"
        assert counts(proxy) == [0, 1]
        server.gate.set()


def test_failed_fetches_are_tried_again(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    server.status = 503
    with world(server, retry_policy={"num_retries": 3, "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.02s"}}) as proxy:
        assert ask(proxy, keys[0]).text == "Jwks remote fetch is failed"
        assert len(server.asked) == 4


def test_keys_that_are_fetched_ahead(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    with world(server, async_fetch={"fast_listener": True}) as proxy:
        proxy.wait_stat("http.in.jwt_authn.jwks_fetch_success", 1)
        asked = len(server.asked)
        assert ask(proxy, keys[0]).status == 200
        assert len(server.asked) == asked


def test_what_one_worker_has_fetched_serves_all(keys):
    server = KeyServer()
    server.answer = jwks(keys[0])
    with world(server, concurrency=4) as proxy:
        for _ in range(30):
            assert ask(proxy, keys[0]).status == 200
        assert 1 <= len(server.asked) <= 4
