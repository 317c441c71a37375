"""Configuration over ADS: order, ACK and NACK, warming, updates under load, and a management server that fails."""

import socket
import threading

import pytest
from google.protobuf import any_pb2

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, AdsServer, pack
from support.bootstrap import (TYPE, assignment, bootstrap, cluster, http, http_listener, listener, over_ads, route,
                               routing, virtual_host)
from support.http_client import ConnectionClosed, fetch
from support.load import Load
from support.upstream import Upstream, reply
from support.waiting import wait_until


def rds(name="routes"):
    return {"route_config_name": name, "config_source": over_ads()}


def eds_cluster(name):
    return cluster(name, eds=over_ads())


def dynamic_listener(name="in", **more):
    return listener(http(rds=rds(), stat_prefix=name), name=name, **more)


def routes_to(cluster_name, **more):
    return routing(virtual_host(route(to=cluster_name, timeout="20s")), **more)


def split(**weights):
    return routing(virtual_host(route(split=weights)))


@pytest.fixture
def ads(closing):
    return closing(AdsServer())


@pytest.fixture
def hosts(closing):
    return {name: closing(Upstream(name)) for name in ("a", "b")}


@pytest.fixture
def serving(start, ads, hosts):
    """A proxy that got everything over ADS: clusters a and b, one listener, routes to a."""
    ads.serve_all([eds_cluster("a"), eds_cluster("b")],
                  [assignment(name, upstream.port) for name, upstream in hosts.items()],
                  [dynamic_listener()], [routes_to("a")])
    proxy = start(bootstrap(ads=ads.port))
    assert proxy.fetch().text == "a"
    return proxy


class TestSubscription:
    def test_resources_are_asked_for_in_order_and_by_name(self, serving, ads):
        types = []
        for _, request in ads.requests:
            if request.type_url not in types:
                types.append(request.type_url)
        assert types.index(CLUSTERS) < types.index(ENDPOINTS) < types.index(LISTENERS) < types.index(ROUTES)
        assert not ads.requests_of(CLUSTERS)[0].resource_names
        assert set(ads.requests_of(ENDPOINTS)[0].resource_names) == {"a", "b"}
        assert list(ads.requests_of(ROUTES)[0].resource_names) == ["routes"]

    def test_first_request_tells_the_node(self, serving, ads):
        first = ads.requests[0][1]
        assert (first.node.id, first.node.cluster) == ("test-node", "test-cluster")
        assert (first.version_info, first.response_nonce) == ("", "")

    @pytest.mark.parametrize("type_url", [CLUSTERS, ENDPOINTS, LISTENERS, ROUTES])
    def test_accepted_version_is_acknowledged_with_its_nonce(self, serving, ads, type_url):
        ack = ads.wait_ack(type_url)
        assert ack.version_info == "1" and ack.response_nonce
        assert not ack.HasField("error_detail")

    def test_versions_show_in_the_configuration_dump(self, serving, ads):
        ads.wait_ack(ROUTES)
        dump = {entry["@type"].rpartition(".")[2]: entry for entry in serving.admin_json("/config_dump")["configs"]}
        assert dump["ClustersConfigDump"]["version_info"] == "1"
        names = {entry["cluster"]["name"] for entry in dump["ClustersConfigDump"]["dynamic_active_clusters"]}
        assert names == {"a", "b"}
        [entry] = dump["ListenersConfigDump"]["dynamic_listeners"]
        assert entry["name"] == "in" and entry["active_state"]["version_info"] == "1"
        [entry] = dump["RoutesConfigDump"]["dynamic_route_configs"]
        assert entry["version_info"] == "1" and entry["route_config"]["name"] == "routes"

    def test_statistics_of_the_subscriptions(self, serving, ads):
        ads.wait_ack(ROUTES)
        stats = serving.stats("cds|lds|rds|control_plane")
        assert stats["cluster_manager.cds.update_success"] == stats["listener_manager.lds.update_success"] == 1
        assert stats["cluster_manager.cds.update_rejected"] == 0
        assert stats["control_plane.connected_state"] == 1
        assert stats["http.in.rds.routes.update_success"] == 1


