"""The seeds' manifests in a real API server, and the traffic that they mean: pods as network namespaces, injected and intercepted."""

import collections
import os
import pathlib
import time

import pytest

from support.cluster_mesh import ClusterMesh
from support.pod_mesh import istio, pod_manifest, service
from support.pods import PodClient, unavailable
from support.proxy import ROOT
from support.upstream import Upstream, reply
from support.waiting import wait_until

SEEDS = pathlib.Path(os.environ.get("REMORA_SEEDS", ROOT.parent / "shared" / "seeds" / "manifests"))
API = "10.96.0.80"
RULE = "/apis/networking.istio.io/v1/namespaces/default/virtualservices/api"

pytestmark = [pytest.mark.skipif(bool(unavailable()), reason=unavailable() or ""),
              pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the seeds' manifests are not at {SEEDS}")]


@pytest.fixture(name="mesh", scope="module")
def _mesh(kubernetes, tmp_path_factory):
    """Three pods of v1, one of v2, a client, and a stranger without a sidecar."""
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    with ClusterMesh(kubernetes, tmp_path_factory.mktemp("mesh")) as mesh:
        mesh.stranger = mesh.network.pod("stranger")
        mesh.network.name("api", API)
        for name in ("api-deployments", "api-destination-rule", "api-virtual-service"):
            kubernetes.kubectl("apply", "--validate=strict", "-f", SEEDS / f"{name}.yaml")
        kubernetes.kubectl.apply(service("api", {"http": (8080, 8080)}, API))
        mesh.pods = {version: mesh.run_deployment(f"api-{version}") for version in ("v1", "v2")}
        mesh.apps = {pod.name: mesh.serve(pod, 8080, Upstream, pod.name, named(pod.name)) for pod in everyone(mesh)}
        mesh.client = mesh.run(pod_manifest("client"))
        mesh.publish("api", {"http": 8080}, everyone(mesh))
        kubernetes.kubectl.apply(istio("PeerAuthentication", "default", mtls={"mode": "STRICT"}))
        wait_until(lambda: refused(mesh, mesh.pods["v2"][0]), "plain text is refused")
        mesh.client.wait_answer("api", 8080)
        wait_until(lambda: set(split(mesh, 20)) <= {"v1", "v2"}, "the mesh serves")
        yield mesh


def named(pod):
    return lambda request: reply(200, {"x-pod": pod}, pod)


def everyone(mesh):
    return [*mesh.pods["v1"], *mesh.pods["v2"]]


def refused(mesh, pod):
    try:
        mesh.stranger.fetch(pod.name, 8080)
        return False
    except (OSError, AssertionError):
        return True


def answers(mesh, count):
    """How many answers each pod gives, and how many there are of another status."""
    seen = collections.Counter()
    with PodClient(mesh.client.connect("api", 8080)) as client:
        for _ in range(count):
            answer = client.request(host="api")
            seen[answer.text if answer.status == 200 else answer.status] += 1
    return seen


def split(mesh, count):
    """The same by version."""
    versions = collections.Counter()
    for pod, number in answers(mesh, count).items():
        versions[str(pod).removeprefix("api-").partition("-")[0]] += number
    return versions


def test_the_api_server_took_the_seeds_manifests_and_the_mesh_says_so(mesh):
    status = wait_until(lambda: mesh.kubernetes.request("GET", RULE).get("status", {}).get("conditions"), "the rule's condition")[0]
    assert (status["type"], status["status"]) == ("Reconciled", "True"), status
    assert [finding for finding in mesh.control.findings() if finding["severity"] == "error"] == []


def test_every_request_is_mutual_tls_between_the_pods_service_accounts(mesh):
    mesh.client.fetch("api", 8080)
    request = wait_until(lambda: [request for app in mesh.apps.values() for request in app.requests], "a request")[-1]
    assert "URI=spiffe://cluster.local/ns/default/sa/client" in request.get("x-forwarded-client-cert")
    assert "By=spiffe://cluster.local/ns/default/sa/default" in request.get("x-forwarded-client-cert")
    assert mesh.client.proxy.stats(r"api.*ssl[.]handshake$")


def test_a_plaintext_stranger_is_refused_by_every_pod(mesh):
    before = sum(len(app.requests) for app in mesh.apps.values())
    assert all(refused(mesh, pod) for pod in everyone(mesh))
    assert sum(len(app.requests) for app in mesh.apps.values()) == before
    assert mesh.stranger.fetch("client", 15021, "/healthz/ready").status == 200


def test_the_seeds_weights_are_seen_and_follow_kubectl(mesh):
    """90 to 10, of which 400 requests are 360 and 40, give or take 6."""
    versions = split(mesh, 400)
    assert set(versions) == {"v1", "v2"} and 330 <= versions["v1"] <= 385, versions
    mesh.kubernetes.kubectl("patch", "virtualservice", "api", "--type=json", "-p", """[
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 0},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 100}]""")
    wait_until(lambda: set(split(mesh, 20)) == {"v2"}, "all requests are v2's")
    mesh.kubernetes.kubectl("apply", "-f", SEEDS / "api-virtual-service.yaml")
    wait_until(lambda: split(mesh, 20)["v1"] > 10, "the seed's weights again")


def test_pods_that_are_not_ready_or_gone_get_no_request(mesh):
    pods = everyone(mesh)
    lost, gone = mesh.pods["v1"][0], mesh.pods["v1"][1]
    assert {lost.name, gone.name} <= set(answers(mesh, 60))
    mesh.publish("api", {"http": 8080}, pods, not_ready=[lost])
    wait_until(lambda: lost.name not in answers(mesh, 20), "the pod that is not ready gets nothing")
    mesh.publish("api", {"http": 8080}, [pod for pod in pods if pod is not gone])
    mesh.remove(gone)
    wait_until(lambda: {gone.name, lost.name} & set(answers(mesh, 40)) == {lost.name}, "the one that is gone neither")
    assert not [status for status in answers(mesh, 40) if isinstance(status, int)]


def test_the_api_servers_absence_does_not_stop_requests(mesh):
    """For a moment, or a minute where REMORA_REAL_MINUTES asks for that."""
    mesh.kubernetes.stop_server()
    end = time.monotonic() + (60 if os.environ.get("REMORA_REAL_MINUTES") else 1)
    seen = collections.Counter()
    try:
        wait_until(lambda: "cannot connect" in mesh.control.kind("services")["message"], "it is noticed")
        while time.monotonic() < end or sum(seen.values()) < 100:
            seen += split(mesh, 10)
    finally:
        mesh.kubernetes.start_server()
    while mesh.control.kind("services")["condition"] != "Watching":
        seen += split(mesh, 10)
    assert set(seen) <= {"v1", "v2"}, seen


# ------------------------------------------------------------------------------------------------ the other seeds

@pytest.fixture(name="myapp", scope="module")
def _myapp(mesh):
    """A pod of each version; v1 is blue and v2 is green."""
    mesh.network.name("myapp", "10.96.0.81")
    mesh.kubernetes.kubectl("apply", "--validate=strict", "-f", SEEDS / "canary-myapp.yaml")
    mesh.kubernetes.kubectl.apply(service("myapp", {"http": (80, 8080)}, "10.96.0.81"))
    pods = [*mesh.run_deployment("myapp-v1", 1, color="blue"), *mesh.run_deployment("myapp-v2", 1, color="green")]
    apps = [mesh.serve(pod, 8080, Upstream, version, named(version)) for pod, version in zip(pods, ("v1", "v2"))]
    mesh.publish("myapp", {"http": 8080}, pods)
    return apps


def asked(mesh, **headers):
    return mesh.client.fetch("myapp", 80, headers={name.replace("_", "-"): value for name, value in headers.items()}).text


def test_canary_then_ab_then_blue_green_then_mirror(mesh, myapp):
    """Each of the seeds' files takes the place of the one before, as kubectl applies it."""
    mesh.client.wait_answer("myapp", 80)
    wait_until(lambda: {asked(mesh) for _ in range(60)} == {"v1", "v2"}, "canary: both versions")
    apply = lambda name: mesh.kubernetes.kubectl("apply", "-f", SEEDS / f"{name}-myapp.yaml")  # noqa: E731
    apply("ab")
    wait_until(lambda: {asked(mesh, user_id="user-123") for _ in range(20)} == {"v2"}, "A/B: known users")
    assert {asked(mesh, user_id="user-12") for _ in range(20)} == {asked(mesh) for _ in range(20)} == {"v1"}
    apply("blue-green")
    wait_until(lambda: {asked(mesh, user_id="user-123") for _ in range(20)} == {"v1"}, "blue for all")
    mesh.kubernetes.kubectl("patch", "virtualservice", "myapp", "--type=json", "-p",
                            '[{"op": "replace", "path": "/spec/http/0/route/0/destination/subset", "value": "green"}]')
    wait_until(lambda: {asked(mesh) for _ in range(20)} == {"v2"}, "green for all")
    mesh.kubernetes.kubectl("apply", "-f", SEEDS / "canary-myapp.yaml")  # the subsets v1 and v2 again
    apply("mirror")
    wait_until(lambda: {asked(mesh) for _ in range(20)} == {"v1"}, "mirror: v1 answers")
    before = len(myapp[1].requests)
    assert {asked(mesh) for _ in range(10)} == {"v1"}
    shadows = wait_until(lambda: len(myapp[1].requests) >= before + 10 and myapp[1].requests[before:], "v2 sees them all")
    assert {request.get("host") for request in shadows} == {"myapp-shadow"}
