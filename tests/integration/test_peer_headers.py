"""Headers about the peers: X-Forwarded-For and the trusted address, request ids, x-envoy-*, Server and Via."""

import json
import re
import socket

import pytest

from support.bootstrap import add_header, bootstrap, cluster, http, http_listener, listener, route, router
from support.http_client import format_request
from support.upstream import Upstream, echo, reply

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
REMOTE = add_header("x-seen-remote", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
LOOPBACK_INTERNAL = {"internal_address_config": {"cidr_ranges": [
    {"address_prefix": "127.0.0.0", "prefix_len": 8}, {"address_prefix": "10.0.0.0", "prefix_len": 8}]}}


@pytest.fixture
def fields(start, closing):
    """Sends one request through a proxy with these settings; gives the fields as the upstream saw them."""

    def ask(settings, headers=()):
        upstream = closing(Upstream(answer=echo))
        proxy = start(bootstrap([http_listener(route(to="up", request_headers_to_add=[REMOTE]), **settings)],
                                [cluster("up", upstream.port)]))
        response = proxy.fetch(headers=headers)
        assert response.status == 200, response
        result = {}
        for name, value in json.loads(response.body)["headers"]:
            result[name] = f"{result[name]},{value}" if name in result else value
        return result

    return ask


PEER = "<peer>"


def is_own_address(text):
    """Whether this machine has the address; what stands for a loopback peer is a matter of the machine."""
    try:
        with socket.socket() as probe:
            probe.bind((text, 0))
        return True
    except OSError:
        return False


class TestForwardedFor:
    @pytest.mark.parametrize("settings, sent, forwarded, trusted", [
        # Edge: the peer's address is the truth, and is appended.
        ({"use_remote_address": True}, None, PEER, "127.0.0.1"),
        ({"use_remote_address": True}, "1.2.3.4", f"1.2.3.4,{PEER}", "127.0.0.1"),
        ({"use_remote_address": True, "skip_xff_append": True}, "1.2.3.4", "1.2.3.4", "127.0.0.1"),
        # Edge behind N trusted proxies: the Nth from the right.
        ({"use_remote_address": True, "xff_num_trusted_hops": 1}, "1.2.3.4, 5.6.7.8", f"1.2.3.4, 5.6.7.8,{PEER}", "5.6.7.8"),
        ({"use_remote_address": True, "xff_num_trusted_hops": 2}, "1.2.3.4, 5.6.7.8", f"1.2.3.4, 5.6.7.8,{PEER}", "1.2.3.4"),
        ({"use_remote_address": True, "xff_num_trusted_hops": 3}, "1.2.3.4, 5.6.7.8", f"1.2.3.4, 5.6.7.8,{PEER}", "127.0.0.1"),
        # Sidecar: the last entry, or the (N+1)th from the right; nothing is appended.
        ({}, None, None, "127.0.0.1"),
        ({}, "1.2.3.4", "1.2.3.4", "1.2.3.4"),
        ({}, "1.2.3.4, 5.6.7.8", "1.2.3.4, 5.6.7.8", "5.6.7.8"),
        ({"xff_num_trusted_hops": 1}, "1.2.3.4, 5.6.7.8", "1.2.3.4, 5.6.7.8", "1.2.3.4"),
        ({"xff_num_trusted_hops": 2}, "1.2.3.4, 5.6.7.8", "1.2.3.4, 5.6.7.8", "127.0.0.1"),
        ({}, "no address", "no address", "127.0.0.1"),
        ({}, "::1", "::1", "::1"),
    ])
    def test_trusted_address(self, fields, settings, sent, forwarded, trusted):
        seen = fields(settings, {"x-forwarded-for": sent} if sent else {})
        arrived = seen.get("x-forwarded-for")
        if forwarded and PEER in forwarded:
            start, comma, last = arrived.rpartition(",")
            assert is_own_address(last), arrived
            arrived = f"{start}{comma}{PEER}"
        assert (arrived, seen["x-seen-remote"]) == (forwarded, trusted)

    @pytest.mark.parametrize("settings, sent, internal", [
        ({"use_remote_address": True}, None, False),
        ({"use_remote_address": True, **LOOPBACK_INTERNAL}, None, True),
        ({"use_remote_address": True, **LOOPBACK_INTERNAL}, "10.1.1.1", False),
        ({**LOOPBACK_INTERNAL}, "10.1.1.1", True),
        ({**LOOPBACK_INTERNAL}, "10.1.1.1, 10.1.1.2", False),
        ({**LOOPBACK_INTERNAL}, "11.1.1.1", False),
        ({}, "10.1.1.1", False),
    ])
    def test_internal_request(self, fields, settings, sent, internal):
        seen = fields(settings, {"x-forwarded-for": sent} if sent else {})
        assert (seen.get("x-envoy-internal") == "true") == internal

    def test_external_address_is_told_at_the_edge(self, fields):
        assert fields({"use_remote_address": True})["x-envoy-external-address"] == "127.0.0.1"
        assert "x-envoy-external-address" not in fields({})

    def test_claim_to_be_internal_is_not_believed(self, fields):
        seen = fields({"use_remote_address": True}, {"x-envoy-internal": "true", "x-envoy-external-address": "6.6.6.6"})
        assert "x-envoy-internal" not in seen and seen["x-envoy-external-address"] == "127.0.0.1"

    @pytest.mark.parametrize("settings, sent, scheme", [
        ({"use_remote_address": True}, None, "http"), ({"use_remote_address": True}, "https", "http"),
        ({}, None, "http"), ({}, "https", "https"),
        ({"use_remote_address": True, "xff_num_trusted_hops": 1}, "https", "https")])
    def test_forwarded_proto(self, fields, settings, sent, scheme):
        assert fields(settings, {"x-forwarded-proto": sent} if sent else {})["x-forwarded-proto"] == scheme


class TestRequestId:
    def test_id_is_made_up_when_there_is_none(self, fields):
        assert UUID.match(fields({})["x-request-id"])

    @pytest.mark.parametrize("settings, kept", [
        ({}, True), ({"use_remote_address": True}, False),
        ({"use_remote_address": True, "preserve_external_request_id": True}, True),
        ({"use_remote_address": True, **LOOPBACK_INTERNAL}, True)])
    def test_id_of_the_client_is_kept_where_it_may_be_believed(self, fields, settings, kept):
        given = "11111111-2222-4333-8444-555555555555"
        assert (fields(settings, {"x-request-id": given})["x-request-id"] == given) == kept

    def test_no_id_when_switched_off(self, fields):
        assert "x-request-id" not in fields({"generate_request_id": False})

    def test_id_is_told_to_the_client_when_asked(self, through):
        proxy, upstream = through(settings={"always_set_request_id_in_response": True})
        response = proxy.fetch()
        assert UUID.match(response.get("x-request-id")) and response.get("x-request-id") == upstream.last.get("x-request-id")

    def test_ids_differ(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            for _ in range(100):
                client.request()
        assert len({request.get("x-request-id") for request in upstream.requests}) == 100


class TestServerAndVia:
    @pytest.mark.parametrize("settings, sent, server", [
        ({}, "upstream/1", "envoy"), ({}, None, "envoy"), ({"server_name": "mine"}, None, "mine"),
        ({"server_header_transformation": "APPEND_IF_ABSENT"}, "upstream/1", "upstream/1"),
        ({"server_header_transformation": "APPEND_IF_ABSENT"}, None, "envoy"),
        ({"server_header_transformation": "PASS_THROUGH"}, "upstream/1", "upstream/1"),
        ({"server_header_transformation": "PASS_THROUGH"}, None, None)])
    def test_server_header(self, through, settings, sent, server):
        proxy, _ = through(answer=lambda _: reply(200, {"server": sent} if sent else {}), settings=settings)
        assert proxy.fetch().get("server") == server

    def test_via_is_appended_both_ways(self, through):
        proxy, upstream = through(answer=lambda _: reply(200, {"via": "1.1 far"}), settings={"via": "near"})
        response = proxy.fetch(headers={"via": "1.0 client"})
        assert upstream.last.get("via").replace(", ", ",") == "1.0 client,near"
        assert response.get("via").replace(", ", ",") == "1.1 far,near"

    def test_no_via_by_default(self, through):
        proxy, upstream = through()
        assert not proxy.fetch().has("via") and not upstream.last.has("via")


class TestEnvoyHeaders:
    def test_service_time_and_date_are_added_to_the_response(self, through):
        proxy, _ = through()
        response = proxy.fetch()
        assert response.get("x-envoy-upstream-service-time").isdigit()
        assert re.match(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\Z", response.get("date"))

    def test_date_of_the_upstream_is_kept(self, through):
        proxy, _ = through(answer=lambda _: reply(200, {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}))
        assert proxy.fetch().all("date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]

    def test_envoy_headers_can_be_suppressed(self, start, closing):
        upstream = closing(Upstream())
        manager = http([route("/old", to="up", prefix_rewrite="/new")])
        manager["typed_config"]["http_filters"] = [router(suppress_envoy_headers=True)]
        proxy = start(bootstrap([listener(manager)], [cluster("up", upstream.port)]))
        response = proxy.fetch("/old")
        assert not [name for name, _ in response.headers if name.startswith("x-envoy-")]
        assert not [name for name, _ in upstream.last.headers if name.startswith("x-envoy-")]

    def test_connection_named_headers_are_removed(self, through):
        proxy, upstream = through()
        proxy.fetch(headers={"connection": "x-private, keep-alive", "x-private": "1", "x-public": "1"})
        assert upstream.last.has("x-public")
        assert not upstream.last.has("connection")

    @pytest.mark.parametrize("name", ["te", "proxy-authenticate", "upgrade-insecure-requests"])
    def test_other_headers(self, through, name):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(format_request(headers={name: "trailers" if name == "te" else "1"}))
            assert client.response().status == 200
        assert upstream.last.get(name) == ("trailers" if name == "te" else "1")


class TestPathNormalisation:
    @pytest.mark.parametrize("settings, target, arrived", [
        ({}, "/a/../b//c/./%2e%41", "/a/../b//c/./%2e%41"),
        ({"normalize_path": True}, "/a/../b", "/b"), ({"normalize_path": True}, "/a/./b/", "/a/b/"),
        ({"normalize_path": True}, "/../../b", "/b"), ({"normalize_path": True}, "/a%41%2e", "/aA."),
        ({"normalize_path": True}, "/a/%2e%2e/b", "/b"), ({"normalize_path": True}, "/a\\b", "/a/b"),
        ({"normalize_path": True}, "/a%2fb", "/a%2fb"), ({"normalize_path": True}, "/a?b=/../c", "/a?b=/../c"),
        ({"normalize_path": True}, "/A//b", "/A//b"), ({"normalize_path": True}, "/a%20b%7e", "/a%20b~"),
        ({"merge_slashes": True}, "//a///b//", "/a/b/"), ({"merge_slashes": True}, "/a?b=//c", "/a?b=//c"),
        ({"normalize_path": True, "merge_slashes": True}, "/a//../b", "/a/b"),
        ({"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD", "normalize_path": True}, "/a%2Fb%5cc", "/a/b/c"),
        ({"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}, "/a%2Fb", "/a%2Fb"),
    ])
    def test_path_as_the_upstream_sees_it(self, start, closing, settings, target, arrived):
        upstream = closing(Upstream())
        proxy = start(bootstrap([http_listener(route(to="up"), **settings)], [cluster("up", upstream.port)]))
        assert proxy.fetch(target).status == 200
        assert upstream.last.target == arrived

    @pytest.mark.parametrize("settings, target, status, location", [
        ({"path_with_escaped_slashes_action": "REJECT_REQUEST"}, "/a%2fb", 400, None),
        ({"path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT"}, "/a%2fb?c", 307, "/a/b?c"),
        ({"path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT", "normalize_path": True}, "/a/..%2fb", 307, "/b"),
    ])
    def test_path_that_is_answered(self, start, settings, target, status, location):
        proxy = start(bootstrap([http_listener(route(respond=(200, "")), **settings)]))
        response = proxy.fetch(target)
        assert (response.status, response.get("location")) == (status, location)

    def test_routes_see_the_normalised_path(self, start):
        proxy = start(bootstrap([http_listener(route("/admin", respond=(403, "")), route(respond=(200, "")),
                                               normalize_path=True)]))
        assert proxy.fetch("/public/%2e%2e/admin").status == 403