class TestUpdates:
    def test_routes(self, serving, ads):
        ads.set(ROUTES, [routes_to("b")])
        ads.wait_ack(ROUTES)
        wait_until(lambda: serving.fetch().text == "b", "the new route")

    def test_endpoints(self, serving, ads, hosts):
        ads.set(ENDPOINTS, [assignment("a", hosts["b"].port), assignment("b", hosts["b"].port)])
        ads.wait_ack(ENDPOINTS)
        wait_until(lambda: serving.fetch().text == "b", "the new endpoint")

    def test_all_endpoints_gone_is_503(self, serving, ads, hosts):
        ads.set(ENDPOINTS, [assignment("a"), assignment("b", hosts["b"].port)])
        wait_until(lambda: serving.fetch().status == 503, "no endpoint left")
        ads.set(ENDPOINTS, [assignment("a", hosts["a"].port), assignment("b", hosts["b"].port)])
        wait_until(lambda: serving.fetch().text == "a", "the endpoint back")

    def test_added_cluster_and_route(self, serving, ads, closing):
        third = closing(Upstream("c"))
        ads.set(CLUSTERS, [eds_cluster(name) for name in "abc"])
        request = ads.wait_request(ENDPOINTS, lambda request: "c" in request.resource_names, "c among the names")
        assert set(request.resource_names) == {"a", "b", "c"}
        ads.set(ENDPOINTS, [assignment("c", third.port)])
        ads.wait_ack(ENDPOINTS)
        ads.set(ROUTES, [routes_to("c")])
        wait_until(lambda: serving.fetch().text == "c", "the new cluster")

    def test_removed_cluster_is_gone(self, serving, ads):
        ads.set(CLUSTERS, [eds_cluster("b")])
        ads.wait_ack(CLUSTERS)
        wait_until(lambda: serving.fetch().status == 503, "the cluster gone")
        assert serving.wait_stat("http.in.no_cluster") >= 1
        wait_until(lambda: serving.stat("cluster_manager.active_clusters") == 2, "one cluster and the management server")
        assert "a::" not in serving.admin("/clusters").text.replace("test", "")

    def test_removed_endpoint_finishes_its_requests(self, start, ads, closing):
        release = threading.Event()

        def slow(connection):
            while connection.read_request():
                release.wait(20)
                connection.send(reply(200, {}, "slow"))

        upstream, other = closing(Upstream("slow", script=slow)), closing(Upstream("other"))
        ads.serve_all([eds_cluster("a")], [assignment("a", upstream.port)], [dynamic_listener()], [routes_to("a")])
        proxy = start(bootstrap(ads=ads.port))
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            upstream.wait_for(1)
            ads.set(ENDPOINTS, [assignment("a", other.port)])
            ads.wait_ack(ENDPOINTS)
            wait_until(lambda: proxy.fetch().text == "other", "the new endpoint")
            release.set()
            assert client.response().text == "slow"

    def test_removed_listener_is_closed(self, serving, ads):
        port = serving.port()
        ads.set(LISTENERS, [])
        ads.wait_ack(LISTENERS)

        def refused():
            try:
                fetch(port)
            except (OSError, ConnectionClosed):
                return True

        wait_until(refused, "the listener closed")
        wait_until(lambda: serving.listeners() == {}, "no listener left")

    def test_added_listener(self, serving, ads):
        ads.set(LISTENERS, [dynamic_listener(), dynamic_listener("second")])
        ads.wait_ack(LISTENERS)
        wait_until(lambda: "second" in serving.listeners(), "the second listener")
        assert serving.fetch(listener="second").text == "a"

    def test_listener_with_other_settings(self, serving, ads):
        changed = listener(http(rds=rds(), stat_prefix="in", server_name="changed"))
        ads.set(LISTENERS, [changed])
        ads.wait_ack(LISTENERS)

        def port_of_newest():
            serving.ports.clear()
            return serving.fetch().get("server") == "changed"

        wait_until(port_of_newest, "the new listener")

    def test_unchanged_resources_cost_nothing(self, serving, ads):
        """The same resources under a new version: acknowledged, and neither rebuilt nor drained."""
        before = serving.stats("listener_(added|modified|in_place)|cluster_(added|modified)")
        with serving.connect() as client:
            assert client.request().text == "a"
            ads.set(CLUSTERS, [eds_cluster("a"), eds_cluster("b")])
            ads.set(LISTENERS, [dynamic_listener()])
            ads.set(ROUTES, [routes_to("a")])
            for type_url in (CLUSTERS, LISTENERS, ROUTES):
                ads.wait_ack(type_url)
            for _ in range(5):
                assert not client.request().has("connection")
        assert serving.stats("listener_(added|modified|in_place)|cluster_(added|modified)") == before

    def test_weight_changes_under_load_lose_no_request(self, serving, ads):
        with Load(serving.port()) as load:
            for weights in ({"a": 90, "b": 10}, {"a": 50, "b": 50}, {"a": 0, "b": 100}, {"a": 100, "b": 0}) * 3:
                ads.set(ROUTES, [split(**weights)])
                ads.wait_ack(ROUTES)
            load.wait_for("a")
            ads.set(ROUTES, [split(a=0, b=100)])
            load.wait_for("b")
        load.assert_nothing_lost()

    def test_clusters_and_endpoints_change_under_load_lose_no_request(self, serving, ads, hosts):
        ports = [hosts["a"].port, hosts["b"].port]
        with Load(serving.port()) as load:
            for index in range(10):
                ads.set(ENDPOINTS, [assignment("a", *ports[:1 + index % 2]), assignment("b", ports[1])])
                ads.wait_ack(ENDPOINTS)
                changed = cluster("a", eds=over_ads(), connect_timeout=f"{index + 1}s")
                ads.set(CLUSTERS, [changed, eds_cluster("b")])
                ads.wait_ack(CLUSTERS)
            load.wait_for("a")
        load.assert_nothing_lost()


