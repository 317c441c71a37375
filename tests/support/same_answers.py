"""What two proxies answered, made comparable: for tests that hold Remora beside the real Envoy."""

import json
import socket

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


def is_own_address(text):
    try:
        with socket.socket() as probe:
            probe.bind((text, 0))
        return True
    except (OSError, ValueError):
        return False


def comparable(headers, ignored=()):
    """Fields by name with their values in order; what varies keeps only its presence.

    Several lines of one field, one line with commas, and a space after a comma or none all mean the same.
    """
    fields = {}
    for name, value in headers:
        if name in ignored:
            continue
        if name in VARIES and value != KEPT_ID:
            value = "<varies>"
        if name == "x-envoy-expected-rq-timeout-ms" and value.isdigit():  # Of a later try Envoy says what is left.
            value = str(-(-int(value) // 1000) * 1000)
        if name == "x-forwarded-for":  # The machine's own address stands for a loopback peer; which one is its matter.
            start, comma, last = value.rpartition(",")
            value = f"{start}{comma}<own>" if is_own_address(last.strip()) else value
        fields.setdefault(name, []).append(",".join(part.strip() for part in value.split(",")))
    return {name: ",".join(value for value in values if value) for name, values in fields.items()}


def observation(response, method, body, ignored=()):
    """A response as data: its own parts, and what the upstream saw if it is an echo. `method` and `body` are the request's."""
    seen = {"status": response.status, "response headers": comparable(response.headers, ignored)}
    if "x-envoy-upstream-service-time" not in seen["response headers"]:
        for name in ["connection"] * bool(body) + ["content-length", "transfer-encoding"] * (method == "HEAD"):
            seen["response headers"].pop(name, None)
    try:
        got = json.loads(response.body)
    except ValueError:
        return {**seen, "body": response.text}
    if not isinstance(got, dict) or "cluster" not in got:
        return {**seen, "body": response.text}
    seen["response headers"]["content-length"] = "<length of the echo>"
    return {**seen, "cluster": got["cluster"], "method": got["method"], "target": got["target"], "body length": got["body"],
            "request headers": comparable(got["headers"], ignored)}


def differences(wanted, got, name, place=""):
    """What differs, one line each: where, what Envoy has, what the proxy `name` has."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return [line for key in {**wanted, **got} for line in differences(
            wanted.get(key), got.get(key), name, f"{place} > {key}" if place else key)]
    return [] if wanted == got else [f"{place}: Envoy has {wanted!r}, {name} has {got!r}"]
