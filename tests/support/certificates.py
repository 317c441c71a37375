"""Certificates for tests, made by the openssl command line: what the proxy reads comes from a foreign hand."""

import itertools
import pathlib
import ssl
import subprocess

from support.upstream import Upstream


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Pair:
    """A certificate chain and its key as files."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    def config(self):
        """As envoy.extensions.transport_sockets.tls.v3.TlsCertificate."""
        return {"certificate_chain": {"filename": str(self.certificate)}, "private_key": {"filename": str(self.key)}}


class Authority:
    """A certificate authority with its files in `folder`."""

    def __init__(self, folder, name="ca"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.certificate, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self.numbers = itertools.count(1)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}")

    def issue(self, name, *names, days=10, rsa=False, groups=()):
        """A pair for common name `name` with these alternative names, as openssl writes them: DNS:a, URI:b, IP:c.

        `groups` become organisations of the subject, which is where Kubernetes looks for a user's groups.
        """
        stem = self.folder / f"{name}-{next(self.numbers)}"
        pair = Pair(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        request = openssl("req", "-newkey", *kind, "-nodes", "-keyout", pair.key, "-subj",
                          "".join(f"/O={group}" for group in groups) + f"/CN={name}")
        extensions = stem.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={','.join(names)}\n" if names else "")
        # A certificate of negative days has expired when it is made.
        openssl("x509", "-req", "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-extfile", extensions, "-out", pair.certificate, stdin=request)
        return pair

    def vouch(self, pair, days=1):
        """A file with an OCSP response: the certificate is good, for so many days."""
        serial = openssl("x509", "-in", pair.certificate, "-noout", "-serial").decode().strip().partition("=")[2]
        index, response = pair.certificate.with_suffix(".index"), pair.certificate.with_suffix(".ocsp")
        index.write_text(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=any\n")
        openssl("ocsp", "-index", index, "-CA", self.certificate, "-rsigner", self.certificate, "-rkey", self.key,
                "-issuer", self.certificate, "-cert", pair.certificate, "-ndays", days, "-respout", response)
        return response

    def config(self):
        """As a CertificateValidationContext that trusts this authority."""
        return {"trusted_ca": {"filename": str(self.certificate)}}


class TlsUpstream(Upstream):
    """An Upstream behind Python's TLS. `client_ca`: asks for clients' certificates, of this Authority.

    What it saw of each handshake that succeeded is in `handshakes`: (version, server name, peer's certificate).
    """

    def __init__(self, pair, client_ca=None, versions=None, **settings):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate, pair.key)
        if versions:
            self.context.minimum_version, self.context.maximum_version = versions
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca.certificate)
        self.names, self.handshakes = [], []
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(**settings)

    def run_script(self, connection):
        try:
            connection.sock = self.context.wrap_socket(connection.sock, server_side=True, suppress_ragged_eofs=False)
        except OSError as error:
            self.errors.append(error)
            connection.close()
            return
        self.handshakes.append((connection.sock.version(), self.names[-1] if self.names else None,
                                connection.sock.getpeercert()))
        super().run_script(connection)


TLS = "envoy.extensions.transport_sockets.tls.v3."


def downstream_tls(*pairs, ca=None, require=False, rules=None, alpn=("h2", "http/1.1"), context=None, **common):
    """A filter chain's transport socket. `rules`: more of the validation context."""
    return transport_socket("DownstreamTlsContext", pairs, ca, rules, alpn, common,
                            {**({"require_client_certificate": True} if require else {}), **(context or {})})


def upstream_tls(*pairs, ca=None, rules=None, alpn=(), sni=None, context=None, **common):
    """A cluster's transport socket."""
    return transport_socket("UpstreamTlsContext", pairs, ca, rules, alpn, common,
                            {**({"sni": sni} if sni else {}), **(context or {})})


def transport_socket(kind, pairs, ca, rules, alpn, common, more):
    if pairs:
        common = {**common, "tls_certificates": [pair.config() for pair in pairs]}
    if ca or rules:
        common = {**common, "validation_context": {**(ca.config() if ca else {}), **(rules or {})}}
    if alpn:
        common = {**common, "alpn_protocols": list(alpn)}
    return {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": f"type.googleapis.com/{TLS}{kind}", "common_tls_context": common, **more}}