class TestWarming:
    def test_cluster_waits_for_its_endpoints(self, serving, ads, closing):
        third = closing(Upstream("c"))
        ads.set(CLUSTERS, [eds_cluster(name) for name in "abc"])
        ads.wait_request(ENDPOINTS, lambda request: "c" in request.resource_names, "c among the names")
        wait_until(lambda: serving.stat("cluster_manager.warming_clusters") == 1, "c is warming")
        assert "c::" not in [line[:3] for line in serving.admin("/clusters").text.splitlines()]
        ads.set(ENDPOINTS, [assignment("c", third.port)])
        wait_until(lambda: serving.stat("cluster_manager.warming_clusters") == 0, "c is warm")
        assert "\nc::" in serving.admin("/clusters").text

    def test_old_cluster_serves_while_the_new_one_warms(self, serving, ads, hosts):
        ads.muted.add(ENDPOINTS)
        ads.set(CLUSTERS, [cluster("a", eds=over_ads(), connect_timeout="9s"), eds_cluster("b")])
        # A proxy that remembers the endpoints may use them at once; Envoy warms until they come again.
        wait_until(lambda: serving.stat("cluster_manager.warming_clusters") == 1
                   or ads.requests_of(CLUSTERS)[-1].version_info == "2", "the new cluster warming or in use")
        for _ in range(20):
            assert serving.fetch().text == "a"
        ads.muted.clear()
        ads.set(ENDPOINTS, [assignment("a", hosts["b"].port), assignment("b", hosts["b"].port)])
        wait_until(lambda: serving.fetch().text == "b", "the new cluster serving")

    def test_listener_waits_for_its_routes(self, start, ads, hosts):
        ads.set(CLUSTERS, [eds_cluster("a")])
        ads.set(ENDPOINTS, [assignment("a", hosts["a"].port)])
        ads.set(LISTENERS, [dynamic_listener()])
        proxy = start(bootstrap(ads=ads.port), wait_ready=False)
        ads.wait_request(ROUTES)
        assert proxy.admin("/ready").status == 503
        ads.set(ROUTES, [routes_to("a")])
        proxy.wait_ready()
        assert proxy.fetch().text == "a"

    def test_old_listener_serves_while_the_new_one_warms(self, serving, ads):
        changed = listener(http(rds=rds("other"), stat_prefix="in"))
        ads.set(LISTENERS, [changed])
        ads.wait_request(ROUTES, lambda request: "other" in request.resource_names, "the other route")
        for _ in range(20):
            assert serving.fetch().text == "a"
        ads.set(ROUTES, [routes_to("a"), routes_to("b", name="other")])

        def served_by_new():
            serving.ports.clear()
            return serving.fetch().text == "b"

        wait_until(served_by_new, "the new listener")

    def test_missing_endpoints_are_given_up_after_the_fetch_timeout(self, start, ads):
        ads.set(CLUSTERS, [cluster("a", eds=over_ads("0.3s"))])
        ads.set(LISTENERS, [http_listener(route(to="a"))])
        proxy = start(bootstrap(ads=ads.port))
        assert proxy.fetch().status == 503
        assert proxy.wait_stat("cluster.a.init_fetch_timeout") == 1


