"""Who reaches the program of an intercepted pod, and what it sees of him: live sidecars, in both families."""

import ssl
import threading

import pytest

from support.certificates import Authority, TlsUpstream
from support.http2_client import Http2Client
from support.http2_server import Http2Upstream
from support.pod_mesh import PodMesh, host_of, istio, service
from support.pods import PROXY_UID, PodClient, unavailable
from support.tcp import Server, greeter
from support.upstream import Upstream, reply
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "")

BANNER = b"220 mail ready\r\n"
V4, V6 = "10.96.0.10", "fd00:96::10"
PROBE = {"livenessProbe": {"httpGet": {"port": 8080, "path": "/live"}}}
in_both_families = pytest.mark.parametrize("family", ["v4", "v6"])


def answer(request):
    """The program of `web`: its health is what the test says."""
    return reply(200 if request.target != "/live" else answer.health, body="web")


@pytest.fixture(name="mesh", scope="module")
def _mesh(tmp_path_factory):
    with PodMesh(tmp_path_factory.mktemp("mesh"), "--protocol-detection-timeout", "1s", families=("v4", "v6")) as mesh:
        mesh.stranger, mesh.world = mesh.network.pod("stranger"), mesh.network.outside("world.test")
        mesh.web = mesh.pod("web-1", ports=[8080], container=PROBE, labels={"app": "web"})
        mesh.client = mesh.pod("client")
        mesh.network.name("web", V4, V6)
        ports = {"http": (80, 8080), "any": (7000, 7000), "also": (7001, 7001), "https": (443, 8443)}
        mesh.apply("web.yaml", service("web", ports, [V4, V6]),
                   *mesh.web.workloads("web", **{name: target for name, (_, target) in ports.items()}))
        mesh.apply("policy.yaml", mutual_tls("STRICT"))
        answer.health = 200
        mesh.apps = [mesh.serve(mesh.web, 8080, Upstream, "web", answer, families=[family]) for family in ("v4", "v6")]
        mesh.serve(mesh.web, 7000, Server, greeter(BANNER))
        mesh.serve(mesh.web, 9999)
        mesh.serve(mesh.world, 8080, families=["v4"])
        mesh.client.wait_answer("web", 80)
        wait_refused(mesh)
        yield mesh


def mutual_tls(mode):
    return istio("PeerAuthentication", "default", "istio-system", mtls={"mode": mode})


def asked_by_stranger(mesh, port=8080, family="v4"):
    try:
        return mesh.stranger.fetch("web-1", port, to=getattr(mesh.web.pod, family)).status
    except (OSError, AssertionError):
        return None


def wait_refused(mesh):
    wait_until(lambda: asked_by_stranger(mesh) is None, "plain text is refused")


@pytest.fixture(name="permissive")
def _permissive(mesh):
    mesh.apply("policy.yaml", mutual_tls("PERMISSIVE"))
    wait_until(lambda: asked_by_stranger(mesh) == 200, "plain text is taken")
    yield
    mesh.apply("policy.yaml", mutual_tls("STRICT"))
    wait_refused(mesh)


def handshakes(mesh):
    return sum(mesh.web.proxy.stats(r"15006[.]ssl[.]handshake$").values())


# ------------------------------------------------------------------------------------------------ who may

@in_both_families
def test_a_sidecar_is_taken_and_a_stranger_is_not(mesh, family):
    app = mesh.apps[family == "v6"]
    called, before = {"v4": V4, "v6": V6}[family], len(mesh.apps[0].requests) + len(mesh.apps[1].requests)
    assert mesh.client.fetch("web", 80, to=called).body == b"web"
    assert handshakes(mesh) >= 1
    assert len(mesh.apps[0].requests) + len(mesh.apps[1].requests) == before + 1
    for port in (8080, 9999):  # one that a service knows, and one that none does
        assert asked_by_stranger(mesh, port, family) is None
    assert app.broken == []


def test_a_stranger_is_served_where_the_policy_is_permissive(mesh, permissive):
    before = handshakes(mesh)
    for family in ("v4", "v6"):
        assert asked_by_stranger(mesh, 8080, family) == asked_by_stranger(mesh, 9999, family) == 200
    assert handshakes(mesh) == before
    with mesh.stranger.connect(mesh.web.pod.v4, 7000) as stranger:
        assert stranger.recv(100) == BANNER, "a server that speaks first, on a port that declares nothing"
    mesh.client.fetch("web", 80)
    proofs = [request.get("x-forwarded-client-cert") for app in mesh.apps for request in app.requests[-2:]]
    assert any("URI=spiffe://cluster.local/ns/default/sa/client" in (proof or "") for proof in proofs), proofs
    assert None in proofs, "a stranger has none"


def test_bytes_of_a_port_that_declares_nothing_without_mutual_tls(mesh):
    mesh.apply("policy.yaml", mutual_tls("DISABLE"))
    try:
        wait_until(lambda: asked_by_stranger(mesh) == 200, "plain text is taken")
        with mesh.stranger.connect(mesh.web.pod.v4, 7000) as stranger:
            assert stranger.recv(100) == BANNER
    finally:
        mesh.apply("policy.yaml", mutual_tls("STRICT"))
        wait_refused(mesh)


