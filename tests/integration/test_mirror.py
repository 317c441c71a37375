"""Shadow traffic: the mirror sees the request, the client never notices the mirror."""

import threading

import pytest

from support.bootstrap import (HTTP_OPTIONS, add_header, bootstrap, cluster, http, http_listener, listener, percent, route, routing, string_match,
                               typed, virtual_host)
from support.http_client import chunked, format_request
from support.stats import assert_share
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until


@pytest.fixture
def mirrored(start, closing):
    """A proxy that sends to `live` and mirrors to `shadow`; gives all three."""

    def begin(shadow=None, port=None, policy=None, cluster_settings=None, **action):
        live = closing(Upstream("live"))
        shadow = closing(shadow or Upstream("shadow"))
        policies = [{"cluster": "shadow", **(policy or {})}]
        proxy = start(bootstrap(
            [http_listener(route(to="live", request_mirror_policies=policies, **action))],
            [cluster("live", live.port), cluster("shadow", port or shadow.port, **(cluster_settings or {}))]))
        return proxy, live, shadow

    return begin


def test_mirror_gets_the_whole_request_and_the_client_the_live_answer(mirrored):
    proxy, live, shadow = mirrored()
    response = proxy.fetch("/path?q", "POST", {"x-some": "thing"}, "body")
    assert response.text == "live"
    seen = shadow.wait_for(1)[0]
    wait_until(lambda: seen.body == b"body", "the mirrored body")
    assert (seen.method, seen.target, seen.get("x-some")) == ("POST", "/path?q", "thing")
    assert seen.get("x-request-id") == live.last.get("x-request-id")


def test_mirrored_host_has_the_shadow_suffix(mirrored):
    proxy, live, shadow = mirrored()
    proxy.fetch(host="shop.local")
    assert shadow.wait_for(1)[0].get("host") == "shop.local-shadow"
    assert live.last.get("host") == "shop.local"


def test_shadow_suffix_goes_before_the_port(mirrored):
    proxy, _, shadow = mirrored()
    proxy.fetch(host="shop.local:8080")
    assert shadow.wait_for(1)[0].get("host") == "shop.local-shadow:8080"


def test_shadow_suffix_can_be_switched_off(mirrored):
    proxy, _, shadow = mirrored(policy={"disable_shadow_host_suffix_append": True})
    proxy.fetch(host="shop.local")
    assert shadow.wait_for(1)[0].get("host") == "shop.local"


def test_fraction_of_the_requests_is_mirrored(mirrored):
    proxy, live, shadow = mirrored(policy={"runtime_fraction": {"default_value": percent(30)}})
    trials = 600
    with proxy.connect() as client:
        for _ in range(trials):
            assert client.request().text == "live"
    wait_until(lambda: proxy.stat("cluster.shadow.upstream_rq_active") == 0, "the mirrored requests finished")
    assert proxy.stat("cluster.shadow.upstream_rq_total") == len(shadow.requests)
    assert_share(len(shadow.requests), trials, 0.3)


def test_chunked_body_is_mirrored(mirrored):
    proxy, _, shadow = mirrored()
    with proxy.connect() as client:
        client.send(format_request("POST", "/", {"transfer-encoding": "chunked"}) + chunked(b"one", b"two"))
        assert client.response().text == "live"
    wait_until(lambda: shadow.requests and shadow.requests[0].body == b"onetwo", "the mirrored body")


@pytest.mark.parametrize("size", [100_000, 900_000])
def test_larger_body_is_mirrored(mirrored, size):
    proxy, live, shadow = mirrored()
    body = b"x" * size
    assert proxy.fetch("/", "POST", body=body).text == "live"
    wait_until(lambda: shadow.requests and shadow.requests[0].body == body, "the mirrored body")
    assert live.last.body == body


def test_stalled_mirror_delays_nobody(mirrored):
    def script(connection):
        connection.read_request_head()
        connection.read_to_end()

    proxy, _, shadow = mirrored(shadow=Upstream("shadow", script=script))
    with proxy.connect() as client:
        for _ in range(50):
            assert client.request("POST", body="x").text == "live"
    shadow.wait_for(1)


@pytest.mark.remora_only("its mirror holds the live request back")
def test_mirror_that_never_reads_cannot_stop_a_large_body(mirrored):
    """The mirror has a queue of its own, and what does not fit is given up."""
    done = threading.Event()

    def script(connection):
        connection.read_request_head()
        done.wait(20)

    proxy, live, _ = mirrored(shadow=Upstream("shadow", script=script))
    body = b"x" * (32 * 1024 * 1024)
    assert proxy.fetch("/", "POST", body=body).text == "live"
    done.set()
    assert len(live.last.body) == len(body)


@pytest.mark.parametrize("fault", ["refused", "500", "reset", "garbage"])
def test_failing_mirror_is_not_noticed(mirrored, fault):
    def script(connection):
        connection.read_request()
        if fault == "500":
            connection.send(reply(500))
        elif fault == "garbage":
            connection.send(b"garbage\r\n\r\n")
        else:
            connection.reset()

    proxy, live, shadow = mirrored(shadow=Upstream("shadow", script=script),
                                   port=unused_port() if fault == "refused" else None)
    with proxy.connect() as client:
        for _ in range(5):
            response = client.request()
            assert (response.status, response.text) == (200, "live")
    assert len(live.requests) == 5


