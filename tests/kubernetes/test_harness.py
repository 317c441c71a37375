"""The API server of these tests is a real one, with users, rights and tokens of its own."""

import pytest


def test_kubectl_writes_and_reads(kubernetes):
    kubernetes.namespace("harness", team="blue")
    kubernetes.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "harness"}, "data": {"x": "1"}})
    assert kubernetes.kubectl.get("configmap", "a", "-n", "harness")["data"] == {"x": "1"}
    assert kubernetes.kubectl.get("namespace", "harness")["metadata"]["labels"]["team"] == "blue"


def test_a_user_has_only_the_rights_that_he_was_given(kubernetes):
    nobody = kubernetes.kubectl_as("nobody")
    assert 'User "nobody" cannot list resource "pods"' in nobody.fails("get", "pods")


def test_tokens_are_reviewed(kubernetes):
    kubernetes.namespace("tokens")
    kubernetes.service_account("tokens", "web")
    review = kubernetes.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": kubernetes.token("tokens", "web"), "audiences": ["istio-ca"]}})
    assert review["status"]["user"]["username"] == "system:serviceaccount:tokens:web"


@pytest.mark.parametrize("times", [1, 2])
def test_the_server_goes_and_comes_back_with_its_objects(kubernetes, times):
    kubernetes.namespace(f"again-{times}")
    kubernetes.stop_server()
    kubernetes.start_server()
    assert kubernetes.kubectl.get("namespace", f"again-{times}")["metadata"]["name"] == f"again-{times}"
