"""Configuration from go-control-plane: state of the world and delta, what changes, what is refused, and a server that is lost."""

import pytest

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES
from support.bootstrap import assignment, bootstrap, cluster, http, listener, over_ads, route, routing, virtual_host
from support.management_server import PROGRAM, ManagementServer
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="build/tools/management_server is missing: ./dev test builds it")


def eds_cluster(name, **more):
    return cluster(name, eds=over_ads(), **more)


def routes_to(cluster_name):
    return routing(virtual_host(route(to=cluster_name, timeout="20s")))


def dynamic_listener(**more):
    return listener(http(rds={"route_config_name": "routes", "config_source": over_ads()}, **more))


@pytest.fixture(params=["GRPC", "DELTA_GRPC"])
def variant(request):
    return request.param


@pytest.fixture
def server(closing):
    return closing(ManagementServer())


@pytest.fixture
def hosts(closing):
    return {name: closing(Upstream(name)) for name in ("a", "b")}


def serve_all(server, hosts, **more):
    server.set(**{"clusters": [eds_cluster("a"), eds_cluster("b")],
                  "endpoints": [assignment(name, upstream.port) for name, upstream in hosts.items()],
                  "listeners": [dynamic_listener()], "routes": [routes_to("a")], **more})


@pytest.fixture
def proxy(start, server, hosts, variant):
    serve_all(server, hosts)
    config = bootstrap(ads=server.port)
    config["dynamic_resources"]["ads_config"]["api_type"] = variant
    proxy = start(config)
    assert proxy.fetch().text == "a"
    return proxy


def dump(proxy, section, field):
    configs = proxy.admin_json("/config_dump")["configs"]
    return next(entry for entry in configs if entry["@type"].endswith(section)).get(field, [])


def test_the_variant_that_is_asked_for_is_spoken(proxy, server, variant):
    assert {request["delta"] for request in server.requests} == {variant == "DELTA_GRPC"}
    for url in (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES):
        server.wait_request(url, lambda request: request.get("nonce") and not request.get("error"), f"an ACK of {url}")


def test_changes_arrive_and_removed_clusters_go(proxy, server, hosts):
    server.set(routes=[routes_to("b")])
    wait_until(lambda: proxy.fetch().text == "b", "the new route")
    server.set(endpoints=[assignment(name, hosts["a"].port) for name in "ab"])
    wait_until(lambda: proxy.fetch().text == "a", "the new endpoint")
    server.set(clusters=[eds_cluster("b")], endpoints=[assignment("b", hosts["b"].port)])
    wait_until(lambda: [entry["cluster"]["name"] for entry in dump(proxy, "ClustersConfigDump", "dynamic_active_clusters")]
               == ["b"], "cluster a gone")
    wait_until(lambda: proxy.fetch().text == "b", "the endpoint of b")


def test_a_bad_resource_is_named_and_the_good_ones_serve(proxy, server, hosts):
    bad = eds_cluster("a", connect_timeout="-1s")
    serve_all(server, hosts, clusters=[bad, eds_cluster("b"), eds_cluster("c")], routes=[routes_to("c")],
              endpoints=[assignment(name, hosts["b"].port) for name in "abc"])
    error = server.wait_refusal(CLUSTERS)
    assert "cluster 'a': connect_timeout" in error and "'b'" not in error and "'c'" not in error
    wait_until(lambda: proxy.fetch().text == "b", "the good cluster of the same response")
    [refused] = [entry for entry in dump(proxy, "ClustersConfigDump", "dynamic_active_clusters") if "error_state" in entry]
    state = refused["error_state"]
    assert refused["cluster"]["name"] == state["failed_configuration"]["name"] == "a"
    assert refused["cluster"]["connect_timeout"] == "2s" and state["failed_configuration"]["connect_timeout"] == "-1s"
    assert "connect_timeout" in state["details"] and state["version_info"] and state["last_update_attempt"]
    assert proxy.stat("xds.refused_clusters") == 1
    server.set(clusters=[eds_cluster(name) for name in "abc"])
    wait_until(lambda: proxy.stat("xds.refused_clusters") == 0, "nothing refused any more")


