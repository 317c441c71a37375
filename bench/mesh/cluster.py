"""A mesh of many services as objects of a Kubernetes API server, written over a few connections that stay open."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

MARKED = 128 << 16  # addresses from 10.128.0.0 on carry the number of a change


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Writer:
    """Calls to one API server; every thread has a connection of its own."""

    def __init__(self, port: int, context: ssl.SSLContext):
        self._port, self._context = port, context
        self._local = threading.local()

    def call(self, method: str, path: str, body: dict, content_type: str = "application/json") -> dict:
        try:
            answer, text = self._ask(method, path, body, content_type)
        except OSError:  # the server has closed a connection that was idle for long
            self._local.connection = None
            answer, text = self._ask(method, path, body, content_type)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status}: {text[:300].decode()}")
        return json.loads(text)

    def _ask(self, method: str, path: str, body: dict, content_type: str):
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context)
        connection.request(method, path, json.dumps(body), {"content-type": content_type})
        answer = connection.getresponse()
        return answer, answer.read()


class Mesh:
    """`services` services with `endpoints` endpoints each, in ten namespaces."""

    def __init__(self, services: int, endpoints: int):
        self.services, self.endpoints = services, endpoints

    def namespace(self, service: int) -> str:
        return f"team-{service % 10}"

    def pod_address(self, service: int, endpoint: int) -> str:
        return address((2 << 16) + service * self.endpoints + endpoint)

    def objects(self, pods: bool):
        """(path, object) in an order in which they can be made."""
        for number in range(10):
            yield "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"team-{number}"}}
        for service in range(self.services):
            space = f"/namespaces/{self.namespace(service)}"
            yield f"/api/v1{space}/services", self._service(service)
            yield f"/apis/discovery.k8s.io/v1{space}/endpointslices", self.slice(service)
            if pods:
                for endpoint in range(self.endpoints):
                    yield f"/api/v1{space}/pods", self._pod(service, endpoint)

    def _meta(self, service: int, name: str, **labels) -> dict:
        return {"name": name, "namespace": self.namespace(service), "labels": {"app": f"svc-{service}", **labels}}

    def _service(self, service: int) -> dict:
        return {"apiVersion": "v1", "kind": "Service", "metadata": self._meta(service, f"svc-{service}"),
                "spec": {"selector": {"app": f"svc-{service}"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}

    def _pod(self, service: int, endpoint: int) -> dict:
        at = self.pod_address(service, endpoint)
        return {"apiVersion": "v1", "kind": "Pod", "metadata": self._meta(service, f"svc-{service}-{endpoint}", version="v1"),
                "status": {"phase": "Running", "podIP": at, "podIPs": [{"ip": at}], "conditions": [{"type": "Ready", "status": "True"}]},
                "spec": {"containers": [{"name": "app", "image": "app", "ports": [{"name": "http", "containerPort": 8080}]}]}}

    def slice(self, service: int, changed: int | None = None) -> dict:
        """The service's EndpointSlice; `changed`: its first endpoint carries the number of a change."""
        entries = [self._endpoint(service, each) for each in range(self.endpoints)]
        if changed is not None:
            entries[0] = {"addresses": [address(MARKED + changed)], "conditions": {"ready": True}}
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {"name": f"svc-{service}-slice", "namespace": self.namespace(service),
                             "labels": {"kubernetes.io/service-name": f"svc-{service}"}},
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": entries}

    def _endpoint(self, service: int, endpoint: int) -> dict:
        return {"addresses": [self.pod_address(service, endpoint)], "conditions": {"ready": True, "serving": True, "terminating": False},
                "targetRef": {"kind": "Pod", "namespace": self.namespace(service), "name": f"svc-{service}-{endpoint}"}}

    def change(self, writer: Writer, service: int, number: int) -> None:
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace(service)}/endpointslices/svc-{service}-slice"
        writer.call("PUT", path, self.slice(service, number))


    # --- changes of the configuration, each of one service ---

    def limit(self, writer: Writer, service: int, number: int) -> None:
        """Its cluster: another limit of connections."""
        spec = {"host": f"svc-{service}", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1000 + number}}}}
        self._apply(writer, "destinationrules", "DestinationRule", service, spec)

    def route(self, writer: Writer, service: int, number: int) -> None:
        """Its routes: another timeout."""
        spec = {"hosts": [f"svc-{service}"], "http": [{"timeout": f"{1 + number}s", "route": [{"destination": {"host": f"svc-{service}"}}]}]}
        self._apply(writer, "virtualservices", "VirtualService", service, spec)

    def add(self, writer: Writer, number: int) -> None:
        """One service more, without endpoints."""
        service = self.services + number
        writer.call("POST", f"/api/v1/namespaces/{self.namespace(service)}/services", self._service(service))

    def _apply(self, writer: Writer, plural: str, kind: str, service: int, spec: dict) -> None:
        path = f"/apis/networking.istio.io/v1/namespaces/{self.namespace(service)}/{plural}/svc-{service}?fieldManager=bench&force=true"
        writer.call("PATCH", path, {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": self._meta(service, f"svc-{service}"),
                                    "spec": spec}, "application/apply-patch+yaml")


def write(writer: Writer, path: str, body: dict) -> None:
    """Makes an object, and says how it stands: that the server takes only by itself, as kubelet writes it."""
    writer.call("POST", path, body)
    if "status" in body:
        writer.call("PATCH", f"{path}/{body['metadata']['name']}/status", {"status": body["status"]}, "application/merge-patch+json")


def write_all(writer: Writer, mesh: Mesh, pods: bool, threads: int = 8, progress=lambda done: None) -> int:
    """Writes every object of the mesh; how many there are."""
    objects = list(mesh.objects(pods))
    first = [each for each in objects if each[0] == "/api/v1/namespaces"]
    for path, body in first:
        writer.call("POST", path, body)
    done = len(first)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda each: write(writer, *each), objects[done:]):
            done += 1
            if done % 2000 == 0:
                progress(done)
    return done
