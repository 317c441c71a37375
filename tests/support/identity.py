"""A proxy's side of the secret discovery service, spoken by hand: who one claims to be, what one shows for it."""

import queue
import subprocess
import threading

import grpc
import yaml
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from support.proxy import bin_dir
from support.waiting import wait_until

SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
SDS = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets"
ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
DELTA_SDS = SDS.replace("Stream", "Delta")
DELTA_ADS = ADS.replace("Stream", "Delta")


def issue(ca, out, *arguments, service_account="default"):
    """`remoractl identity issue`: the folder with key.pem, cert-chain.pem, root-cert.pem and xds-cluster.yaml."""
    subprocess.run([bin_dir() / "remoractl", "identity", "issue", "--ca-dir", ca, "--out", out, "--service-account",
                    service_account, *arguments], check=True, capture_output=True)
    return out


def issued_cluster(folder):
    """The bootstrap's cluster that `issue` wrote."""
    return yaml.safe_load((folder / "xds-cluster.yaml").read_text())[0]


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout.decode(errors="replace")


def describe(pem):
    """What a certificate says, as openssl tells it."""
    return openssl("x509", "-noout", "-text", data=pem)


class SecretClient:
    """One stream; `received` holds the secrets by name, the newest last."""

    def __init__(self, port, tls=None, token=None, namespace="default", service_account=None, method=SDS,
                 names=("default", "ROOTCA"), pod="test"):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}") if tls is None else grpc.secure_channel(
            f"localhost:{port}", tls)
        self.received = {name: [] for name in names}
        self.failure = None
        self.requests = queue.Queue()
        self.delta = method in (DELTA_SDS, DELTA_ADS)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        first = self.request(names)
        claims = {"NAMESPACE": namespace, **({"SERVICE_ACCOUNT": service_account} if service_account else {})}
        json_format.ParseDict({"id": f"sidecar~127.0.0.1~{pod}.{namespace}~{namespace}.svc.cluster.local",
                               "metadata": claims}, first.node)
        self.requests.put(first)
        answer = discovery_pb2.DeltaDiscoveryResponse if self.delta else discovery_pb2.DiscoveryResponse
        call = self.channel.stream_stream(method, type(first).SerializeToString, answer.FromString)
        self.stream = call(iter(self.requests.get, None), metadata=metadata)
        self.thread = threading.Thread(target=self.read, args=(names,), daemon=True)
        self.thread.start()

    def request(self, names, response=None):
        if self.delta:
            changes = {"resource_names_subscribe": names} if response is None else {"response_nonce": response.nonce}
            return discovery_pb2.DeltaDiscoveryRequest(type_url=SECRET, **changes)
        answer = {} if response is None else {"version_info": response.version_info, "response_nonce": response.nonce}
        return discovery_pb2.DiscoveryRequest(type_url=SECRET, resource_names=names, **answer)

    def read(self, names):
        try:
            for response in self.stream:
                for resource in response.resources:
                    secret = secret_pb2.Secret()
                    assert (resource.resource if self.delta else resource).Unpack(secret)
                    self.received[secret.name].append(secret)
                self.requests.put(self.request(names, response))
        except grpc.RpcError as error:
            self.failure = error

    def wait(self, name="default", count=1):
        """The newest secret of that name, when there have been so many."""
        wait_until(lambda: len(self.received[name]) >= count, lambda: f"secret {name}; failure: {self.failure}")
        return self.received[name][-1]

    def certificate(self, count=1):
        return self.wait("default", count).tls_certificate.certificate_chain.inline_bytes

    def wait_refused(self):
        """The status that the stream ended with."""
        wait_until(lambda: self.failure is not None, lambda: f"a refusal; received {self.received}")
        return self.failure.code(), self.failure.details()

    def close(self):
        self.requests.put(None)
        self.channel.close()
        self.thread.join(timeout=5)


def tls_credentials(folder, certified=True):
    """What grpc needs to connect over TLS, with the certificate in `folder` or only trusting its root."""
    read = lambda name: (folder / name).read_bytes()  # noqa: E731
    if not certified:
        return grpc.ssl_channel_credentials(read("root-cert.pem"))
    return grpc.ssl_channel_credentials(read("root-cert.pem"), read("key.pem"), read("cert-chain.pem"))
