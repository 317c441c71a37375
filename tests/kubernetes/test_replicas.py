"""Several replicas of `remora-control` over a real API server: all serve, one writes; who proxies are by their tokens."""

import base64
import json
import re
import socket
import subprocess

import grpc
import pytest
from support.certificates import Authority
from support.cluster_control import ClusterControl
from support.cluster_parts import MERGE, run_pod
from support.identity import ADS, SDS, SecretClient, describe
from support.proxy import ROOT, bin_dir
from support.replicas import Replicas, expired
from support.upstream import Upstream, unused_port
from support.waiting import wait_until

ISTIO = "networking.istio.io/v1"
UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture(name="cluster", scope="module")
def _cluster(kubernetes):
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    kubernetes.kubectl("wait", "--for=condition=established", "crd", "--all", "--timeout=60s")
    return kubernetes


@pytest.fixture(name="replicas")
def _replicas(cluster, closing, tmp_path):
    return Replicas(cluster, tmp_path, closing)


def bad_rule(cluster, name):
    """A rule that cannot take effect, whose status therefore says something; its path."""
    path = f"/apis/{ISTIO}/namespaces/default/virtualservices"
    cluster.request("POST", path, {
        "apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": name},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": "nowhere"}}]}]}})
    return f"{path}/{name}"


def wait_condition(cluster, path):
    return wait_until(lambda: cluster.request("GET", path).get("status", {}).get("conditions"), f"a condition of {path}", 40)


# --- who leads -------------------------------------------------------------------------------------------------------


def test_all_serve_and_one_writes(cluster, replicas):
    first = replicas.start().wait_leading()
    second = replicas.start()
    wait_until(lambda: second.leader()["leader"] == first.leader()["identity"], "the second knows who leads")
    lease = cluster.request("GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases/remora-control")["spec"]
    assert lease["holderIdentity"] == first.leader()["identity"] and lease["holderIdentity"].startswith("replica-1_")
    cluster.request("POST", "/api/v1/namespaces/default/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "known"}, "spec": {"ports": [{"name": "http", "port": 80}]}})
    for control in (first, second):
        wait_until(lambda control=control: "known.default.svc.cluster.local" in control.services(), "both serve it")
    wait_condition(cluster, bad_rule(cluster, "written-once"))
    assert "remora_control_leader 1" in first.admin("/metrics").text and "remora_control_leader 0" in second.admin("/metrics").text


def test_a_leader_that_stops_hands_over_at_once(cluster, replicas):
    first = replicas.start(lease="60s").wait_leading()
    second = replicas.start(lease="60s")
    wait_until(lambda: second.leader()["leader"] == first.leader()["identity"], "the second knows who leads")
    assert first.terminate() == 0
    second.wait_leading(30)  # less than the lease, which is over only because it was given back
    wait_condition(cluster, bad_rule(cluster, "after-the-stop"))


def test_without_permission_for_the_lease_everything_is_served_and_nothing_written(cluster, replicas):
    cluster.kubectl("create", "clusterrole", "only-reads", "--verb=get,list,watch", "--resource=*.*")
    cluster.kubectl("create", "clusterrolebinding", "only-reads", "--clusterrole=only-reads", "--user=reader")
    cluster.kubectl("create", "role", "authority", "-n", "default", "--verb=create", "--resource=secrets")
    cluster.kubectl("create", "rolebinding", "authority", "-n", "default", "--role=authority", "--user=reader")
    path = bad_rule(cluster, "not-written")
    control = replicas.start(user=("reader",))
    problem = wait_until(lambda: control.leader()["problem"], "what is missing is said")
    assert 'cannot create resource "leases"' in problem or 'cannot update resource "leases"' in problem, problem
    wait_until(lambda: any("not-written" in finding["text"] for finding in control.findings()), "it is served and judged")
    assert not control.leader()["leads"] and "status" not in cluster.request("GET", path)


def page_of(control):
    """The first event of the page, with everything that it shows."""
    with socket.create_connection(("127.0.0.1", control.api_port), timeout=20) as connection:
        connection.sendall(b"GET /ui/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        seen = b""
        while not (found := re.search(rb"event: snapshot\ndata: (.*)\n\n", seen)):
            data = connection.recv(65536)
            assert data, seen
            seen += data
    return json.loads(found.group(1))


def test_the_page_of_one_that_follows_shows_the_canaries_and_who_leads(cluster, replicas):
    first, second = replicas.start().wait_leading(), replicas.start()
    cluster.request("POST", "/apis/flagger.app/v1beta1/namespaces/default/canaries", {
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shown"}, "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shown"}, "service": {"port": 80},
            "analysis": {"interval": "10s", "threshold": 2, "maxWeight": 50, "stepWeight": 25}}})

    def shown(control):
        """Without what runs on by itself."""
        return [{**rollout, "nextTick": None} for rollout in page_of(control)["rollouts"] if rollout["name"] == "shown"]
    wait_until(lambda: shown(first) and shown(first)[0]["phase"] == "Initializing" and shown(second) == shown(first),
               lambda: f"the leader shows {shown(first)}, the other one {shown(second)}", 40)
    assert page_of(first)["traffic"]["standing"] == ""
    standing = page_of(second)["traffic"]["standing"]
    assert first.leader()["identity"] in standing and "port-forward --namespace default pod/replica-1 15080" in standing, standing
    first.terminate()
    second.wait_leading(30)
    assert page_of(second)["traffic"]["standing"] == ""
    cluster.request("DELETE", "/apis/flagger.app/v1beta1/namespaces/default/canaries/shown")


# --- who proxies are -------------------------------------------------------------------------------------------------


@pytest.fixture(name="pod")
def _pod(cluster, request):
    """A service account and its pod; the account's name is the test's."""
    name = f"account-{abs(hash(request.node.name)) % 10**8}"
    cluster.service_account("default", name)
    pod = run_pod(cluster, "default", f"{name}-pod", "10.244.1.7", {"app": name}, account=name)
    return name, (pod["metadata"]["name"], pod["metadata"]["uid"])


def test_a_token_is_a_certificate_of_its_service_account_by_every_replica(cluster, replicas, closing, pod):
    account, bound = pod
    controls = [replicas.start(), replicas.start()]
    token = cluster.token("default", account, pod=bound)
    roots = set()
    for control in controls:
        for method in (ADS, SDS):
            client = closing(SecretClient(
                control.xds_tls_port, root_only(replicas), token, "default", account, method, pod=bound[0]))
            assert f"URI:spiffe://cluster.local/ns/default/sa/{account}" in describe(client.certificate())
            roots.add(client.wait("ROOTCA").validation_context.trusted_ca.inline_bytes)
    assert roots == {replicas.secret()["ca-cert.pem"]}
    key = replicas.secret()["ca-key.pem"].decode().splitlines()[1]
    for control in controls:
        assert key not in control.log and token not in control.log


@pytest.mark.parametrize("change, code, reason", [
    ({"audience": "https://kubernetes.default.svc"}, UNAUTHENTICATED, "the API server does not accept the token"),
    ({"expired": True}, UNAUTHENTICATED, "token has expired"),
    ({"broken": True}, UNAUTHENTICATED, "the API server does not accept the token"),
    ({"pod": "another-pod"}, DENIED, "its token is of the pod default/"),
    ({"service_account": "another"}, DENIED, "has proved to be spiffe://cluster.local/ns/default/sa/account-"),
    ({"namespace": "another"}, DENIED, 'its node claims to be "')])
def test_a_token_that_proves_something_else_is_refused_in_clear_words(cluster, replicas, closing, pod, change, code, reason):
    account, bound = pod
    control = replicas.start()
    token = cluster.token("default", account, change.get("audience", "istio-ca"), bound)
    if "expired" in change:
        token = expired(token, cluster.signing_key)
    if "broken" in change:
        token = token[:-8] + "AAAAAAAA"
    client = closing(SecretClient(control.xds_tls_port, root_only(replicas), token, change.get("namespace", "default"),
                                  change.get("service_account", account), ADS, pod=change.get("pod", bound[0])))
    refused = client.wait_refused()
    assert refused[0] == code and reason in refused[1], refused
    wait_until(lambda: reason in control.log, "the log says it, too")
    assert token not in control.log


def root_only(replicas):
    return grpc.ssl_channel_credentials(replicas.secret()["ca-cert.pem"])


def authority_of(folder, *, trusted=()):
    """A root of one's own, as the data of a Secret; `trusted`: what else everybody has to trust."""
    made = Authority(folder, "another-root")
    roots = b"".join([made.certificate.read_bytes(), *trusted])
    contents = {"ca-cert.pem": made.certificate.read_bytes(), "ca-key.pem": made.key.read_bytes(), "root-cert.pem": roots}
    return {name: base64.b64encode(text).decode() for name, text in contents.items()}


def test_a_changed_authority_is_everybodys_without_a_restart(cluster, replicas, closing, pod, tmp_path):
    account, bound = pod
    controls = [replicas.start(), replicas.start()]
    old = replicas.secret()["ca-cert.pem"]
    clients = [closing(SecretClient(control.xds_tls_port, root_only(replicas), cluster.token("default", account, pod=bound), "default",
                                    account, ADS, pod=bound[0])) for control in controls]
    for client in clients:
        assert "CN = another-root" not in describe(client.certificate())
    secrets = "/api/v1/namespaces/default/secrets"
    cluster.request("POST", secrets, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts"},
                                      "data": authority_of(tmp_path / "pki", trusted=[old])})
    try:
        for client in clients:
            assert "Issuer: CN = another-root" in describe(client.certificate(count=2))
            roots = client.wait("ROOTCA", count=2).validation_context.trusted_ca.inline_bytes
            assert roots.count(b"BEGIN CERTIFICATE") == 2 and old in roots
        for control in controls:  # their own certificates are of the new root, too
            (tmp_path / "new.pem").write_bytes((tmp_path / "pki" / "another-root.pem").read_bytes())
            wait_until(lambda control=control: b"Verify return code: 0 (ok)" in openssl_client(control, tmp_path / "new.pem"),
                       lambda control=control: openssl_client(control, tmp_path / "new.pem"))
        cluster.request("PATCH", f"{secrets}/cacerts", {"data": {"ca-key.pem": base64.b64encode(b"rubbish").decode()}}, MERGE)
        for control in controls:
            wait_until(lambda control=control: "cacerts ca-key.pem" in control.log and "what it was before goes on" in control.log,
                       lambda control=control: f"it is said:\n{control.tail()}", 30)
    finally:
        cluster.request("DELETE", f"{secrets}/cacerts")
    for client in clients:  # what there was before is in its place again
        wait_until(lambda client=client: "CN = another-root" not in describe(client.received["default"][-1]
                                                                             .tls_certificate.certificate_chain.inline_bytes),
                   "the old authority again", 30)


def openssl_client(control, root):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{control.xds_tls_port}", "-CAfile", root, "-alpn", "h2"],
                          input=b"", capture_output=True, timeout=30)
    return done.stdout


