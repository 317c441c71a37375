"""A fake management server: aggregated discovery (state of the world) over gRPC, with every request on record."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401 (by import the JSON parser knows it)
from envoy.extensions.filters.listener.proxy_protocol.v3 import proxy_protocol_pb2  # noqa: F401
from envoy.extensions.filters.listener.tls_inspector.v3 import tls_inspector_pb2  # noqa: F401
from envoy.extensions.filters.network.http_connection_manager.v3 import (  # noqa: F401
    http_connection_manager_pb2)
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2  # noqa: F401
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2  # noqa: F401
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2  # noqa: F401
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2, json_format

from support.bootstrap import TYPE
from support.discovery_server import DiscoveryServer, Stream
from support.waiting import wait_until

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
CLUSTERS = TYPE + "envoy.config.cluster.v3.Cluster"
ENDPOINTS = TYPE + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENERS = TYPE + "envoy.config.listener.v3.Listener"
ROUTES = TYPE + "envoy.config.route.v3.RouteConfiguration"
VIRTUAL_HOSTS = TYPE + "envoy.config.route.v3.VirtualHost"
SECRETS = TYPE + "envoy.extensions.transport_sockets.tls.v3.Secret"
EXTENSIONS = TYPE + "envoy.config.core.v3.TypedExtensionConfig"
MESSAGES = {CLUSTERS: cluster_pb2.Cluster, ENDPOINTS: endpoint_pb2.ClusterLoadAssignment,
            LISTENERS: listener_pb2.Listener, ROUTES: route_pb2.RouteConfiguration,
            VIRTUAL_HOSTS: route_components_pb2.VirtualHost, SECRETS: secret_pb2.Secret,
            EXTENSIONS: extension_pb2.TypedExtensionConfig}
NAMED_BY_PARENT = (ENDPOINTS, ROUTES, SECRETS, EXTENSIONS)


def resource_name(type_url, message):
    return message.cluster_name if type_url == ENDPOINTS else message.name


def pack(type_url, resource):
    """A resource given as a dict in JSON form to an Any; an Any stays what it is, however bad."""
    if isinstance(resource, any_pb2.Any):
        return resource
    return any_pb2.Any(type_url=type_url,
                       value=json_format.ParseDict(resource, MESSAGES[type_url]()).SerializeToString())


class StateStream(Stream):
    def __init__(self, number):
        super().__init__(number)
        self.wanted = {}  # type URL -> resource names of the newest request


class AdsServer(DiscoveryServer):
    """Serves what `set` was given and records every request.

    A request is answered when it is the first of its type on the stream or names resources that are new; an ACK or
    NACK is only recorded. Each `set` of a type raises its version and is pushed to every open stream that wants it.
    After clusters the endpoints are sent again, as the protocol demands: a changed cluster warms until it has them. (The
    real Envoy acknowledges clusters only once all of them are warm.)
    """

    METHOD = METHOD
    REQUEST = discovery_pb2.DiscoveryRequest
    STREAM = StateStream

    def __init__(self, port=0):
        self.resources = {}  # type URL -> list of Any
        self.versions = {}
        self.requests = []  # (stream number, DiscoveryRequest)
        self.muted = set()  # Types that are not answered at all.
        self.nonces = 0
        self.last_nonce = {}  # By type URL.
        super().__init__(port)

    def receive(self, stream, request):
        self.requests.append((stream.number, request))
        known = stream.wanted.get(request.type_url)
        stream.wanted[request.type_url] = set(request.resource_names)
        is_new = known is None or (request.type_url in NAMED_BY_PARENT and set(request.resource_names) - known)
        if is_new:
            self.push(stream, request.type_url)

    def set(self, type_url, resources, version=None):
        """Replaces all resources of one type and pushes them; returns the version they were sent with."""
        with self.lock:
            self.resources[type_url] = [pack(type_url, resource) for resource in resources]
            self.versions[type_url] = version or str(int(self.versions.get(type_url, "0")) + 1)
            for stream in self.streams:
                if stream.open and type_url in stream.wanted:
                    self.push(stream, type_url)
                    if type_url == CLUSTERS and stream.wanted.get(ENDPOINTS):
                        self.push(stream, ENDPOINTS)
            return self.versions[type_url]

    def serve_all(self, clusters=(), endpoints=(), listeners=(), routes=()):
        """Sets all four types, in the order that loses no request."""
        return [self.set(*pair) for pair in ((CLUSTERS, clusters), (ENDPOINTS, endpoints),
                                             (LISTENERS, listeners), (ROUTES, routes))]

    def push(self, stream, type_url):
        if type_url in self.muted or type_url not in self.resources:
            return
        resources = self.resources[type_url]
        if type_url in NAMED_BY_PARENT and stream.wanted[type_url]:
            resources = [entry for entry in resources if self.is_wanted(stream, type_url, entry)]
        self.send(stream, type_url, resources, self.versions[type_url])

    @staticmethod
    def is_wanted(stream, type_url, entry):
        try:
            return resource_name(type_url, MESSAGES[type_url].FromString(entry.value)) in stream.wanted[type_url]
        except Exception:  # What cannot be parsed was meant to be sent as it is.
            return True

    def send(self, stream, type_url, resources, version, nonce=None):
        self.nonces += 1
        self.last_nonce[type_url] = nonce or f"n{self.nonces}"
        stream.outbox.put(discovery_pb2.DiscoveryResponse(
            type_url=type_url, version_info=version, resources=resources, nonce=self.last_nonce[type_url]))

    def send_raw(self, data):
        """Sends these bytes as a gRPC message on the newest open stream."""
        self.current.outbox.put(data)

    @property
    def current(self):
        """The newest open stream; waits for one."""
        return wait_until(lambda: next((stream for stream in reversed(self.streams) if stream.open), None),
                          "an open discovery stream")

    def requests_of(self, type_url, stream=None):
        with self.lock:
            return [request for number, request in self.requests
                    if request.type_url == type_url and stream in (None, number)]

    def wait_request(self, type_url, condition=lambda request: True, what="any", stream=None):
        """Waits for a request of a type that meets a condition, and returns the newest of those."""
        return wait_until(
            lambda: next(filter(condition, reversed(self.requests_of(type_url, stream))), None),
            lambda: f"a request for {type_url} ({what}); got "
                    f"{[(r.version_info, r.response_nonce, r.error_detail.message) for r in self.requests_of(type_url)]}")

    def wait_ack(self, type_url, version=None):
        """Waits until the newest (or the given) version of a type has been accepted."""
        version = version or self.versions[type_url]
        return self.wait_request(type_url, lambda request: request.version_info == version
                                 and request.response_nonce and not request.HasField("error_detail"),
                                 f"ACK of {version}")

    def wait_nack(self, type_url, text=""):
        """Waits until a response of this type was refused with a message that holds `text`."""
        return self.wait_request(type_url, lambda request: request.HasField("error_detail")
                                 and text in request.error_detail.message, f"NACK with {text!r}")


class SecretServer(AdsServer):
    """A server for secrets alone: what a proxy asks for on streams of its own."""

    METHOD = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets"