def test_a_request_that_was_held_back_is_mirrored_whole(start, closing):
    """A filter has kept all of it before it is forwarded: the mirror's head must not end the request."""
    live, shadow = closing(Upstream("live")), closing(Upstream("shadow"))
    buffered = {"name": "envoy.filters.http.buffer", "typed_config": typed(
        "envoy.extensions.filters.http.buffer.v3.Buffer", max_request_bytes=100)}
    routes = [route(to="live", request_mirror_policies=[{"cluster": "shadow"}])]
    proxy = start(bootstrap([listener(http(routes, filters=[buffered]))], [cluster("live", live.port), cluster("shadow", shadow.port)]))
    with proxy.connect() as client:
        for body in (b"first", b"second"):  # the second one finds a connection that is open
            assert client.request("POST", body=body).text == "live"
            wait_until(lambda body=body: [request.body for request in shadow.requests][-1:] == [body], "the mirrored body")
    assert not shadow.broken and not shadow.errors


def test_trailers_are_mirrored(start, closing):
    live, shadow = closing(Upstream("live")), closing(Upstream("shadow"))
    kept = {"http_protocol_options": {"enable_trailers": True}}
    options = {"typed_extension_protocol_options": {HTTP_OPTIONS: typed(HTTP_OPTIONS, explicit_http_config=kept)}}
    routes = [route(to="live", request_mirror_policies=[{"cluster": "shadow"}])]
    proxy = start(bootstrap([listener(http(routes, **kept))],
                            [cluster("live", live.port, **options), cluster("shadow", shadow.port, **options)]))
    with proxy.connect() as client:
        for _ in range(2):
            client.send(format_request("POST", "/", {"transfer-encoding": "chunked"}) + chunked(b"one", trailers=[("x-sum", "7")]))
            assert client.response().text == "live"
    for upstream in (live, shadow):
        wait_until(lambda upstream=upstream: [request.trailers for request in upstream.requests] == [[("x-sum", "7")]] * 2,
                   "the trailers")


def test_the_mirrors_head_can_be_edited(mirrored):
    proxy, live, shadow = mirrored(policy={"request_headers_mutations": [
        {"append": add_header("x-shadow", "of %REQ(:PATH)%")}, {"remove": "x-secret"},
        {"remove_on_match": {"key_matcher": string_match(prefix="x-user-")}}],
        "host_rewrite_literal": "shadow.local"})
    proxy.fetch("/path", headers={"x-secret": "1", "x-user-id": "2", "x-kept": "3"}, host="shop.local")
    seen = shadow.wait_for(1)[0]
    assert (seen.get("x-shadow"), seen.get("x-secret"), seen.get("x-user-id"), seen.get("x-kept")) == ("of /path", None, None, "3")
    assert seen.get("host") == "shadow.local"
    assert (live.last.get("x-shadow"), live.last.get("x-secret"), live.last.get("host")) == (None, "1", "shop.local")


def test_the_mirrors_cluster_can_come_from_a_header(start, closing):
    live, one = closing(Upstream("live")), closing(Upstream("one"))
    routes = [route(to="live", request_mirror_policies=[{"cluster_header": "x-mirror"}])]
    proxy = start(bootstrap([listener(http(routes))], [cluster("live", live.port), cluster("one", one.port)]))
    for name in ("one", "nowhere", None):
        assert proxy.fetch(headers={"x-mirror": name} if name else {}).text == "live"
    proxy.wait_stat("cluster.live.upstream_rq_2xx", 3)
    assert len(one.wait_for(1)) == 1


@pytest.mark.remora_only("the counters are ours")
def test_black_holed_mirrors_hold_a_bounded_share_of_memory(mirrored):
    """Shadows whose server never reads: each queue ends at the route's limit, and is counted."""
    done = threading.Event()

    def script(connection):
        done.wait(20)

    metadata = {"filter_metadata": {"remora": {"shadow": {"max_queued_bytes": 100_000}}}}
    proxy, live, _ = mirrored(shadow=Upstream("shadow", script=script), metadata=metadata)
    for _ in range(3):
        assert proxy.fetch("/", "POST", body=b"x" * 99_000).text == "live"
    wait_until(lambda: proxy.stat("cluster.shadow.shadow.rq_total") == 3, "the shadows")
    assert proxy.stat("cluster.shadow.shadow.rq_dropped") == 0
    for _ in range(5):  # more than the kernel takes off the queue
        assert proxy.fetch("/", "POST", body=b"x" * 30_000_000).text == "live"
    assert proxy.stat("cluster.shadow.shadow.rq_dropped") == 5
    assert proxy.stat("cluster.shadow.retry_or_shadow_abandoned") == 5
    done.set()


def test_mirror_to_a_missing_cluster_is_not_noticed(start, closing):
    live = closing(Upstream("live"))
    table = routing(virtual_host(route(to="live", request_mirror_policies=[{"cluster": "nowhere"}])),
                    validate_clusters=False)
    proxy = start(bootstrap([listener(http(route_config=table))], [cluster("live", live.port)]))
    assert proxy.fetch().text == "live"


def test_several_mirrors(start, closing):
    live, one, two = (closing(Upstream(name)) for name in ("live", "one", "two"))
    proxy = start(bootstrap(
        [http_listener(route(to="live", request_mirror_policies=[{"cluster": "one"}, {"cluster": "two"}]))],
        [cluster(upstream.name, upstream.port) for upstream in (live, one, two)]))
    assert proxy.fetch().text == "live"
    one.wait_for(1)
    two.wait_for(1)


def test_client_that_leaves_does_not_cancel_the_mirror(mirrored):
    """The live request of a client that left is cancelled; a mirrored one that was whole goes on."""
    release = threading.Event()

    def answer(request):
        release.wait(20)
        return reply(200)

    proxy, _, shadow = mirrored(shadow=Upstream("shadow", answer=answer))
    with proxy.connect() as client:
        assert client.request().text == "live"
    shadow.wait_for(1)
    release.set()
    wait_until(lambda: proxy.stat("cluster.shadow.upstream_rq_2xx") == 1, "the mirror's answer counted")
