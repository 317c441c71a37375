"""The filter on_demand: clusters that are asked for when the first request needs them. The same for Remora and the real Envoy."""

import pytest

from support.ads import CLUSTERS, ENDPOINTS
from support.bootstrap import (assignment, bootstrap, cluster, file_log, http, listener, over_ads, route, routing, typed,
                               virtual_host)
from support.delta_ads import DeltaAdsServer
from support.proxy import envoy_binary
from support.upstream import Upstream, echo
from support.waiting import later, wait_until

FILTER = "envoy.filters.http.on_demand"
PACKAGE = "envoy.extensions.filters.http.on_demand.v3."
LINE = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
KINDS = ["remora", pytest.param("envoy", marks=pytest.mark.skipif(not envoy_binary(), reason="the real Envoy is not installed"))]


def odcds(timeout="20s", source=None):
    return {"odcds": {"source": source or over_ads(), "timeout": timeout}}


def per_route(**fields):
    return {"typed_per_filter_config": {FILTER: typed(PACKAGE + "PerRouteConfig", **fields)}}


ROUTES = [
    route("/header", to_header="x-cluster"),
    route("/off", to="late", **per_route()),
    route("/short", to="never", **per_route(**odcds("0.3s"))),
    route("/split", split={"late": 1, "later": 1}),
    route("/direct", respond=(200, "direct")),
    route("/known", to="known"),
    route("/late", to="late"),
    route("/bad", to="bad"),
]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def server(closing):
    return closing(DeltaAdsServer())


@pytest.fixture
def upstream(closing):
    return closing(Upstream(answer=echo))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "access.log"


@pytest.fixture
def proxy(start, server, upstream, kind, log):
    """Clusters come over ADS, one by one: there is no cds_config."""
    filters = [{"name": FILTER, "typed_config": typed(PACKAGE + "OnDemand", **odcds())}]
    config = bootstrap([listener(http(route_config=routing(virtual_host(*ROUTES), validate_clusters=False), filters=filters,
                                      access_log=[file_log(log, LINE)]))],
                       [cluster("known", upstream.port)], ads=server.port)
    config["dynamic_resources"] = {"ads_config": {**config["dynamic_resources"]["ads_config"], "api_type": "DELTA_GRPC"}}
    return start(config, kind=kind, concurrency=2)


def last_line(log):
    wait_until(lambda: log.exists() and log.read_text(), "a line in the access log")
    return log.read_text().splitlines()[-1]


def test_a_cluster_is_asked_for_once_and_all_who_wait_go_on(proxy, server, upstream):
    server.holding.add(CLUSTERS)
    waiting = [later(lambda: proxy.fetch("/late", "POST", body=b"a body")) for _ in range(6)]
    server.wait_asked(CLUSTERS, "late")
    assert proxy.fetch("/known").status == 200
    server.put(CLUSTERS, "late", cluster("late", upstream.port))
    assert {answer().status for answer in waiting} == {200}
    assert proxy.fetch("/late").status == 200
    assert server.asked_for(CLUSTERS) == ["late"]


def test_its_endpoints_come_first(proxy, server, upstream):
    server.holding |= {CLUSTERS, ENDPOINTS}
    waiting = later(lambda: proxy.fetch("/late"))
    server.wait_asked(CLUSTERS, "late")
    server.put(CLUSTERS, "late", cluster("late", eds=over_ads()))
    server.wait_asked(ENDPOINTS, "late")
    server.put(ENDPOINTS, "late", assignment("late", upstream.port))
    assert waiting().status == 200


def test_a_header_names_the_cluster(proxy, server, upstream):
    server.put(CLUSTERS, "mine", cluster("mine", upstream.port))
    assert proxy.fetch("/header", headers=[("x-cluster", "mine")]).status == 200
    assert proxy.fetch("/header").status == 503
    assert server.asked_for(CLUSTERS) == ["mine"]


def test_what_there_is_not_is_answered_as_without_the_filter(proxy, server, log):
    assert proxy.fetch("/header", headers=[("x-cluster", "nobody")]).status == 503
    assert last_line(log) == "/header 503 NC cluster_not_found"


def test_what_does_not_come_in_time(proxy, server, log):
    server.holding.add(CLUSTERS)
    assert proxy.fetch("/short").status == 503
    assert last_line(log) == "/short 503 NC cluster_not_found"


def test_a_route_has_the_last_word(proxy, server, log):
    assert proxy.fetch("/off").status == 503
    assert last_line(log) == "/off 503 NC cluster_not_found"
    assert proxy.fetch("/direct").text == "direct"
    assert server.asked_for(CLUSTERS) == []


def test_weighted_clusters(proxy, server, upstream):
    for name in ("late", "later"):
        server.put(CLUSTERS, name, cluster(name, upstream.port))
    assert {proxy.fetch("/split").status for _ in range(30)} == {200}
    wait_until(lambda: sorted(set(server.asked_for(CLUSTERS))) == ["late", "later"], "both were asked for")


def test_a_client_that_leaves_is_forgotten(proxy, server, upstream):
    server.holding.add(CLUSTERS)
    client = proxy.connect()
    client.send(b"GET /late HTTP/1.1\r\nhost: a\r\n\r\n")
    server.wait_asked(CLUSTERS, "late")
    client.close()
    proxy.wait_stat("http.in.downstream_cx_destroy_remote_active_rq")
    server.put(CLUSTERS, "late", cluster("late", upstream.port))
    assert proxy.fetch("/late").status == 200


def test_a_cluster_follows_its_server_until_it_goes(proxy, server, closing, upstream):
    server.put(CLUSTERS, "late", cluster("late", upstream.port))
    assert proxy.fetch("/late").status == 200
    other = closing(Upstream("other"))
    server.put(CLUSTERS, "late", cluster("late", other.port))
    wait_until(lambda: proxy.fetch("/late").text == "other", "the changed cluster")
    server.put(CLUSTERS, "late", None)
    wait_until(lambda: "late::" not in proxy.admin("/clusters").text, "the cluster gone")
    server.put(CLUSTERS, "late", cluster("late", upstream.port))
    wait_until(lambda: proxy.fetch("/late").status == 200, "the cluster back")


@pytest.mark.parametrize("kind", ["remora"], indirect=True)
def test_a_name_without_a_cluster_is_given_up_and_asked_for_again(proxy, server, upstream):
    """Envoy goes on following names that a client made up."""
    assert proxy.fetch("/header", headers=[("x-cluster", "nobody")]).status == 503
    wait_until(lambda: server.given_up(CLUSTERS) == ["nobody"], "the name given up")
    server.put(CLUSTERS, "nobody", cluster("nobody", upstream.port))
    assert proxy.fetch("/header", headers=[("x-cluster", "nobody")]).status == 200


@pytest.mark.parametrize("kind", ["remora"], indirect=True)
def test_a_cluster_that_is_refused_is_not_waited_for(proxy, server, log):
    server.put(CLUSTERS, "bad", cluster("bad", 1, connect_timeout="-1s"))
    assert proxy.fetch("/bad").status == 503
    assert last_line(log) == "/bad 503 NC cluster_not_found"
