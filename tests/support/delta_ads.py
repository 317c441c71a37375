"""A fake management server that speaks delta ADS: it knows what each stream asked for by name, and answers for what there is not."""

from envoy.service.discovery.v3 import discovery_pb2

from support.ads import pack
from support.delta import METHOD
from support.discovery_server import DiscoveryServer, Stream
from support.waiting import wait_until


class DeltaStream(Stream):
    def __init__(self, number):
        super().__init__(number)
        self.names = {}  # type URL -> names; "*" is whatever there is
        self.sent = {}  # type URL -> name -> version


class DeltaAdsServer(DiscoveryServer):
    """Serves `resources` by type URL and name. A name that is asked for and not there is answered as removed, at once or, for a
    type in `holding`, when the test calls push()."""

    METHOD = METHOD
    REQUEST = discovery_pb2.DeltaDiscoveryRequest
    STREAM = DeltaStream

    def __init__(self, port=0):
        self.resources = {}  # type URL -> name -> Any
        self.requests = []
        self.holding = set()
        self.version = 0
        super().__init__(port)

    def receive(self, stream, request):
        self.requests.append(request)
        url = request.type_url
        is_first = url not in stream.names
        names = stream.names.setdefault(url, set())
        stream.sent.setdefault(url, {}).update(request.initial_resource_versions)
        asked = set(request.resource_names_subscribe)
        if is_first and not asked:
            asked = {"*"}
        names |= asked
        names -= set(request.resource_names_unsubscribe)
        for name in request.resource_names_unsubscribe:
            stream.sent[url].pop(name, None)
        if asked and url not in self.holding:
            self.send(stream, url, asked)

    def send(self, stream, url, asked=frozenset()):
        """What has changed for the stream; `asked` are names that must be answered whatever there is."""
        known = self.resources.get(url, {})
        wanted = known if "*" in stream.names[url] else {name: known[name] for name in stream.names[url] if name in known}
        sent = stream.sent[url]
        response = discovery_pb2.DeltaDiscoveryResponse(type_url=url, nonce=str(len(self.requests)), system_version_info=str(self.version))
        for name, (version, resource) in wanted.items():
            if sent.get(name) != version or name in asked:
                response.resources.add(name=name, version=version, resource=resource)
                sent[name] = version
        gone = [name for name in sent if name not in known]
        for name in gone:
            del sent[name]
        response.removed_resources.extend(sorted(set(gone) | {name for name in asked if name not in known and name != "*"}))
        if response.resources or response.removed_resources or "*" in asked:
            stream.outbox.put(response)

    def put(self, url, name, resource):
        """A resource, given as a dict in JSON form; None takes it away. Pushed at once."""
        with self.lock:
            self.version += 1
            if resource is None:
                self.resources.get(url, {}).pop(name, None)
            else:
                self.resources.setdefault(url, {})[name] = (str(self.version), pack(url, resource))
            self.push(url)

    def push(self, url, asked=frozenset()):
        with self.lock:
            for stream in self.streams:
                if url in stream.names:
                    self.send(stream, url, asked)

    def asked_for(self, url):
        """Names that were subscribed to, in their order."""
        with self.lock:
            return [name for request in self.requests if request.type_url == url for name in request.resource_names_subscribe]

    def given_up(self, url):
        with self.lock:
            return [name for request in self.requests if request.type_url == url for name in request.resource_names_unsubscribe]

    def wait_asked(self, url, name):
        wait_until(lambda: name in self.asked_for(url), lambda: f"a request for {name}; asked for {self.asked_for(url)}")