# --- what is told ----------------------------------------------------------------------------------------------------


def events_about(cluster, name):
    items = cluster.request("GET", "/api/v1/namespaces/default/events")["items"]
    return [(item["type"], item["reason"], item["message"]) for item in items if item["involvedObject"]["name"] == name]


def test_what_is_wrong_is_an_event_of_the_object_once_by_the_leader(cluster, replicas):
    controls = [replicas.start(), replicas.start()]
    path = bad_rule(cluster, "told")
    condition = wait_condition(cluster, path)[0]
    wait_until(lambda: ("Warning", "NotInEffect", condition["message"]) in events_about(cluster, "told"),
               lambda: f"the event: {events_about(cluster, 'told')}")
    cluster.request("POST", "/api/v1/namespaces/default/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "nowhere"}, "spec": {"ports": [{"name": "http", "port": 80}]}})
    wait_until(lambda: ("Normal", "InEffect", "is in effect") in events_about(cluster, "told"),
               lambda: f"it is mended: {events_about(cluster, 'told')}, {cluster.request('GET', path)['status']}")
    assert len(events_about(cluster, "told")) == 2 and all(control.running for control in controls)
    assert "NotInEffect" in cluster.kubectl("describe", "virtualservice", "told", "-n", "default")
    cluster.request("DELETE", "/api/v1/namespaces/default/services/nowhere")


def test_remoractl_status_says_who_leads_and_how_the_store_stands(cluster, replicas, tmp_path):
    first = replicas.start().wait_leading()
    second = replicas.start()
    name = first.leader()["identity"]
    wait_until(lambda: second.leader()["leader"] == name, "the second knows who leads")
    assert f"leader: {name}, this replica (lease default/remora-control)" in status(first)
    text = wait_until(lambda: (text := status(second)) and f"Kubernetes {cluster.url}: " in text and text, "it is shown")
    assert f"leader: {name}, not this replica" in text and "kinds are watched" in text
    other = ClusterControl(tmp_path / "other", cluster.kubeconfig("nobody"), ready=False)
    try:
        other.wait_kind("services", "Forbidden")
        text = status(other)
        assert "services: Forbidden" in text and "nothing is served yet" in text
    finally:
        other.stop()


def status(control):
    done = subprocess.run([bin_dir() / "remoractl", "--admin", f"127.0.0.1:{control.admin_port}", "status"], capture_output=True, text=True)
    return done.stdout + done.stderr


# --- mutual TLS across replicas --------------------------------------------------------------------------------------


def test_proxies_of_different_replicas_trust_one_another(cluster, replicas, closing):
    app, port = closing(Upstream("app")), unused_port()
    cluster.kubectl.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "safe", "namespace": "default"},
         "spec": {"selector": {"app": "safe"}, "ports": [{"name": "http", "port": port, "targetPort": app.port}]}})
    cluster.kubectl.apply(
        {"apiVersion": ISTIO, "kind": "WorkloadEntry", "metadata": {"name": "safe-1", "namespace": "default"},
         "spec": {"address": "127.0.77.1", "ports": {"http": app.port}, "serviceAccount": "safe",
                  "labels": {"app": "safe", "security.istio.io/tlsMode": "istio"}}})
    cluster.kubectl.apply(
        {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": "strict", "namespace": "default"},
         "spec": {"mtls": {"mode": "STRICT"}}})
    for account in ("safe", "caller"):
        cluster.service_account("default", account)
    first, second = replicas.start().wait_leading(), replicas.start()
    replicas.sidecar(first, "safe", "127.0.77.1", "safe", cluster.token("default", "safe"), REMORA_OUTBOUND="none")
    client = replicas.sidecar(second, "caller", "127.0.77.2", "caller", cluster.token("default", "caller"))

    def answered():
        try:
            return client.fetch(listener=f"127.0.0.1_{port}", host="safe").status == 200
        except OSError:
            return False
    wait_until(answered, lambda: f"an answer; {first.findings()}\n{client.tail()}", 40)
    (request,) = app.requests[:1]
    caller = request.get("x-forwarded-client-cert")
    assert "By=spiffe://cluster.local/ns/default/sa/safe" in caller and "URI=spiffe://cluster.local/ns/default/sa/caller" in caller
    # The metrics sinks' streams show the same tokens, are let in, and end at the one that drives canaries.
    wait_until(lambda: "remora_control_telemetry_proxies 2\n" in first.admin("/metrics").text, first.tail)
    assert "remora_control_telemetry_proxies 0\n" in second.admin("/metrics").text
