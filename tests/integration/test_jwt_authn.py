"""The filter jwt_authn: who may pass, what they are told, and what the upstream then learns of them."""

import json
import time

import pytest

from support.bootstrap import (bootstrap, cluster, file_log, http, listener, path_match, route, routing, string_match, typed,
                               virtual_host)
from support.jwt import Key, encode, jwks
from support.proxy import Proxy, under_test
from support.upstream import Upstream, echo
from support.waiting import wait_until

JWT = "envoy.filters.http.jwt_authn"
PACKAGE = "envoy.extensions.filters.http.jwt_authn.v3."
FAR = int(time.time()) + 100_000
PAST = int(time.time()) - 100_000
LINE = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%\n"


def authn(providers, rules, **more):
    return {"name": JWT, "typed_config": typed(PACKAGE + "JwtAuthentication", providers=providers, rules=rules, **more)}


def provider(issuer, keys, **more):
    return {"issuer": issuer, "local_jwks": {"inline_string": keys}, **more}


def rule(prefix, **requires):
    return {"match": path_match(prefix, None, None, None), **({"requires": requires} if requires else {})}


def any_of(*requirements):
    return {"requires_any": {"requirements": list(requirements)}}


def all_of(*requirements):
    return {"requires_all": {"requirements": list(requirements)}}


def named(name):
    return {"provider_name": name}


MISSING, FAILED = {"allow_missing": {}}, {"allow_missing_or_failed": {}}