def bad(type_url, name="broken"):
    """A resource of each type that every proxy must refuse."""
    return {
        CLUSTERS: {"name": name, "type": "EDS", "connect_timeout": "1s"},
        ENDPOINTS: assignment("a", {"endpoint": {"address": {"socket_address": {"address": "no.ip.address", "port_value": 1}}}}),
        LISTENERS: {**dynamic_listener(name), "filter_chains": [{"filters": [{"name": "unknown", "typed_config": {
            "@type": TYPE + "envoy.config.route.v3.RouteConfiguration"}}]}]},
        ROUTES: routing(virtual_host(route(to="a"), domains=["x.local", "x.local"])),
    }[type_url]


class TestRefusal:
    @pytest.mark.parametrize("type_url", [CLUSTERS, ENDPOINTS, LISTENERS, ROUTES])
    def test_bad_resource_is_refused_and_the_last_good_one_serves(self, serving, ads, type_url):
        ads.wait_ack(type_url)
        good = ads.resources[type_url]
        before = len(ads.requests_of(type_url))
        ads.set(type_url, [bad(type_url)] if type_url != LISTENERS else [dynamic_listener(), bad(type_url)])
        nack = ads.wait_nack(type_url)
        assert nack.version_info == "1", "a NACK repeats the last accepted version"
        assert nack.response_nonce == ads.last_nonce[type_url] and nack.error_detail.code != 0 and nack.error_detail.message
        if type_url != CLUSTERS:  # A new full set of clusters without `a` would remove it.
            assert serving.fetch().text == "a"
        ads.set(type_url, good, version="3")
        assert ads.wait_ack(type_url, "3")
        wait_until(lambda: serving.fetch().text == "a", "serving as before")
        assert len(ads.requests_of(type_url)) < before + 10, "a refused version must not cause a storm of requests"

    def test_good_resources_beside_a_bad_one_are_used(self, serving, ads, hosts):
        ads.set(CLUSTERS, [eds_cluster("a"), eds_cluster("b"), bad(CLUSTERS), cluster("c", hosts["b"].port)])
        ads.wait_nack(CLUSTERS, "broken")
        wait_until(lambda: "\nc::" in serving.admin("/clusters").text, "the good one added")
        assert serving.fetch().text == "a"

    def test_every_bad_resource_is_named(self, serving, ads):
        ads.set(CLUSTERS, [eds_cluster("a"), eds_cluster("b"), bad(CLUSTERS, "broken-1"), bad(CLUSTERS, "broken-2")])
        nack = ads.wait_nack(CLUSTERS, "broken-1")
        assert "broken-2" in nack.error_detail.message

    def test_what_has_no_effect_is_said_once(self, serving, ads):
        """It stands in thousands of resources of one program, and comes again with every change."""
        def routes(to):
            return routing(*(virtual_host(route(to=to, timeout="20s", decorator={"operation": "mine"}), name=name, domains=[domain])
                             for name, domain in (("all", "*"), ("other", "other.test"))))

        ads.set(ROUTES, [routes("b")])
        wait_until(lambda: serving.fetch().text == "b", "routes that name a span are taken")
        ads.set(ROUTES, [routes("a")])
        wait_until(lambda: serving.fetch().text == "a", "and again")
        said = [line for line in serving.log.splitlines() if "decorator" in line]
        assert len(said) == 1 and "'routes': virtual_hosts[0].routes[0].decorator: " in said[0], serving.log

    @pytest.mark.remora_only("it refuses each at once")
    def test_a_storm_of_bad_versions_is_not_answered_by_one_of_refusals(self, serving, ads):
        for number in range(100):
            ads.set(ROUTES, [bad(ROUTES)], version=f"bad-{number}")
        serving.wait_stat("control_plane.rate_limit_enforced")
        ads.set(ROUTES, [routes_to("b")], version="good")
        wait_until(lambda: serving.fetch().text == "b", "the good version used")
        assert ads.wait_ack(ROUTES, "good")
        nacks = [request for request in ads.requests_of(ROUTES) if request.error_detail.message]
        assert 1 <= len(nacks) < 50, "some are told, the rest is held back"

    def test_refusal_is_counted_and_shown(self, serving, ads):
        ads.set(ROUTES, [bad(ROUTES)])
        ads.wait_nack(ROUTES)
        assert serving.wait_stat("http.in.rds.routes.update_rejected") == 1
        ads.set(LISTENERS, [dynamic_listener(), bad(LISTENERS)])
        ads.wait_nack(LISTENERS)
        assert serving.wait_stat("listener_manager.lds.update_rejected") == 1
        dump = {entry["@type"].rpartition(".")[2]: entry for entry in serving.admin_json("/config_dump")["configs"]}
        errors = [entry["error_state"] for entry in dump["ListenersConfigDump"]["dynamic_listeners"] if "error_state" in entry]
        assert errors and errors[0]["details"]

    def test_duplicate_names_are_refused(self, serving, ads):
        ads.set(CLUSTERS, [eds_cluster("a"), eds_cluster("b"), eds_cluster("b")])
        ads.wait_nack(CLUSTERS, "duplicate cluster b")

    @pytest.mark.parametrize("resource", [
        any_pb2.Any(type_url=CLUSTERS, value=b"\xff\xff\xff garbage"),
        any_pb2.Any(type_url=LISTENERS, value=b""),
        any_pb2.Any(type_url="type.googleapis.com/no.such.Type", value=b"x")])
    def test_resource_that_is_none_is_refused(self, serving, ads, resource):
        ads.set(CLUSTERS, [resource])
        ads.wait_nack(CLUSTERS)
        assert serving.fetch().text == "a"

    def unknown_field(self):
        packed = pack(CLUSTERS, eds_cluster("a"))
        return any_pb2.Any(type_url=CLUSTERS, value=packed.value + b"\xfa\xff\x03\x01x")  # Field 8191, a byte string.

    def test_unknown_dynamic_fields_are_counted_by_default(self, serving, ads):
        ads.set(CLUSTERS, [self.unknown_field(), eds_cluster("b")])
        ads.wait_ack(CLUSTERS)
        assert serving.wait_stat("server.dynamic_unknown_fields") >= 1

    def test_unknown_dynamic_fields_can_be_refused(self, start, ads, hosts):
        ads.serve_all([self.unknown_field()], [assignment("a", hosts["a"].port)], [dynamic_listener()], [routes_to("a")])
        start(bootstrap(ads=ads.port), "--reject-unknown-dynamic-fields", wait_ready=False)
        ads.wait_nack(CLUSTERS)

    @pytest.mark.remora_only("it implements these fields")
    def test_field_that_is_not_implemented_is_named_by_its_path(self, serving, ads):
        unsupported = eds_cluster("b") | {"lb_policy": "LOAD_BALANCING_POLICY_CONFIG"}
        ads.set(CLUSTERS, [eds_cluster("a"), unsupported])
        ads.wait_nack(CLUSTERS, "lb_policy")
        assert serving.fetch().text == "a"


