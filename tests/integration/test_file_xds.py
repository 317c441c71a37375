"""Configuration from files that are watched: path_config_source and path, for every type."""

import json
import os

import pytest

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES
from support.bootstrap import assignment, bootstrap, cluster, http, listener, route, routing, virtual_host
from support.upstream import Upstream
from support.waiting import wait_until


class Files:
    """One file for each type; a new content is moved into its place, as tools that do not want it read half do."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return str(self.folder / name)

    def source(self, name, **more):
        return {"path_config_source": {"path": self.path(name), **more}, "resource_api_version": "V3"}

    def write(self, name, url, *resources, version="1"):
        self.put(name, json.dumps({"version_info": version, "resources": [{"@type": url, **entry} for entry in resources]}))

    def put(self, name, text):
        draft = self.folder / f".{name}"
        draft.write_text(text)
        os.replace(draft, self.folder / name)


def routes_to(cluster_name):
    return routing(virtual_host(route(to=cluster_name, timeout="20s")))


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def hosts(closing):
    return {name: closing(Upstream(name)) for name in ("a", "b")}


@pytest.fixture
def proxy(start, files, hosts):
    files.write("clusters.json", CLUSTERS, *(cluster(name, eds=files.source("endpoints.json")) for name in hosts))
    files.write("endpoints.json", ENDPOINTS, *(assignment(name, host.port) for name, host in hosts.items()))
    files.write("listeners.json", LISTENERS,
                listener(http(rds={"route_config_name": "routes", "config_source": {"path": files.path("routes.json")}})))
    files.write("routes.json", ROUTES, routes_to("a"))
    config = bootstrap(dynamic_resources={"cds_config": files.source("clusters.json"),
                                          "lds_config": files.source("listeners.json")})
    del config["node"]
    proxy = start(config)
    assert proxy.fetch().text == "a"
    return proxy


def test_every_type_is_followed(proxy, files, hosts):
    files.write("routes.json", ROUTES, routes_to("b"))
    wait_until(lambda: proxy.fetch().text == "b", "the new route")
    files.write("endpoints.json", ENDPOINTS, *(assignment(name, hosts["a"].port) for name in hosts))
    wait_until(lambda: proxy.fetch().text == "a", "the new endpoint")
    files.write("clusters.json", CLUSTERS, cluster("b", hosts["b"].port), version="2")
    wait_until(lambda: proxy.fetch().text == "b", "a cluster without a file")
    assert proxy.stat("cluster_manager.cds.update_success") == 2
    files.write("listeners.json", LISTENERS, listener(http([route(respond=(200, "no routes file"))])))
    wait_until(lambda: proxy.fetch().text == "no routes file", "the new listener")


def test_a_bad_file_leaves_what_was_there(proxy, files, hosts):
    files.put("routes.json", "{half a")
    wait_until(lambda: proxy.stat("http.in.rds.routes.update_failure") == 1, "the file was read")
    files.write("clusters.json", CLUSTERS, cluster("a", hosts["b"].port, connect_timeout="-1s"), cluster("b", hosts["a"].port))
    wait_until(lambda: proxy.stat("xds.refused_clusters") == 1, "the bad cluster was refused")
    assert proxy.fetch().text == "a"
    files.write("routes.json", ROUTES, routes_to("b"))
    wait_until(lambda: proxy.stat("http.in.rds.routes.update_success") == 2, "the good file was read")
    assert proxy.fetch().text == "a", "b, the good cluster of the file with the bad one, goes to a"


def test_what_a_file_does_not_have_is_not_waited_for(start, files, hosts):
    files.write("endpoints.json", ENDPOINTS, assignment("other", hosts["a"].port))
    files.write("clusters.json", CLUSTERS, cluster("a", eds=files.source("endpoints.json")))
    files.write("listeners.json", LISTENERS, listener(http([route(to="a")])))
    proxy = start(bootstrap(dynamic_resources={"cds_config": files.source("clusters.json"),
                                               "lds_config": files.source("listeners.json")}))
    assert proxy.fetch().status == 503
    files.write("endpoints.json", ENDPOINTS, assignment("a", hosts["a"].port))
    wait_until(lambda: proxy.fetch().text == "a", "the endpoint that came")


def test_a_watched_directory_says_when(start, files, hosts, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    files.write("routes.json", ROUTES, routes_to("a"))
    (elsewhere / "routes.json").symlink_to(tmp_path / "routes.json")
    source = {"path_config_source": {"path": str(elsewhere / "routes.json"), "watched_directory": {"path": str(tmp_path)}}}
    proxy = start(bootstrap([listener(http(rds={"route_config_name": "routes", "config_source": source}))],
                            [cluster(name, host.port) for name, host in hosts.items()]))
    wait_until(lambda: proxy.fetch().text == "a", "the routes")
    files.write("routes.json", ROUTES, routes_to("b"))
    wait_until(lambda: proxy.fetch().text == "b", "the routes that changed in the watched directory")
