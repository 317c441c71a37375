"""Kubernetes' side of an admission webhook: reviews as an API server posts them, and what their answers do."""

import base64
import copy
import http.client
import json
import ssl

from support.waiting import wait_until


class Webhook:
    """An admission webhook on this machine, trusted by `root`. One connection a call, unless `keep` is asked for."""

    def __init__(self, port, root, name="localhost"):
        self.port, self.name = port, name
        self.context = ssl.create_default_context(cafile=str(root))

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.connect()
        connection.sock = self.context.wrap_socket(connection.sock, server_hostname=self.name)
        return connection

    def post(self, body, path="/inject?timeout=10s", method="POST", content_type="application/json", connection=None):
        """(status, body) of one call; `connection`: one of connect()."""
        mine = connection or self.connect()
        try:
            mine.request(method, path, body, {"content-type": content_type} if content_type else {})
            answer = mine.getresponse()
            return answer.status, answer.read()
        finally:
            if not connection:
                mine.close()

    def review(self, pod, connection=None, **request):
        """The `response` of a review of that pod."""
        status, body = self.post(json.dumps(review(pod, **request)), connection=connection)
        assert status == 200, body
        answer = json.loads(body)
        assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        return answer["response"]

    def certificate(self):
        """The one that a new connection is shown, as Python tells it."""
        connection = self.connect()
        try:
            return connection.sock.getpeercert()
        finally:
            connection.close()

    def wait_other_certificate(self, than):
        return wait_until(lambda: (lambda new: new["serialNumber"] != than["serialNumber"] and new)(self.certificate()),
                          "another certificate")


def review(pod, namespace="shop", operation="CREATE", uid="705ab4f5-6393-11e8-b7cc-42010a800002", kind="Pod", **more):
    """An AdmissionReview as kube-apiserver 1.34 posts it when a pod is made."""
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": uid, "kind": {"group": "", "version": "v1", "kind": kind}, "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": kind},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": namespace, "operation": operation,
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "uid": "1",
                     "groups": ["system:serviceaccounts", "system:authenticated"]},
        "object": pod, "oldObject": None, "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}, **more}}


def pod(annotations=None, labels=None, name=None, **spec):
    """A pod as a ReplicaSet asks for one: no name yet, fields with their defaults, and who wrote them."""
    metadata = {"generateName": "web-6d4cf56db6-", "labels": {"app": "web", "pod-template-hash": "6d4cf56db6", **(labels or {})},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6d4cf56db6", "uid": "2", "controller": True}],
                "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                                   "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}}}]}
    if name:
        metadata = {"name": name, "labels": metadata["labels"]}
    if annotations:
        metadata["annotations"] = annotations
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {
        "volumes": [{"name": "kube-api-access-x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        "containers": [{"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                        "resources": {}, "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "serviceAccountName": "web",
        "securityContext": {}, "schedulerName": "default-scheduler", **spec}, "status": {}}


def patched(thing, response):
    """The object after the response's JSON patch (RFC 6902), with the strictness of an API server."""
    assert response["patchType"] == "JSONPatch"
    thing = copy.deepcopy(thing)
    for each in json.loads(base64.b64decode(response["patch"], validate=True)):
        apply_operation(thing, each)
    return thing


def apply_operation(thing, operation):
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    for part in way:
        thing = thing[int(part)] if isinstance(thing, list) else thing[part]
    if isinstance(thing, list):
        at = len(thing) if last == "-" else int(last)
        assert at <= len(thing) - (operation["op"] != "add"), operation
        if operation["op"] == "add":
            thing.insert(at, operation["value"])
        elif operation["op"] == "replace":
            thing[at] = operation["value"]
        else:
            del thing[at]
    elif operation["op"] == "remove":
        del thing[last]
    else:
        assert operation["op"] == "add" or last in thing, operation
        thing[last] = operation["value"]
