"""A folder of manifests: services with one workload each, at a place that nobody calls."""

import json
import re

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES
from support.mesh import replace, service, workload

PORT = 8080
TABLE = str(PORT)


def cluster_of(name):
    return f"outbound|{PORT}||{name}.default.svc.cluster.local"


def ask_for(client, *names):
    """Has a client of delta ADS ask for everything that belongs to these services, in the order of a proxy."""
    client.ask(CLUSTERS)
    client.ask(ENDPOINTS, *map(cluster_of, names))
    client.ask(LISTENERS)
    client.ask(ROUTES, TABLE)
    return client


class Place:
    """A workload that nobody calls."""

    def __init__(self, port):
        self.address, self.port = "127.0.1.1", port


class Folder:
    """Services with a workload each, as manifests."""

    def __init__(self, path, *names):
        path.mkdir()
        self.path = path
        for name in names:
            self.add(name)

    def add(self, name, port=9000):
        body = [service(name, PORT), workload(f"{name}-1", name, Place(port))]
        replace(self.path, f"{name}.yaml", "---\n".join(json.dumps(each) + "\n" for each in body))

    def remove(self, name):
        (self.path / f"{name}.yaml").unlink()

    def put(self, name, resource):
        replace(self.path, f"{name}.yaml", json.dumps(resource) + "\n")


def routes_of(name, **route):
    """A VirtualService of that host, which leads to it."""
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name},
            "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": name}}], **route}]}}


def pushes(plane):
    """Responses sent so far, by type."""
    return {kind: int(count) for kind, count in re.findall(
        r'^pilot_xds_pushes\{type="(\w+)"\} (\d+)', plane.admin("/metrics").text, re.M)}