class TestManagementServerFails:
    def test_killed_and_back(self, serving, ads, hosts):
        ads.wait_ack(ROUTES)
        with Load(serving.port()) as load:
            ads.stop()
            wait_until(lambda: serving.stat("control_plane.connected_state") == 0, "the loss noticed")
            load.wait_for("a")
            streams = len(ads.streams)
            ads.start()
            wait_until(lambda: len(ads.streams) > streams, "a new stream")
            ads.set(ROUTES, [routes_to("b")])
            load.wait_for("b")
        load.assert_nothing_lost()
        first = ads.wait_request(CLUSTERS, stream=streams)
        firsts = [request for number, request in ads.requests if number == streams]
        assert firsts[0].node.id == "test-node", "a new stream begins with the node"
        assert firsts[0].response_nonce == "", "nonces belong to a stream"
        assert first is not None

    def test_absent_at_the_start(self, start, closing, hosts):
        ads = closing(AdsServer())
        ads.stop()
        static = http_listener(route(to="static"), name="static")
        config = bootstrap([static], [cluster("static", hosts["a"].port)], ads=ads.port)
        for key in ("cds_config", "lds_config"):
            config["dynamic_resources"][key] = over_ads("0.3s")
        proxy = start(config)
        assert proxy.fetch(listener="static").text == "a"
        ads.serve_all([eds_cluster("a")], [assignment("a", hosts["b"].port)], [dynamic_listener()], [routes_to("a")])
        ads.start()
        assert proxy.fetch().text == "b"

    def test_garbage_message(self, serving, ads):
        ads.wait_ack(ROUTES)
        with Load(serving.port()) as load:
            ads.send_raw(b"\xff\xff\xff\xff not a message")
            ads.set(ROUTES, [routes_to("b")])  # On the stream as it is, or on the next one.
            load.wait_for("b")
        load.assert_nothing_lost()

    def test_garbage_instead_of_grpc(self, serving, ads):
        port = ads.port
        ads.stop()
        wait_until(lambda: serving.stat("control_plane.connected_state") == 0, "the loss noticed")
        said = threading.Event()

        def talk(server):
            while True:
                try:
                    sock, _ = server.accept()
                    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n\x00\xff garbage" * 100)
                    said.set()
                    sock.close()
                except OSError:
                    return

        server = wait_until(lambda: listen_again(port), "the port free")
        thread = threading.Thread(target=talk, args=(server,), daemon=True)
        thread.start()
        with Load(serving.port()) as load:
            assert said.wait(60), "no attempt to reconnect"
            load.wait_for("a")
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        load.assert_nothing_lost()
        ads.start()
        ads.set(ROUTES, [routes_to("b")])
        wait_until(lambda: serving.fetch().text == "b", "configuration flowing again", deadline=60)

    def test_unknown_type_in_a_response_hurts_nobody(self, serving, ads):
        ads.send(ads.current, "type.googleapis.com/no.such.Type", [], "1")
        ads.set(ROUTES, [routes_to("b")])
        wait_until(lambda: serving.fetch().text == "b", "the stream still in use")


def listen_again(port):
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return None
