"""The admission webhook of `remora-control`: reviews as Kubernetes posts them, answered over TLS."""

import http.client
import json
import os
import subprocess
import threading

import pytest

from support.admission import Webhook, patched, pod, review
from support.mesh import ControlPlane
from support.proxy import bin_dir
from support.waiting import wait_until


@pytest.fixture
def webhook(tmp_path, closing):
    """A control plane with a webhook: what posts to it, and the control plane itself as `control`."""

    def begin(*arguments):
        (tmp_path / "mesh").mkdir()
        path = tmp_path / "webhook-address"
        control = closing(ControlPlane(tmp_path / "mesh", arguments=[
            "--webhook-address", "127.0.0.1:0", "--webhook-address-path", path, *arguments]))
        made = Webhook(wait_until(lambda: control.address_in(path), "the webhook's address"), control.ca / "root-cert.pem")
        made.control = control
        return made

    return begin


def names(containers):
    return [each["name"] for each in containers]


def injected(control):
    for line in control.admin("/metrics").text.splitlines():
        if line.startswith('remora_control_injections_total{result="injected"}'):
            return int(line.split()[-1])
    raise AssertionError("no such metric")


def test_a_pod_of_a_replica_set_comes_back_with_its_sidecar(webhook):
    hook = webhook("--xds-tls-address", "127.0.0.1:0")
    response = hook.review(pod())
    assert (response["uid"], response["allowed"]) == ("705ab4f5-6393-11e8-b7cc-42010a800002", True)
    spec = patched(pod(), response)["spec"]
    assert names(spec["initContainers"]) == ["istio-init", "istio-proxy"] and names(spec["containers"]) == ["app"]
    arguments = spec["initContainers"][1]["args"]
    config = arguments[arguments.index("--config-yaml") + 1]
    root = (hook.control.ca / "root-cert.pem").read_text().splitlines()[1]
    assert root in config and "WORKLOAD_NAME: web\n" in config
    assert injected(hook.control) == 1


def test_without_xds_over_tls_sidecars_are_led_to_plain_text(webhook):
    response = webhook().review(pod())
    config = json.dumps(patched(pod(), response))
    assert "BEGIN CERTIFICATE" not in config


@pytest.mark.parametrize("asked, reason", [
    (pod(labels={"sidecar.istio.io/inject": "false"}), "sidecar.istio.io/inject is false"),
    (pod(annotations={"sidecar.istio.io/inject": "false"}), "sidecar.istio.io/inject is false"),
    (pod(hostNetwork=True), "hostNetwork"),
    (pod(annotations={"sidecar.istio.io/status": "{}"}), "it has a sidecar already")])
def test_who_gets_none_is_let_through_with_the_reason(webhook, asked, reason):
    response = webhook().review(asked)
    assert response["allowed"] and "patch" not in response
    assert any(reason in warning for warning in response["warnings"]), response


def test_pods_of_the_cluster_itself_get_none(webhook):
    response = webhook().review(pod(), namespace="kube-system")
    assert response["allowed"] and "patch" not in response and "kube-system" in response["warnings"][0]


def test_nonsense_is_refused_with_its_annotation(webhook):
    response = webhook().review(pod(annotations={"sidecar.istio.io/proxyCPU": "much"}))
    assert not response["allowed"]
    assert response["status"]["message"] == 'sidecar: sidecar.istio.io/proxyCPU: "much" is no amount, as in 100m or 128Mi'


def test_other_kinds_and_removals_pass_untouched(webhook):
    hook = webhook()
    assert hook.review({"metadata": {}}, kind="ConfigMap")["allowed"]
    assert "patch" not in hook.review(pod(), operation="UPDATE")
    assert hook.review(None, operation="DELETE", oldObject=pod())["allowed"]


@pytest.mark.parametrize("request_of, status, word", [
    ({"body": b""}, 400, b"JSON"), ({"body": b"{"}, 400, b"JSON"), ({"body": b"[" * 100_000}, 400, b"JSON"),
    ({"body": b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}'}, 400, b"admission.k8s.io/v1"),
    ({"body": json.dumps({**review(pod()), "request": {}}).encode()}, 400, b"request.uid"),
    ({"body": b"{}", "content_type": "text/plain"}, 415, b"application/json"), ({"body": b"{}", "content_type": None}, 415, b"application/json"),
    ({"body": b"", "method": "GET"}, 405, b"POST"), ({"body": b"{}", "path": "/validate"}, 404, b"/inject")])
def test_what_is_no_review_gets_an_error_that_says_so(webhook, request_of, status, word):
    hook = webhook()
    seen, body = hook.post(**request_of)
    assert seen == status and word in body
    assert hook.review(pod())["allowed"], "and it goes on"


def test_settings_of_a_file_hold_and_change_with_it(webhook, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("image: registry.example/remora:one\nresources: {requests: {cpu: 77m}}\n")
    hook = webhook("--injection-settings", settings)

    def proxy():
        return patched(pod(), hook.review(pod()))["spec"]["initContainers"][1]

    assert proxy()["image"] == "registry.example/remora:one" and proxy()["resources"]["requests"]["cpu"] == "77m"
    replaced(settings, "image: registry.example/remora:two\n")
    assert proxy()["image"] == "registry.example/remora:two"
    replaced(settings, "imege: x\n")
    assert proxy()["image"] == "registry.example/remora:two", "a bad file changes nothing"
    assert "imege: there is no such setting" in hook.control.log
    replaced(settings, "image: registry.example/remora:three\n")
    assert proxy()["image"] == "registry.example/remora:three"


def replaced(path, text):
    """In one step, by another file: as a mounted ConfigMap changes."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, path)


def test_certificate_names_the_service_and_changes_without_losing_a_request(webhook):
    hook = webhook("--cert-lifetime", "3s", "--webhook-server-name", "injector.mesh.svc")
    hook.name = "injector.mesh.svc"
    first = hook.certificate()
    kept = hook.connect()
    over, failures, done = threading.Event(), [], []

    def ask():
        while not over.is_set():
            try:
                done.append(hook.review(pod())["allowed"])
            except (OSError, AssertionError) as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    second = hook.wait_other_certificate(than=first)
    hook.wait_other_certificate(than=second)
    assert hook.review(pod(), connection=kept)["allowed"], "an open connection goes on with the certificate that it has"
    over.set()
    for thread in threads:
        thread.join()
    kept.close()
    assert not failures and len(done) > 10 and all(done)


def test_a_webhook_is_never_without_tls(webhook):
    hook = webhook()
    connection = http.client.HTTPConnection("127.0.0.1", hook.port, timeout=20)
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.request("POST", "/inject", json.dumps(review(pod())), {"content-type": "application/json"})
        connection.getresponse()


def test_bad_settings_keep_it_from_starting(tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("resources: {requests: {cpu: lots}}\n")
    done = subprocess.run([bin_dir() / "remora-control", "--store", tmp_path / "store", "--webhook-address", "127.0.0.1:0",
                           "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0", "--api-address", "127.0.0.1:0",
                           "--injection-settings", settings], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and f'--injection-settings: {settings}: resources: "lots" is no amount' in done.stderr
