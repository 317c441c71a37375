"""A delta xDS client spoken by hand: every response on record, and answers as the test says."""

import queue
import threading

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, VIRTUAL_HOSTS
from support.waiting import wait_until

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
SHORT = {CLUSTERS: "CDS", ENDPOINTS: "EDS", LISTENERS: "LDS", ROUTES: "RDS", VIRTUAL_HOSTS: "VHDS"}


class DeltaClient:
    """One stream of one sidecar. Accepts every response unless `rejects` says otherwise.

    `known`: what it has, type URL -> name -> version; given from an earlier client, this one has come back.
    `metadata`: more of its node's.
    """

    def __init__(self, port, name="client", address="127.0.0.1", known=None, **metadata):
        self.known = {type_url: dict((known or {}).get(type_url, {})) for type_url in SHORT}
        self.came_with = {type_url: dict(versions) for type_url, versions in self.known.items()}
        self.responses = []  # In the order in which they came.
        self.rejects = lambda response: None  # or a reason
        self.failure = None
        self.asked = set()
        self.node = {"id": f"sidecar~{address}~{name}.default~default.svc.cluster.local",
                     "metadata": {"NAMESPACE": "default", "INTERCEPTION_MODE": "NONE", "LABELS": {"app": name}, **metadata}}
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.outbox = queue.Queue()
        call = self.channel.stream_stream(METHOD, discovery_pb2.DeltaDiscoveryRequest.SerializeToString,
                                          discovery_pb2.DeltaDiscoveryResponse.FromString)
        self.stream = call(iter(self.outbox.get, None))
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, type_url, *names, without=(), **more):
        """Subscribes, and unsubscribes from `without`. The first of a type tells what it has."""
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names,
                                                      resource_names_unsubscribe=without, **more)
        if not self.asked:
            json_format.ParseDict(self.node, request.node)
        if type_url not in self.asked:
            request.initial_resource_versions.update(self.came_with.get(type_url, {}))
        self.asked.add(type_url)
        self.outbox.put(request)

    def read(self):
        try:
            for response in self.stream:
                self.take(response)
        except grpc.RpcError as error:
            self.failure = error

    def take(self, response):
        answer = discovery_pb2.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if reason := self.rejects(response):
            answer.error_detail.message = reason
        else:
            known = self.known[response.type_url]
            known.update({resource.name: resource.version for resource in response.resources})
            for name in response.removed_resources:
                known.pop(name, None)
        self.responses.append(response)
        self.outbox.put(answer)

    def heard(self, since=0):
        """What came, a line for each response: "CDS +name -name"."""
        return [" ".join([SHORT[each.type_url], *(f"+{resource.name}" for resource in each.resources),
                          *(f"-{name}" for name in each.removed_resources)]) for each in self.responses[since:]]

    def wait_heard(self, lines, since=0):
        """Until exactly these responses have come, in this order."""
        wait_until(lambda: len(self.responses) - since >= len(lines) or self.failure,
                   lambda: f"{lines}; heard {self.heard(since)}, {self.failure}")
        assert self.heard(since) == lines

    def wait_failure(self):
        wait_until(lambda: self.failure is not None, lambda: f"an end of the stream; heard {self.heard()}")
        return self.failure.code(), self.failure.details()

    def close(self):
        self.outbox.put(None)
        self.channel.close()
        self.thread.join(timeout=5)