def test_a_server_that_speaks_first_is_heard_through_both_sidecars(mesh):
    with mesh.client.connect(V4, 7000) as client:
        assert client.recv(100) == BANNER
    assert mesh.client.proxy.stat(f"cluster.outbound|7000||{host_of('web')}.ssl.handshake") == 1


def test_the_program_hears_from_a_loopback_address_of_the_clients_family(mesh):
    mesh.client.fetch("web", 80, to=V4)
    peers = {connection.peer for app in mesh.apps for connection in app.connections}
    assert peers <= {"127.0.0.6", "::6"} and peers, peers


def test_http2_of_a_port_that_declares_nothing(mesh):
    mesh.serve(mesh.web, 7001, Http2Upstream, "h2c")
    with Http2Client(sock=mesh.client.connect(V4, 7001)) as client:
        stream = client.request()
        while not stream.complete:
            assert client.receive()
        assert bytes(stream.body) == b"h2c"
    assert mesh.client.proxy.stat(f"cluster.outbound|7001||{host_of('web')}.upstream_cx_http2_total") == 1


def test_a_programs_own_tls_goes_through_both_sidecars_as_it_is(mesh, tmp_path, request):
    authority = Authority(tmp_path)
    pair = authority.issue("web", "DNS:web")
    with mesh.web.pod.entered():  # as root, whose key it is; sidecars choose among the addresses of both families
        servers = [mesh.closing(TlsUpstream(pair, name="inner", address=address, port=8443))
                   for address in ("0.0.0.0", mesh.web.pod.v6)]
    context = ssl.create_default_context(cafile=authority.certificate)

    def ask(connection):
        with PodClient(context.wrap_socket(connection, server_hostname="web")) as client:
            return client.request(host="web").body

    assert ask(mesh.client.connect(V4, 443)) == b"inner"
    assert mesh.client.proxy.stat(f"cluster.outbound|443||{host_of('web')}.ssl.handshake") == 1
    with pytest.raises((OSError, AssertionError)):
        ask(mesh.stranger.connect(mesh.web.pod.v4, 8443))
    request.getfixturevalue("permissive")
    assert ask(mesh.stranger.connect(mesh.web.pod.v4, 8443)) == b"inner"
    assert sum(len(server.handshakes) for server in servers) == 2


def test_changes_of_the_policy_lose_no_request(mesh):
    """Neither those on connections that are kept, nor those on new ones."""
    stop, answers, errors = threading.Event(), [], []

    def ask(kept):
        while not stop.is_set():
            try:
                with PodClient(mesh.client.connect("web", 80)) as client:
                    answers.append(client.request(host="web"))
                    while kept and not stop.is_set() and answers[-1].get("connection") != "close":
                        answers.append(client.request(host="web"))
            except (OSError, AssertionError) as error:
                errors.append(error)

    threads = [threading.Thread(target=ask, args=(kept,)) for kept in (True, True, False)]
    for thread in threads:
        thread.start()
    try:
        for mode in ("PERMISSIVE", "STRICT", "PERMISSIVE", "STRICT"):
            mesh.apply("policy.yaml", mutual_tls(mode))
            wait_until(lambda mode=mode: (asked_by_stranger(mesh) is None) == (mode == "STRICT"), mode)
            seen = len(answers)
            wait_until(lambda seen=seen: len(answers) > seen + 100, "requests under the new policy")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors and {answer.status for answer in answers} == {200}, (errors, answers[-1])


# ------------------------------------------------------------------------------------------------ who watches

def test_kubelet_and_prometheus_need_no_certificate(mesh):
    for family in ("v4", "v6"):
        assert mesh.stranger.fetch("web-1", 15021, "/healthz/ready", to=getattr(mesh.web.pod, family)).status == 200
        page = mesh.stranger.fetch("web-1", 15090, "/stats/prometheus", to=getattr(mesh.web.pod, family))
        assert page.status == 200 and b"envoy_server_live" in page.body
    assert mesh.stranger.fetch("web-1", 15021, "/quitquitquit", method="POST").status == 404


def test_kubelets_probe_asks_the_program_through_the_sidecar(mesh):
    probe = mesh.web.manifest["spec"]["containers"][0]["livenessProbe"]["httpGet"]
    for health in (200, 503):
        answer.health = health
        assert mesh.stranger.fetch("web-1", probe["port"], probe["path"]).status == health
    answer.health = 200


# ------------------------------------------------------------------------------------------------ who is not intercepted

