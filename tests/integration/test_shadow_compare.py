"""Shadow compare: the answers of a mirror held against those of the cluster that serves, as counters."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route, typed, HTTP_OPTIONS
from support.http2_server import Http2Upstream
from support.http_client import chunked, format_request
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("no peer compares")
HTTP2 = {"typed_extension_protocol_options": {HTTP_OPTIONS: typed(HTTP_OPTIONS, explicit_http_config={"http2_protocol_options": {}})}}


def compare(**fields):
    return {"filter_metadata": {"remora": {"shadow": {"compare": fields}}}}


@pytest.fixture
def compared(start, closing):
    """A proxy whose route compares what `live` answers with what `shadow` does; gives what was counted after some requests."""

    def begin(live, shadow, port=None, requests=1, metadata=None, send=None):
        live, shadow = closing(Upstream("live", live)), closing(Upstream("shadow", shadow))
        proxy = start(bootstrap(
            [http_listener(route(to="live", request_mirror_policies=[{"cluster": "shadow"}], metadata=metadata or compare(body=True)))],
            [cluster("live", live.port), cluster("shadow", port or shadow.port)]))
        for _ in range(requests):
            send(proxy) if send else proxy.fetch()
        return proxy, lambda: counted(proxy, requests)

    return begin


def counted(proxy, requests):
    """The counters that are not 0, once every request has been compared or passed over."""
    prefix = "cluster.shadow.shadow."

    def settled():
        seen = {name.removeprefix(prefix): value for name, value in proxy.stats("^" + prefix).items() if value}
        return seen.get("compare_total", 0) + seen.get("compare_skipped", 0) >= requests and seen

    return wait_until(settled, lambda: f"{requests} comparisons, there are {proxy.stats(prefix)}")


def same(times, **more):
    return {"rq_total": times, "compare_total": times, "compare_status_same": times, "compare_body_same": times, **more}


def test_equal_answers(compared):
    _, counts = compared(lambda _: reply(200, body="same"), lambda _: reply(200, {"x-other": "1"}, "same"), requests=3)
    assert counts() == same(3)


@pytest.mark.parametrize("live, shadow, wanted", [
    ((200, "a"), (200, "b"), {"compare_status_same": 1, "compare_body_differs": 1}),
    ((200, "a"), (201, "a"), {"compare_status_class_same": 1, "compare_body_same": 1}),
    ((200, "a"), (404, "a"), {"compare_status_differs": 1, "compare_body_same": 1}),
    ((200, "a"), (500, "a"), {"compare_status_differs": 1, "compare_body_same": 1, "compare_shadow_failed": 1}),
    ((503, "a"), (200, "a"), {"compare_status_differs": 1, "compare_body_same": 1, "compare_primary_failed": 1}),
    ((503, "a"), (500, "a"), {"compare_status_class_same": 1, "compare_body_same": 1}),
])
def test_answers_that_differ(compared, live, shadow, wanted):
    _, counts = compared(lambda _: reply(live[0], body=live[1]), lambda _: reply(shadow[0], body=shadow[1]))
    assert counts() == {"rq_total": 1, "compare_total": 1, **wanted}


def test_bodies_however_they_are_cut(compared):
    whole = bytes(range(256)) * 300
    pieces = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked(*(whole[at:at + 997] for at in range(0, len(whole), 997)))
    _, counts = compared(lambda _: reply(200, body=whole), lambda _: pieces)
    assert counts() == same(1)


def test_bodies_are_compared_only_where_it_is_asked_for(compared):
    _, counts = compared(lambda _: reply(200, body="a"), lambda _: reply(200, body="b"), metadata=compare())
    assert counts() == {"rq_total": 1, "compare_total": 1, "compare_status_same": 1}


def test_long_bodies_are_passed_over(compared):
    _, counts = compared(lambda _: reply(200, body="a" * 11), lambda _: reply(200, body="b" * 11), metadata=compare(body=True, max_body_bytes=10))
    assert counts() == {"rq_total": 1, "compare_total": 1, "compare_status_same": 1, "compare_body_skipped": 1}


def test_a_shadow_that_is_not_there(compared):
    _, counts = compared(lambda _: reply(200, body="a"), None, port=unused_port())
    assert counts() == {"rq_total": 1, "rq_failed": 1, "compare_total": 1, "compare_no_answer": 1, "compare_shadow_failed": 1}


def test_how_much_slower_the_shadow_is(compared):
    """The shadow answers only after the client has its answer."""
    release = threading.Event()

    def answer(_):
        release.wait(20)
        return reply(200, body="a")

    proxy, counts = compared(lambda _: reply(200, body="a"), answer)
    assert not proxy.stat("cluster.shadow.shadow.compare_total")
    release.set()
    assert counts() == same(1)
    found = proxy.admin("/stats?format=prometheus").text.splitlines()
    assert 'envoy_cluster_shadow_compare_total{envoy_cluster_name="shadow"} 1' in found
    for name in ("primary_time", "shadow_time"):
        assert f'envoy_cluster_shadow_compare_{name}_count{{envoy_cluster_name="shadow"}} 1' in found


def test_a_client_that_leaves_is_passed_over(compared):
    held = threading.Event()

    def answer(_):
        held.wait(20)
        return reply(200)

    def ask_and_leave(proxy):
        client = proxy.connect()
        client.send(format_request())
        wait_until(lambda: proxy.stat("cluster.shadow.upstream_rq_2xx") == 1, "the shadow's answer")
        client.close()

    _, counts = compared(answer, lambda _: reply(200), send=ask_and_leave)
    assert counts() == {"rq_total": 1, "compare_skipped": 1}
    held.set()


def test_statuses_of_grpc(start, closing):
    def server(status):
        return closing(Http2Upstream(on_request=lambda stream: stream.respond(
            200, [("content-type", "application/grpc")], b"\0\0\0\0\1a", trailers=[("grpc-status", status)])))

    live, shadow = server("0"), server("13")
    proxy = start(bootstrap(
        [http_listener(route(to="live", request_mirror_policies=[{"cluster": "shadow"}], metadata=compare(body=True)))],
        [cluster("live", live.port, **HTTP2), cluster("shadow", shadow.port, **HTTP2)]))
    proxy.fetch("/a.B/c", "POST", {"content-type": "application/grpc", "te": "trailers"}, b"\0\0\0\0\1a")
    assert counted(proxy, 1) == {"rq_total": 1, "compare_total": 1, "compare_status_differs": 1, "compare_shadow_failed": 1, "compare_body_same": 1}


@pytest.mark.parametrize("said, message", [
    ({"shadow": {"compare": {"headers": True}}}, "metadata.filter_metadata[\"remora\"].shadow.compare.headers"),
    ({"shadow": {"max_queued_bytes": -1}}, "metadata.filter_metadata[\"remora\"].shadow.max_queued_bytes"),
    ({"shadows": {}}, "metadata.filter_metadata[\"remora\"].shadows"),
])
def test_what_it_has_no_meaning_for_is_refused(start, said, message):
    routes = route(respond=(200, ""), metadata={"filter_metadata": {"remora": said}})
    proxy = start(bootstrap([http_listener(routes)]), wait_ready=False)
    assert proxy.wait() != 0
    assert message in proxy.log
