"""Istio's own HTTP filters in a static configuration: metadata exchange in headers, and the metrics made from it."""

import json
import re
import subprocess

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http, listener, route, typed
from support.proxy import Proxy, binary
from support.upstream import Upstream, unused_port
from support.waiting import wait_until

pytestmark = pytest.mark.remora_only("it has none of Istio's filters")

SERVICE = {"istio": {"services": [{"host": "reviews.default.svc.cluster.local", "name": "reviews", "namespace": "default"}]}}


def node(name, version):
    return {"id": f"sidecar~127.0.0.1~{name}.default~test", "cluster": name,
            "metadata": {"WORKLOAD_NAME": f"{name}-{version}", "NAMESPACE": "default", "CLUSTER_ID": "Kubernetes",
                         "LABELS": {"app": name, "version": version}}}


def exchange(side):
    """As istiod writes it: a TypedStruct around the message's JSON form."""
    value = {f"{side}_discovery": [{"istio_headers": {}}, {"workload_discovery": {}}],
             f"{side}_propagation": [{"istio_headers": {}}]}
    return {"name": "istio.metadata_exchange", "typed_config": typed(
        "udpa.type.v1.TypedStruct", type_url="type.googleapis.com/io.istio.http.peer_metadata.Config", value=value)}


def stats(**more):
    return {"name": "istio.stats", "typed_config": typed("stats.PluginConfig", **more)}


def sidecar(direction, to, own_node, metadata=None, workload=None):
    side = "downstream" if direction == "INBOUND" else "upstream"
    filters = [exchange(side), stats(**({"disable_host_header_fallback": True} if direction == "INBOUND" else {}))]
    host = endpoint(to, metadata=None)
    if workload:
        host["metadata"] = {"filter_metadata": {"istio": {"workload": workload}}}
    more = {"metadata": {"filter_metadata": metadata}} if metadata else {}
    return bootstrap([listener(http([route(to="up")], filters=filters), traffic_direction=direction)],
                     [cluster("up", host, **more)], node=own_node)


@pytest.fixture(scope="module")
def mesh():
    """client sidecar -> server sidecar -> application."""
    with Upstream() as app, Proxy(sidecar("INBOUND", app.port, node("reviews", "v2"))) as server, \
            Proxy(sidecar("OUTBOUND", server.port(), node("web", "v1"), metadata=SERVICE)) as client:
        yield client, server, app


def series(proxy, name="istio_requests_total"):
    found = []
    for line in proxy.admin("/stats/prometheus").text.splitlines():
        if match := re.fullmatch(re.escape(name) + r"\{(.*)\} (\d+)", line):
            found.append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1])), int(match[2])))
    return found


def total(proxy, name="istio_requests_total", **labels):
    return sum(value for seen, value in series(proxy, name) if labels.items() <= seen.items())


def test_both_sides_know_each_other(mesh):
    client, server, _ = mesh
    before = total(client, destination_version="v2")
    assert client.fetch().status == 200
    wait_until(lambda: total(client, destination_version="v2") == before + 1, "the request in the client's metrics")
    both = {"source_workload": "web-v1", "source_app": "web", "source_version": "v1", "source_workload_namespace": "default",
            "destination_workload": "reviews-v2", "destination_app": "reviews", "destination_version": "v2",
            "destination_canonical_service": "reviews", "destination_canonical_revision": "v2",
            "destination_cluster": "Kubernetes", "response_code": "200", "response_flags": "-"}
    assert total(client, reporter="source", connection_security_policy="unknown",
                 destination_service="reviews.default.svc.cluster.local", **both) >= 1
    wait_until(lambda: total(server, reporter="destination", connection_security_policy="none",
                             destination_service="reviews", **both) >= 1, "the same in the server's metrics")


def test_identities_stay_between_the_proxies(mesh):
    client, _, app = mesh
    response = client.fetch(headers=[("x-envoy-peer-metadata", "forged"), ("x-envoy-peer-metadata-id", "forged")])
    assert response.status == 200
    for message in (app.last, response):
        assert not message.has("x-envoy-peer-metadata") and not message.has("x-envoy-peer-metadata-id")


def test_a_client_outside_the_mesh_is_unknown_and_told_nothing(mesh):
    _, server, _ = mesh
    response = server.fetch()
    assert not response.has("x-envoy-peer-metadata") and not response.has("x-envoy-peer-metadata-id")
    wait_until(lambda: total(server, source_workload="unknown", source_canonical_revision="latest") >= 1, "an unknown source")


def test_a_peer_that_sends_nonsense_is_unknown(mesh):
    _, server, _ = mesh
    before = total(server, source_workload="unknown")
    assert server.fetch(headers=[("x-envoy-peer-metadata", "!" * 3000)]).status == 200
    wait_until(lambda: total(server, source_workload="unknown") == before + 1, "an unknown source")


def test_every_request_is_in_the_histograms_and_under_both_names(mesh):
    _, server, _ = mesh
    server.fetch(body=b"12345", method="POST")
    counts = {name: total(server, name) for name in ("istio_requests_total", "istio_request_total",
                                                      "istio_request_duration_milliseconds_count",
                                                      "istio_request_bytes_count", "istio_response_bytes_count")}
    assert len(set(counts.values())) == 1, counts


def test_an_endpoint_of_the_mesh_without_a_sidecar_is_known_from_its_metadata(start, closing):
    app = closing(Upstream())
    client = start(sidecar("OUTBOUND", app.port, node("web", "v1"), metadata=SERVICE,
                           workload="reviews-v3;default;reviews;v3;Kubernetes"))
    client.fetch()
    wait_until(lambda: total(client, destination_workload="reviews-v3", destination_version="v3") == 1, "reviews-v3")


def test_unreachable_server(start):
    client = start(sidecar("OUTBOUND", unused_port(), node("web", "v1")))
    assert client.fetch(host="shop:80").status == 503
    wait_until(lambda: total(client, response_code="503", response_flags="UF", destination_service="shop:80") == 1,
               "the failure in the metrics")


@pytest.mark.parametrize("config, field", [
    ({"metrics": [{"drop": True}]}, "metrics[0]"),
    ({"definitions": [{"name": "mine"}]}, "definitions[0]"),
    ({"rotation_interval": "60s"}, "rotation_interval")])
def test_what_is_not_implemented_is_refused_by_path(tmp_path, config, field):
    path = tmp_path / "bootstrap.json"
    path.write_text(json.dumps(bootstrap([listener(http([route(respond=(200, ""))], filters=[stats(**config)]))])))
    result = subprocess.run([binary(), "--mode", "validate", "-c", str(path)], capture_output=True, text=True, timeout=20)
    assert result.returncode == 1
    assert f"http_filters[0].typed_config.{field}: " in result.stdout + result.stderr
