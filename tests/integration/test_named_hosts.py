"""Hosts of the mesh whose endpoints proxies look up by name (ServiceEntry with resolution DNS and DNS_ROUND_ROBIN), and other names of
hosts (Services of type ExternalName). The only names that every machine knows are localhost and, by RFC 6761, those below it.
"""

import pytest

from support.mesh import Mesh
from support.upstream import Upstream
from support.waiting import wait_until


@pytest.fixture(name="upstream")
def fixture_upstream(closing):
    return closing(Upstream("named"))


@pytest.fixture(name="mesh", params=["remora", "envoy"])
def fixture_mesh(request, tmp_path, closing):
    class Named(Mesh):
        client_kind = request.param
        api_type = "DELTA_GRPC" if request.param == "remora" else "GRPC"

    workload = closing(Upstream("workload"))
    return Named(tmp_path / "config", "myapp", {"a": (workload, {})}, closing).wait_serving()


def entry(mesh, host, upstream, resolution="DNS", **spec):
    return {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "named"}, "spec": {
        "hosts": [host], "location": "MESH_EXTERNAL", "resolution": resolution,
        "ports": [{"number": mesh.port, "name": "http", "targetPort": upstream.port}], **spec}}


def wait_answer(mesh, host, text):
    """Until a request to the host is answered so; "" where it is refused."""
    def answer():
        response = mesh.fetch(host=host)
        return response.text if response.status == 200 else ""
    wait_until(lambda: answer() == text, lambda: (
        f"{host} answering {text!r}, not {answer()!r}; the control plane says {mesh.control.findings()}"))


def cluster_of(mesh, host):
    dump = mesh.client.admin_json("/config_dump")
    for part in dump["configs"]:
        for found in part.get("dynamic_active_clusters", []):
            if found["cluster"]["name"].endswith(f"||{host}"):
                return found["cluster"]
    return None


def addresses(cluster):
    return [(each["endpoint"]["address"]["socket_address"]["address"], each["endpoint"]["address"]["socket_address"]["port_value"])
            for group in cluster["load_assignment"]["endpoints"] for each in group["lb_endpoints"]]


def test_a_host_is_looked_up_by_its_own_name(mesh, upstream):
    mesh.apply("named.yaml", entry(mesh, "api.localhost", upstream))
    cluster = wait_until(lambda: cluster_of(mesh, "api.localhost"), "the cluster")
    assert (cluster["type"], cluster["dns_lookup_family"], cluster["respect_dns_ttl"]) == ("STRICT_DNS", "V4_ONLY", True)
    assert addresses(cluster) == [("api.localhost", upstream.port)]
    if mesh.client_kind == "envoy":  # whose c-ares knows the names below localhost by itself
        wait_answer(mesh, "api.localhost", "named")
    mesh.delete("named.yaml")
    wait_until(lambda: cluster_of(mesh, "api.localhost") is None, "the end of the cluster")


def test_endpoints_have_names(mesh, upstream, closing):
    other = closing(Upstream("other"))
    endpoints = [{"address": "localhost"}, {"address": "127.0.0.1", "ports": {"http": other.port}}]
    mesh.apply("named.yaml", entry(mesh, "api.example.test", upstream, endpoints=endpoints))
    seen = set()
    wait_until(lambda: seen.add(mesh.fetch(host="api.example.test").text) or {"named", "other"} <= seen, lambda: f"both, not {seen}")


def test_one_name_in_turn_is_a_logical_host(mesh, upstream):
    mesh.apply("named.yaml", entry(mesh, "api.example.test", upstream, "DNS_ROUND_ROBIN", endpoints=[{"address": "localhost"}]))
    wait_answer(mesh, "api.example.test", "named")
    assert cluster_of(mesh, "api.example.test")["type"] == "LOGICAL_DNS"


def test_another_name_of_a_host_leads_there(mesh, upstream):
    alias = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old"},
             "spec": {"type": "ExternalName", "externalName": mesh.host}}
    mesh.apply("old.yaml", alias)
    wait_answer(mesh, "old", "workload")
    wait_answer(mesh, "old.default.svc.cluster.local", "workload")
    assert cluster_of(mesh, "old.default.svc.cluster.local") is None, "it is the host's own cluster"
    alias["spec"]["externalName"] = "api.example.test"
    mesh.apply("old.yaml", alias)
    wait_answer(mesh, "old", "")
    assert any("no Service or ServiceEntry defines" in str(finding) for finding in mesh.control.findings())
    mesh.apply("named.yaml", entry(mesh, "api.example.test", upstream, endpoints=[{"address": "localhost"}]))
    wait_answer(mesh, "old", "named")


def test_what_nobody_could_look_up_is_refused(mesh, upstream):
    mesh.apply("named.yaml", entry(mesh, "*.example.test", upstream))
    wait_until(lambda: "is no full name that could be looked up" in str(mesh.control.findings()),
               lambda: f"a finding, not {mesh.control.findings()}")
    assert mesh.fetch().text == "workload"