def test_routes_that_can_never_match_are_named_once(proxy, server):
    def table(timeout):
        return [routing(virtual_host(route("/api", to="a", timeout=timeout), route("/api/items", to="b"), route(to="b")))]

    server.set(routes=table("20s"))
    wait_until(lambda: "can never match" in proxy.log, "the warning")
    server.set(routes=table("21s"))
    wait_until(lambda: proxy.stat("http.in.rds.routes.update_success") == 3, "the next version")
    assert proxy.log.count("can never match") == 1
    assert 'virtual_hosts[0].routes[1]: can never match: routes[0] (prefix "/api") comes first' in proxy.log


def test_what_is_here_is_said_to_the_server_that_comes_back(proxy, server, hosts, variant, closing):
    server.stop()
    assert proxy.fetch().text == "a"
    again = closing(ManagementServer(port=server.port))
    serve_all(again, hosts, routes=[routes_to("b")])
    wait_until(lambda: proxy.fetch().text == "b", "what changed meanwhile")
    if variant == "DELTA_GRPC":
        first = again.requests_of(CLUSTERS)[0]
        assert set(first["initial"]) == {"a", "b"} and not first.get("nonce")
        assert set(again.requests_of(ENDPOINTS)[0]["initial"]) == {"a", "b"}
    assert not [request for request in again.requests if request.get("error")]


class TestOfOneType:
    """Every type from a stream of its own, as config sources that name their server ask for."""

    @staticmethod
    def source(variant):
        return {"api_config_source": {"api_type": variant, "transport_api_version": "V3",
                                      "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]},
                "resource_api_version": "V3"}

    @pytest.fixture
    def server(self, closing):
        return closing(ManagementServer(ads=False))

    @pytest.fixture
    def proxy(self, start, server, hosts, variant):
        source = self.source(variant)
        server.set(clusters=[cluster(name, eds=source) for name in hosts],
                   endpoints=[assignment(name, upstream.port) for name, upstream in hosts.items()],
                   listeners=[listener(http(rds={"route_config_name": "routes", "config_source": source}))],
                   routes=[routes_to("a")])
        proxy = start(bootstrap(clusters=[cluster("xds", server.port, http2=True)],
                                dynamic_resources={"cds_config": source, "lds_config": source}))
        assert proxy.fetch().text == "a"
        return proxy

    def test_each_type_has_its_stream(self, proxy, server, variant):
        streams = {url: {request["stream"] for request in server.requests_of(url)}
                   for url in (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES)}
        assert all(len(numbers) == 1 for numbers in streams.values()) and len(set.union(*streams.values())) == 4
        assert {request["delta"] for request in server.requests} == {variant == "DELTA_GRPC"}

    def test_changes_arrive(self, proxy, server, hosts, variant):
        server.set(routes=[routes_to("b")])
        wait_until(lambda: proxy.fetch().text == "b", "the new route")
        server.set(endpoints=[assignment(name, hosts["a"].port) for name in "ab"])
        wait_until(lambda: proxy.fetch().text == "a", "the new endpoint")
        assert proxy.stat("http.in.rds.routes.update_success") >= 2

    def test_a_source_that_nobody_names_any_more_is_left(self, proxy, server, hosts):
        server.set(clusters=[cluster(name, hosts[name].port) for name in hosts], endpoints=[])
        wait_until(lambda: not dump(proxy, "ClustersConfigDump", "dynamic_warming_clusters")
                   and proxy.fetch().text == "a", "static clusters")
        server.set(clusters=[cluster("a", hosts["b"].port)])
        wait_until(lambda: proxy.fetch().text == "b", "clusters still come")
