"""Several `remora-control` over one API server, and proxies that come to them with tokens of service accounts."""

import base64
import json
import subprocess

import yaml

from support.certificates import openssl
from support.cluster_control import ClusterControl
from support.proxy import Proxy, bin_dir

AUTHORITY = "istio-ca-secret"


class Replicas:
    """`start` makes one more replica; all of them are in the namespace `default`, or in that of an installation."""

    def __init__(self, kubernetes, folder, closing, namespace="default"):
        self.kubernetes, self.folder, self.closing = kubernetes, folder, closing
        self.namespace = namespace
        self.number = 0

    def start(self, *arguments, lease="3s", ready=True, user=("admin", "system:masters")):
        self.number += 1
        name = f"replica-{self.number}"
        return self.closing(ClusterControl(
            self.folder / name, self.kubernetes.kubeconfig(*user), "--lease-duration", lease, *arguments, ready=ready, tls=True,
            environment={"POD_NAME": name, "POD_NAMESPACE": "default"}))

    def root(self):
        """The mesh's root, as a file: what proxies trust the control plane by."""
        path = self.folder / "mesh-root.pem"
        path.write_bytes(self.secret()["ca-cert.pem"])
        return path

    def secret(self):
        """The authority that the replicas share, decoded."""
        data = self.kubernetes.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{AUTHORITY}")["data"]
        return {name: base64.b64decode(value) for name, value in data.items()}

    def sidecar(self, control, name, address, account, token, *arguments, wait_ready=True, **metadata):
        """A proxy as injection starts it, that comes to `control` with `token`; it listens where services do."""
        token_file = self.folder / f"{name}-token"
        token_file.write_text(token)
        printed = subprocess.run(
            [bin_dir() / "remoractl", "bootstrap", name, "--ip", address, "--service-account", account, "--token-file", token_file,
             "--label", f"app={name}", "--discovery-address", f"127.0.0.1:{control.xds_tls_port}", "--ca-root-file", self.root(),
             *arguments], check=True, capture_output=True, text=True).stdout
        config = yaml.safe_load(printed)
        config["admin"]["address"]["socket_address"]["port_value"] = 0
        config["static_resources"]["listeners"] = []  # for kubelet and Prometheus, on ports that all sidecars of a machine would share
        config["node"]["metadata"].update(metadata)
        return self.closing(Proxy(config, name=name, wait_ready=wait_ready))


def expired(token, signing_key):
    """The same token, signed by the same key, whose time is over."""
    header, claims, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(claims + "=="))
    claims.update(iat=claims["iat"] - 86400, nbf=claims["nbf"] - 86400, exp=claims["iat"] - 80000)
    signed = f"{header}.{url_base64(json.dumps(claims).encode())}"
    return f"{signed}.{url_base64(es256(signed.encode(), signing_key))}"


def es256(data, key):
    """Two numbers of 32 bytes each, as JSON Web Tokens want them; openssl writes them as DER: 30 n 02 n R 02 n S."""
    der = openssl("dgst", "-sha256", "-sign", key, stdin=data)
    r_length = der[3]
    r, s = der[4:4 + r_length], der[6 + r_length:]
    return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in (r, s))


def url_base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