def test_what_annotations_exclude_passes_by_the_sidecar(mesh):
    prefix = "traffic.sidecar.istio.io/"
    pod = mesh.pod("aside", ports=[8080, 9100], annotations={
        f"{prefix}excludeInboundPorts": "9100", f"{prefix}excludeOutboundPorts": "8443",
        f"{prefix}excludeOutboundIPRanges": f"{mesh.world.v4}/32"})
    plain = mesh.serve(pod, 9100)
    seen = {port: mesh.serve(mesh.stranger, port) for port in (8443, 8444)}
    outside = mesh.serve(mesh.world, 8081, families=["v4"])
    through = lambda: sum(pod.proxy.stats(r"PassthroughCluster[.]upstream_cx_total$").values())  # noqa: E731
    assert mesh.stranger.fetch("aside", 9100).status == 200 and plain.connections[-1].peer == mesh.stranger.v4
    assert pod.fetch("stranger", 8443).status == pod.fetch("world.test", 8081).status == 200
    assert through() == 0 and seen[8443].requests and outside.requests
    assert pod.fetch("stranger", 8444).status == 200
    wait_until(lambda: through() == 1, "what is not excluded comes by")
    assert pod.fetch("stranger", 8444, uid=PROXY_UID).status == 200
    assert through() == 1, "the sidecar's user is not intercepted"


def test_a_program_calls_its_own_service_and_its_own_pod(mesh):
    before = handshakes(mesh)
    assert mesh.web.fetch("web", 80).body == b"web"
    wait_until(lambda: handshakes(mesh) == before + 1, "its service is called as by anybody")
    assert mesh.web.fetch("web-1", 8080).body == b"web"
    assert mesh.apps[0].connections[-1].peer == mesh.web.pod.v4, "nobody is in between"


# ------------------------------------------------------------------------------------------------ other pods

def test_pods_of_ipv6_alone(mesh):
    pod = mesh.pod("six-1", labels={"app": "six"}, ports=[8080], families=["v6"])
    app = mesh.serve(pod, 8080, families=["v6"])
    mesh.apply("six.yaml", service("six", {"http": (80, 8080)}, "fd00:96::6"), *pod.workloads("six", http=8080))
    mesh.network.name("six", "fd00:96::6")
    assert mesh.client.wait_answer("six", 80).body == b"six-1"
    wait_until(lambda: pod.proxy.stats(r"15006[.]ssl[.]handshake$"), "with mutual TLS")
    assert app.connections[-1].peer == "::6"
    assert pod.wait_answer("web", 80, to=V6).body == b"web"
    with pytest.raises((OSError, AssertionError)):
        mesh.stranger.fetch("six-1", 8080)


@in_both_families
def test_in_tproxy_mode_the_program_sees_its_clients_address(mesh, family):
    pod = mesh.tproxy if hasattr(mesh, "tproxy") else mesh.pod("seen", ports=[8080], annotations={
        "sidecar.istio.io/interceptionMode": "TPROXY"})
    if not hasattr(mesh, "tproxy"):
        mesh.tproxy = pod
        mesh.seen = {each: mesh.serve(pod, 8080, families=[each]) for each in ("v4", "v6")}
        mesh.apply("seen.yaml", service("seen", {"http": (80, 8080)}, ["10.96.0.77", "fd00:96::77"]), *pod.workloads(http=8080))
    called = {"v4": "10.96.0.77", "v6": "fd00:96::77"}[family]
    assert mesh.client.wait_answer("seen", 80, to=called).body == b"seen"
    peers = {connection.peer for app in mesh.seen.values() for connection in app.connections}
    assert peers <= {mesh.client.pod.v4, mesh.client.pod.v6} and peers
    with pytest.raises((OSError, AssertionError)):
        mesh.stranger.fetch("seen", 8080, to=getattr(pod.pod, family))


# ------------------------------------------------------------------------------------------------ which ports

def test_a_sidecar_resource_says_where_ports_lead(mesh, permissive):
    """A port that no service has leads to the program on another one; a service's own port is then one of the others."""
    wanted = istio("Sidecar", "web", workloadSelector={"labels": {"app": "web"}}, egress=[{"hosts": ["*/*"]}], ingress=[
        {"port": {"number": 9100, "protocol": "HTTP", "name": "http"}, "defaultEndpoint": "127.0.0.1:8080"},
        {"port": {"number": 9101, "protocol": "HTTP", "name": "own"}, "defaultEndpoint": "0.0.0.0:8080"}])
    assert asked_by_stranger(mesh, 9100) == 503, "nothing listens there"
    with mesh.applied(wanted):
        wait_until(lambda: asked_by_stranger(mesh, 9100) == 200, "the port of the Sidecar is served")
        assert asked_by_stranger(mesh, 9101) == 200
        assert mesh.web.proxy.stat("cluster.inbound|9100||.upstream_rq_total") >= 1
        assert "inbound|8080||" not in mesh.web.proxy.admin("/clusters").text
        assert asked_by_stranger(mesh, 8080) == 200, "as a port that no service knows"
    wait_until(lambda: "inbound|8080||" in mesh.web.proxy.admin("/clusters").text, "the service's ports are back")


def test_a_sidecar_resource_that_cannot_be_is_refused_with_its_path(mesh):
    wanted = istio("Sidecar", "ingress", egress=[{"hosts": ["*/*"]}], ingress=[
        {"port": {"number": 9000, "protocol": "HTTP", "name": "http"}, "defaultEndpoint": "10.0.0.1:8080"}])
    with mesh.applied(wanted):
        finding = mesh.control.wait_finding("spec.ingress[0].defaultEndpoint")
        assert finding["severity"] == "error" and "is none of 127.0.0.1:PORT" in finding["message"]