def bearer(token):
    return [("authorization", f"Bearer {token}")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {name: Key(folder, name, key_id=f"k-{name}") for name in (
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA")}
    made["other"] = Key(folder, "ES256", key_id="k-other")
    made["foreign"] = Key(folder, "ES256", key_id="k-ES256")
    return made


ROUTES = [
    route("/off", to="a", typed_per_filter_config={JWT: typed(PACKAGE + "PerRouteConfig", disabled=True)}),
    route("/by-name", to="a", typed_per_filter_config={JWT: typed(PACKAGE + "PerRouteConfig", requirement_name="both")}),
    route("/no-name", to="a", typed_per_filter_config={JWT: typed(PACKAGE + "PerRouteConfig", requirement_name="nobody")}),
    {"match": {"prefix": "/claims", "dynamic_metadata": [{
        "filter": JWT, "path": [{"key": "payload"}, {"key": "group"}], "value": {"string_match": {"exact": "beta"}}}]},
     "route": {"cluster": "b"}},
    {"match": {"prefix": "/claims", "dynamic_metadata": [{
        "filter": JWT, "path": [{"key": "payload"}, {"key": "scope"}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": "admin"}}}}}]},
     "route": {"cluster": "c"}},
    route("/", to="a"),
]


@pytest.fixture(scope="module")
def proxy(keys, tmp_path_factory):
    log = tmp_path_factory.mktemp("jwt") / "log"
    every = [key for name, key in keys.items() if name not in ("other", "foreign")]
    own = jwks(*every)
    providers = {
        "one": provider("one", own, audiences=["web", "https://api.local/"]),
        "two": provider("two", jwks(keys["other"])),
        "any": provider("", jwks(keys["other"]), from_headers=[{"name": "x-any"}]),
        "places": provider("one", own, from_headers=[{"name": "X-Token"}, {"name": "x-jwt", "value_prefix": "JWT="}],
                           from_params=["token"], from_cookies=["session"]),
        "keeps": provider("one", own, forward=True, forward_payload_header="x-payload", payload_in_metadata="payload",
                          header_in_metadata="header", claim_to_headers=[
                              {"header_name": "x-sub", "claim_name": "sub"}, {"header_name": "x-deep", "claim_name": "a.b"},
                              {"header_name": "x-num", "claim_name": "num"}, {"header_name": "x-flag", "claim_name": "flag"},
                              {"header_name": "x-list", "claim_name": "list"}, {"header_name": "x-float", "claim_name": "float"}]),
        "pads": provider("one", own, forward_payload_header="x-payload", pad_forward_payload_header=True,
                         jwt_cache_config={"jwt_cache_size": 2}),
        "strict": provider("one", own, subjects=string_match(prefix="user-"), require_expiration=True,
                           max_lifetime="200000s", clock_skew_seconds=5),
        "tells": provider("one", own, failed_status_in_metadata="failed"),
        "routes": provider("one", own, payload_in_metadata="payload", clear_route_cache=True,
                           normalize_payload_in_metadata={"space_delimited_claims": ["scope"]}),
        "strange": provider("strange", jwks(keys["RS256"].jwk(alg=None, kid=None), keys["ES384"].jwk(alg=None, kid=None),
                                            {"kty": "unheard"})),
    }
    rules = [
        rule("/open"),
        rule("/one", **named("one")),
        rule("/aud", provider_and_audiences={"provider_name": "one", "audiences": ["mobile"]}),
        rule("/either", **any_of(named("one"), named("two"))),
        rule("/both", **all_of(named("one"), named("two"))),
        rule("/missing", **any_of(named("one"), MISSING)),
        rule("/failed", **any_of(named("one"), FAILED)),
        rule("/lenient", **FAILED),
        rule("/absent", **MISSING),
        rule("/istio", **any_of(named("one"), named("two"), all_of(
            any_of(named("one"), MISSING), any_of(named("two"), MISSING)))),
        rule("/any", **named("any")),
        rule("/places", **named("places")),
        rule("/keeps", **named("keeps")),
        rule("/pads", **named("pads")),
        rule("/strict", **named("strict")),
        rule("/tells", **any_of(named("tells"), FAILED)),
        rule("/claims", **any_of(named("routes"), MISSING)),
        rule("/strange", **named("strange")),
        {"match": {"prefix": "/method", "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]},
         "requires": named("one")},
        {"match": {"prefix": "/map"}, "requirement_name": "both"},
    ]
    filters = [authn(providers, rules, bypass_cors_preflight=True, requirement_map={
        "both": all_of(named("one"), named("two")), "second": named("two")})]
    with Upstream("a", lambda request: echo(request, cluster="a")) as a, \
            Upstream("b", lambda request: echo(request, cluster="b")) as b, \
            Upstream("c", lambda request: echo(request, cluster="c")) as c:
        front = listener(http(route_config=routing(virtual_host(*ROUTES)), filters=filters, access_log=[file_log(log, LINE)]))
        clusters = [cluster(up.name, up.port) for up in (a, b, c)]
        with Proxy(bootstrap([front], clusters)) as proxy:
            proxy.access_log = log
            yield proxy


def good(keys, name="ES256", **claims):
    return keys[name].token({"iss": "one", "aud": "web", "exp": FAR, **claims})


def seen(response):
    """The request as the upstream saw it."""
    assert response.status == 200, (response.status, response.body)
    return {name: value for name, value in json.loads(response.body)["headers"]}


def logged(proxy, target):
    def found():
        lines = [line for line in proxy.access_log.read_text().splitlines() if line.split()[0] == target]
        return lines[-1].removeprefix(target + " ") if lines else None
    return wait_until(found, "a line in the access log")


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256",
                                       "HS384", "HS512", "EdDSA"])
def test_every_algorithm(proxy, keys, algorithm):
    token = good(keys, algorithm)
    response = proxy.fetch("/one", headers=bearer(token))
    assert "authorization" not in seen(response)
    head, payload, signature = token.split(".")
    forged = f"{head}.{encode({'iss': 'one', 'aud': 'web', 'exp': FAR, 'admin': True})}.{signature}"
    for bad in (forged, f"{head}.{payload}.{signature[:-2]}", f"{head}.{payload}.AAAA"):
        response = proxy.fetch("/one", headers=bearer(bad))
        assert response.status == 401 and "Jwt" in response.text, bad
    assert proxy.fetch("/one", headers=bearer(forged)).text == "Jwt verification fails"


def refused(token_of):
    return lambda keys: bearer(token_of(keys))


def with_claims(**claims):
    return refused(lambda keys: keys["ES256"].token({"iss": "one", "aud": "web", "exp": FAR, **claims}))


def with_header(**header):
    return refused(lambda keys: keys["ES256"].token({"iss": "one", "aud": "web", "exp": FAR}, header=header))


def parts(head, payload, signature="AAAA"):
    return refused(lambda keys: ".".join(
        part if isinstance(part, str) else encode(part) for part in (head, payload, signature)))


ES = {"alg": "ES256"}
REFUSED = {
    "nothing": (lambda keys: [], "Jwt is missing"),
    "another scheme": (lambda keys: [("authorization", "Basic YQ==")], "Jwt is missing"),
    "no dots": (refused(lambda keys: "token"), "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"),
    "an empty section": (refused(lambda keys: "a..b"),
                         "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"),
    "four sections": (refused(lambda keys: "a.b.c.d"),
                      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"),
    "header no base64": (parts("A", {}), "Jwt header is an invalid Base64url encoded"),
    "header no JSON": (parts(encode(b"{"), {}), "Jwt header is an invalid JSON"),
    "header a list": (parts(encode(b"[]"), {}), "Jwt header is an invalid JSON"),
    "no alg": (parts({}, {}), "Jwt header [alg] field is required and must be a string"),
    "alg a number": (parts({"alg": 1}, {}), "Jwt header [alg] field is required and must be a string"),
    "alg none": (parts({"alg": "none"}, {"iss": "one"}), "Jwt header [alg] is not supported"),
    "kid a number": (parts({"alg": "ES256", "kid": 1}, {}), "Jwt header [kid] field is not a string"),
    "payload no base64": (parts(ES, "%"), "Jwt payload is an invalid Base64url encoded"),
    "payload no JSON": (parts(ES, encode(b"x")), "Jwt payload is an invalid JSON"),
    "iss a number": (parts(ES, {"iss": 1}), "Jwt payload [iss] field is not a string"),
    "sub a number": (parts(ES, {"sub": 1}), "Jwt payload [sub] field is not a string"),
    "iat a text": (parts(ES, {"iat": "1"}), "Jwt payload [iat] field is not an integer"),
    "nbf a text": (parts(ES, {"nbf": "1"}), "Jwt payload [nbf] field is not an integer"),
    "exp a text": (parts(ES, {"exp": "1"}), "Jwt payload [exp] field is not an integer"),
    "exp negative": (parts(ES, {"exp": -1}), "Jwt payload [exp] field is not a positive 64 bit integer"),
    "exp huge": (parts(ES, {"exp": 1e40}), "Jwt payload [exp] field is not a positive 64 bit integer"),
    "jti a number": (parts(ES, {"jti": 1}), "Jwt payload [jti] field is not a string"),
    "aud a number": (parts(ES, {"aud": 1}), "Jwt payload [aud] field is not a string or string list"),
    "aud a list of numbers": (parts(ES, {"aud": ["web", 1]}), "Jwt payload [aud] field is not a string or string list"),
    "signature no base64": (parts(ES, {}, "%"), "Jwt signature is an invalid Base64url encoded"),
    "another issuer": (with_claims(iss="two"), "Jwt issuer is not configured"),
    "no issuer": (refused(lambda keys: keys["ES256"].token({"aud": "web"})), "Jwt issuer is not configured"),
    "expired": (with_claims(exp=PAST), "Jwt is expired"),
    "not yet": (with_claims(nbf=FAR), "Jwt not yet valid"),
    "another audience": (with_claims(aud="mobile"), "Audiences in Jwt are not allowed"),
    "no audience": (refused(lambda keys: keys["ES256"].token({"iss": "one"})), "Audiences in Jwt are not allowed"),
    "an unknown key": (with_header(kid="nobody"), "Jwks doesn't have key to match kid or alg from Jwt"),
    "somebody else's key": (lambda keys: bearer(good(keys, "foreign")), "Jwt verification fails"),
    "HMAC with a public key": (lambda keys: bearer(confused(keys)), "Jwks doesn't have key to match kid or alg from Jwt"),
}


def confused(keys):
    """A token that is signed with a public key as if it were a secret, and says so."""
    public, key = keys["RS256"].public(), keys["HS256"]
    forger = Key.__new__(Key)
    forger.algorithm, forger.key_id, forger.secret = "HS256", keys["RS256"].key_id, public
    assert forger.key_id != key.key_id
    return forger.token({"iss": "one", "aud": "web", "exp": FAR})


@pytest.mark.parametrize("what", REFUSED)
def test_refused(proxy, keys, what):
    headers, text = REFUSED[what]
    target = f"/one/{list(REFUSED).index(what)}?y=1"
    response = proxy.fetch(target, headers=headers(keys))
    assert (response.status, response.text) == (403 if text.startswith("Audiences") else 401, text)
    invalid = "" if text == "Jwt is missing" else ', error="invalid_token"'
    assert response.get("www-authenticate") == f'Bearer realm="http://test.local{target}"{invalid}'
    assert logged(proxy, target).split()[1] == "jwt_authn_access_denied{" + text.replace(" ", "_") + "}"


@pytest.mark.parametrize("claims", [
    {"aud": "web"}, {"aud": ["x", "web"]}, {"aud": "http://web/"}, {"aud": "https://api.local"}, {"aud": "api.local/"},
    {"exp": 0}, lambda: {"exp": int(time.time()) - 30}, lambda: {"nbf": int(time.time()) + 30}, {"exp": FAR + 0.5}, {"nbf": PAST, "iat": PAST},
])
def test_accepted(proxy, keys, claims):
    """Clocks may differ by a minute; that begins with the test, not with its collection."""
    claims = claims() if callable(claims) else claims
    assert proxy.fetch("/one", headers=bearer(good(keys, **claims))).status == 200


@pytest.mark.parametrize("target, tokens, answer", [
    ("/open", ["bad"], 200),
    ("/other", ["bad"], 200),
    ("/aud", ["one"], "Audiences in Jwt are not allowed"),
    ("/aud", ["mobile"], 200),
    ("/either", ["one"], 200),
    ("/either", ["two"], 200),
    ("/either", [], "Jwt is missing"),
    ("/either", ["late"], "Jwt is expired"),
    ("/either", ["late two"], "Jwt is expired"),
    ("/either", ["three"], "Jwt issuer is not configured"),
    ("/both", ["one"], "Jwt is missing"),
    ("/both", ["two"], "Jwt issuer is not configured"),
    ("/missing", [], 200),
    ("/missing", ["one"], 200),
    ("/missing", ["late"], "Jwt is expired"),
    ("/missing", ["two"], "Jwt issuer is not configured"),
    ("/failed", [], 200),
    ("/failed", ["late"], 200),
    ("/lenient", [], 200),
    ("/lenient", ["late"], 200),
    ("/absent", [], 200),
    ("/absent", ["one"], 200),
    ("/absent", ["two"], 200),
    ("/absent", ["late"], "Jwt is expired"),
    ("/absent", ["three"], "Jwt issuer is not configured"),
    ("/istio", [], 200),
    ("/istio", ["one"], 200),
    ("/istio", ["two"], 200),
    ("/istio", ["late"], "Jwt is expired"),
    ("/istio", ["three"], "Jwt issuer is not configured"),
    ("/map", ["one"], "Jwt is missing"),
    ("/by-name", ["one"], "Jwt is missing"),
    ("/off", ["bad"], 200),
    ("/strict", ["one"], "Jwt verification fails"),
    ("/strict", ["user"], 200),
    ("/strict", ["user for ever"], "Jwt verification fails"),
    ("/strict", ["user too long"], "Jwt verification fails"),
    ("/strange", ["strange RS256"], 200),
    ("/strange", ["strange RS512"], 200),
    ("/strange", ["strange ES384"], 200),
])
def test_requirements(proxy, keys, target, tokens, answer):
    made = {
        "bad": lambda: "x.y.z",
        "one": lambda: good(keys),
        "two": lambda: keys["other"].token({"iss": "two"}),
        "three": lambda: keys["other"].token({"iss": "three"}),
        "late": lambda: good(keys, exp=PAST),
        "late two": lambda: keys["other"].token({"iss": "two", "exp": PAST}),
        "mobile": lambda: good(keys, aud="mobile"),
        "user": lambda: good(keys, sub="user-1"),
        "user for ever": lambda: keys["ES256"].token({"iss": "one", "sub": "user-1"}),
        "user too long": lambda: good(keys, sub="user-1", exp=FAR + 200_000),
        "strange RS256": lambda: keys["RS256"].token({"iss": "strange"}, header={"kid": "whatever"}),
        "strange RS512": lambda: signed_by(keys["RS256"], "RS512", {"iss": "strange"}),
        "strange ES384": lambda: keys["ES384"].token({"iss": "strange"}),
    }
    headers = [header for name in tokens for header in bearer(made[name]())]
    response = proxy.fetch(target, headers=headers)
    assert (200 if response.status == 200 else response.text) == answer


def signed_by(key, algorithm, claims):
    text = f"{encode({'alg': algorithm})}.{encode(claims)}"
    return f"{text}.{encode(key.sign(text.encode(), algorithm))}"


def test_a_requirement_that_nobody_knows(proxy):
    response = proxy.fetch("/no-name")
    assert response.status == 403
    assert response.text.startswith("Failed JWT authentication: Wrong requirement_name: nobody. It should be one of [")


def test_rules_match_like_routes(proxy):
    assert proxy.fetch("/method").status == 200
    assert proxy.fetch("/method", method="POST").status == 401


def test_preflight_requests_pass(proxy):
    headers = [("origin", "https://a.com"), ("access-control-request-method", "PUT")]
    before = proxy.stat("http.in.jwt_authn.cors_preflight_bypassed") or 0
    assert proxy.fetch("/one", method="OPTIONS", headers=headers).status == 200
    assert proxy.fetch("/one", method="OPTIONS", headers=headers[:1]).status == 401
    assert proxy.stat("http.in.jwt_authn.cors_preflight_bypassed") == before + 1


@pytest.mark.parametrize("place", ["header", "prefix", "prefix further on", "parameter", "cookie", "header and parameter"])
def test_places(proxy, keys, place):
    token = good(keys)
    target, headers = {
        "header": ("/places", [("x-token", token)]),
        "prefix": ("/places", [("x-jwt", f"JWT={token}")]),
        "prefix further on": ("/places", [("x-jwt", f"a JWT= {token}")]),
        "parameter": (f"/places?a=1&token={token}&b=2", []),
        "cookie": ("/places", [("cookie", f"x=y; session={token}; z=1")]),
        "header and parameter": (f"/places?token={token}", [("x-token", token)]),
    }[place]
    response = proxy.fetch(target, headers=headers)
    got = seen(response)
    assert "x-token" not in got and "x-jwt" not in got
    assert json.loads(response.body)["target"] == ("/places?a=1&b=2" if place == "parameter" else "/places")
    assert ("cookie" in got) == (place == "cookie")
    assert proxy.fetch("/places", headers=bearer(token)).text == "Jwt is missing"


def test_all_tokens_must_be_good(proxy, keys):
    """The application may look at another one than the proxy."""
    for tokens in ((good(keys), good(keys, "foreign")), (good(keys, "foreign"), good(keys))):
        response = proxy.fetch("/places", headers=[("x-token", token) for token in tokens])
        assert (response.status, response.text) == (401, "Jwt verification fails")
    assert proxy.fetch("/places", headers=[("x-token", good(keys)), ("x-token", good(keys, "RS256"))]).status == 200


def test_any_issuer_may_be_let_in(proxy, keys):
    assert proxy.fetch("/any", headers=[("x-any", keys["other"].token({"iss": "whoever"}))]).status == 200
    assert proxy.fetch("/any", headers=[("x-any", keys["other"].token({}))]).status == 200


def test_what_the_upstream_learns(proxy, keys):
    claims = {"sub": "me", "a": {"b": "deep"}, "num": 42, "flag": True, "list": ["x", 1], "float": 1.5}
    token = good(keys, **claims)
    forged = [(name, "forged") for name in ("x-payload", "x-sub", "x-deep", "x-num", "x-flag", "x-list", "x-float")]
    got = seen(proxy.fetch("/keeps", headers=bearer(token) + forged))
    assert got["authorization"] == f"Bearer {token}" and got["x-payload"] == token.split(".")[1]
    assert [got[f"x-{name}"] for name in ("sub", "deep", "num", "flag", "float")] == ["me", "deep", "42", "true", "1.500000"]
    assert got["x-list"] == "WyJ4IiwxXQ=="
    told = json.loads(logged(proxy, "/keeps").split(" ", 2)[2])
    assert told["payload"] | claims == told["payload"] and told["header"]["alg"] == "ES256"


def test_claims_that_are_not_there_leave_no_header(proxy, keys):
    got = seen(proxy.fetch("/keeps", headers=bearer(good(keys)) + [("x-sub", "forged"), ("x-num", "1")]))
    assert "x-sub" not in got and "x-num" not in got


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_the_payload_is_padded_where_asked(proxy, keys, length):
    token = good(keys, x="y" * length)
    payload = token.split(".")[1]
    assert seen(proxy.fetch("/pads", headers=bearer(token)))["x-payload"] == payload + "=" * (-len(payload) % 4)


def test_tokens_are_remembered(proxy, keys):
    def counts():
        return [proxy.stat(f"http.in.jwt_authn.jwt_cache_{what}") or 0 for what in ("hit", "miss")]
    tokens = [good(keys, sub=str(number)) for number in range(3)]
    hits, misses = counts()
    for token in (tokens[0], tokens[0], tokens[1], tokens[2], tokens[0]):  # two have room
        assert proxy.fetch("/pads", headers=bearer(token)).status == 200
    assert counts() == [hits + 1, misses + 4]


def test_failures_in_the_metadata(proxy, keys):
    expected = {"late": (good(keys, exp=PAST), 3, "Jwt is expired"),
                "bad": (good(keys, "foreign"), 26, "Jwt verification fails")}
    for name, (token, code, message) in expected.items():
        target = f"/tells/{name}"
        assert proxy.fetch(target, headers=bearer(token)).status == 200
        told = json.loads(logged(proxy, target).split(" ", 2)[2])["failed"]
        assert (told["code"], told["message"]) == (code, message)
    proxy.fetch("/tells/nothing")
    assert logged(proxy, "/tells/nothing") == "200 via_upstream -"


@pytest.mark.parametrize("claims, chosen", [
    ({"group": "beta"}, "b"), ({"group": "alpha"}, "a"), ({"scope": "read admin write"}, "c"), ({"scope": "read"}, "a"), ({}, "a"),
    ({"group": ["beta"]}, "a"),
])
def test_claims_route(proxy, keys, claims, chosen):
    assert json.loads(proxy.fetch("/claims", headers=bearer(good(keys, **claims))).body)["cluster"] == chosen
    assert json.loads(proxy.fetch("/claims").body)["cluster"] == "a"


def test_counts(proxy, keys):
    def counts():
        return [proxy.stat(f"http.in.jwt_authn.{what}") or 0 for what in ("allowed", "denied")]
    allowed, denied = counts()
    for target, headers in (("/one", bearer(good(keys))), ("/one", []), ("/other", []), ("/no-name", [])):
        proxy.fetch(target, headers=headers)
    assert counts() == [allowed + 2, denied + 2]


def test_hostile_tokens(proxy):
    deep = encode(b'{"a":' * 3000 + b"1" + b"}" * 3000)
    for token in (f"{encode(ES)}.{deep}.AAAA", f"{deep}.{deep}.AAAA", "." * 1000, "A" * 50_000, f"{encode(ES)}.{'A' * 40_000}.AAAA"):
        response = proxy.fetch("/one", headers=bearer(token))
        assert response.status == 401 and response.text.startswith("Jwt ")


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one"), ("one", "one")])
def test_of_several_tokens_the_last_ones_payload_is_forwarded(start, closing, order):
    tokens = {name: Key("", "HS256", key_id=name) for name in ("one", "two")}
    providers = {name: provider(name, jwks(key), from_headers=[{"name": f"x-{name}"}], forward=True, forward_payload_header="x-payload")
                 for name, key in tokens.items()}
    sent = {name: key.token({"iss": name}) for name, key in tokens.items()}
    a = closing(Upstream("a", echo))
    proxy = start(bootstrap([listener(http([route("/", to="a")], filters=[authn(providers, [rule("/", **all_of(*map(named, order)))])]))],
                            [cluster("a", a.port)]))
    got = json.loads(proxy.fetch("/", headers=[(f"x-{name}", token) for name, token in sent.items()]).body)["headers"]
    assert [value for name, value in got if name == "x-payload"] == [sent[order[-1]].split(".")[1]]
