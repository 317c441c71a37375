"""What a proxy speaks on either side, and how each peer's configuration says so.

Every peer gets the same: TLS 1.3 with one cipher and one P-256 certificate, session tickets as each has them by default,
ALPN that offers what the scenario wants and no more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from load.certificates import NAME, Certificates

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CIPHER = "TLS_AES_128_GCM_SHA256"  # what Envoy and Remora agree on by themselves
_ALPN = {"h1": "http/1.1", "h2": "h2"}


@dataclass(frozen=True)
class Ends:
    """Protocols ("h1", "h2") and TLS of one proxy; with `mutual`, whoever connects must show a certificate."""

    client: str = "h1"
    server: str = "h1"
    certificates: Certificates | None = None
    client_tls: bool = False
    server_tls: bool = False
    mutual: bool = False

    @property
    def scheme(self) -> str:
        return "https" if self.client_tls else "http"

    def nginx(self) -> dict[str, str]:
        if self.server != "h1" or self.server_tls or self.mutual:
            raise ValueError("nginx speaks HTTP/1.1 to upstreams")
        listen = ["ssl"] * self.client_tls + ["http2"] * (self.client == "h2")
        files = self.certificates
        certificate = (f"ssl_certificate {files.leaf}; ssl_certificate_key {files.key}; "
                       f"ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {_CIPHER};") if self.client_tls else ""
        return {"listen": " ".join(listen), "certificate": certificate}

    def haproxy(self) -> dict[str, str]:
        files = self.certificates
        bind = f"proto {self.client}" if self.client == "h2" and not self.client_tls else ""
        if self.client_tls:
            bind = f"ssl crt {files.bundle} alpn {_ALPN[self.client]} ciphersuites {_CIPHER}"
            if self.mutual:
                bind += f" verify required ca-file {files.authority}"
        server = f"proto {self.server}" if self.server == "h2" and not self.server_tls else ""
        if self.server_tls:
            server = (f"ssl crt {files.bundle} verify required ca-file {files.authority} verifyhost {NAME} "
                      f"sni str({NAME}) alpn {_ALPN[self.server]} ciphersuites {_CIPHER}")
        return {"bind": bind, "server": server}

    def envoy(self) -> dict[str, str]:
        return {"codec": {"h1": "HTTP1", "h2": "HTTP2"}[self.client],
                "listener_tls": self._socket("DownstreamTlsContext", self.client, require_client_certificate=self.mutual)
                if self.client_tls else "",
                "cluster_options": "" if self.server == "h1" else "typed_extension_protocol_options: " + json.dumps(
                    {_OPTIONS: {"@type": "type.googleapis.com/" + _OPTIONS,
                                "explicit_http_config": {"http2_protocol_options": {}}}}),
                "cluster_tls": self._socket("UpstreamTlsContext", self.server, sni=NAME) if self.server_tls else ""}

    def _socket(self, context: str, protocol: str, **more) -> str:
        files = self.certificates
        common = {"alpn_protocols": [_ALPN[protocol]],
                  "tls_certificates": [{"certificate_chain": {"filename": str(files.leaf)},
                                        "private_key": {"filename": str(files.key)}}]}
        if context.startswith("Upstream") or self.mutual:
            common["validation_context"] = {
                "trusted_ca": {"filename": str(files.authority)},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": NAME}}]}
        socket = {"name": "envoy.transport_sockets.tls",
                  "typed_config": {"@type": _TLS + context, "common_tls_context": common, **more}}
        return "transport_socket: " + json.dumps(socket)
