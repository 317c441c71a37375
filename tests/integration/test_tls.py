"""TLS on both sides of the proxy, with curl, openssl and Python's ssl as peers."""

import json
import os
import re
import socket
import ssl
import subprocess

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http_listener, route, string_match, typed
from support.certificates import Authority, Pair, TlsUpstream, downstream_tls, upstream_tls
from support.http_client import Wire
from support.upstream import Upstream, echo, reply
from support.waiting import wait_until

LOG = "%PROTOCOL% %RESPONSE_CODE% %DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME% %DOWNSTREAM_PEER_URI_SAN% " \
      "%UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_SUBJECT% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server_pair(ca):
    return ca.issue("server", "DNS:server.test", "DNS:*.wild.test")


@pytest.fixture
def serve(start, closing, tmp_path, server_pair):
    """A proxy with a TLS listener in front of an upstream; `tls` replaces the listener's transport socket."""
    def make(tls=None, upstream=None, cluster_tls=None, **manager):
        upstream = upstream or closing(Upstream(answer=echo))
        listener = http_listener(route("/", to="up"), access_log=[file_log(str(tmp_path / "log"), LOG)], **manager)
        listener["filter_chains"][0]["transport_socket"] = tls or downstream_tls(server_pair)
        listener["listener_filters"] = [{"name": "tls_inspector", "typed_config": typed(
            "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")}]  # Envoy's source of the server name
        up = cluster("up", upstream.port, **({"transport_socket": cluster_tls} if cluster_tls else {}))
        proxy = start(bootstrap([listener], [up]))
        proxy.upstream, proxy.log_lines = upstream, lambda: (tmp_path / "log").read_text().splitlines()
        return proxy
    return make


def curl(proxy, ca, *arguments, path="/", name="server.test"):
    """(exit code, body, "<http version> <status>")"""
    done = subprocess.run(
        ["curl", "-s", "--max-time", "20", "--cacert", str(ca.certificate), "--connect-to",
         f"{name}:443:127.0.0.1:{proxy.port()}", "-w", "\n%{http_version} %{http_code}", *map(str, arguments),
         f"https://{name}{path}"], capture_output=True, timeout=30)
    body, _, status = done.stdout.decode().rpartition("\n")
    return done.returncode, body, status


def s_client(proxy, *arguments, stdin=b""):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port()}", *map(str, arguments)],
                          input=stdin, capture_output=True, timeout=30)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def ssl_stat(proxy, name):
    """Whatever address the listener has: the sum over `...ssl.<name>`."""
    values = proxy.stats()
    return sum(value for key, value in values.items() if key.endswith(f".ssl.{name}"))


def logged(proxy, count=1):
    wait_until(lambda: len(proxy.log_lines()) >= count, lambda: f"{count} log lines in {proxy.log_lines()}")
    return proxy.log_lines()[-1]


class TestServing:
    @pytest.mark.parametrize("version, shown", [("--http1.1", "1.1 200"), ("--http2", "2 200")])
    def test_curl(self, serve, ca, version, shown):
        proxy = serve()
        code, body, status = curl(proxy, ca, version, path="/a?b")
        assert (code, status) == (0, shown)
        assert json.loads(body)["target"] == "/a?b"
        assert proxy.upstream.last.get("x-forwarded-proto") == "https"
        protocol = "HTTP/2" if "2" in shown.split()[0] else "HTTP/1.1"
        assert logged(proxy) == f"{protocol} 200 TLSv1.3 server.test - - - -"
        assert ssl_stat(proxy, "handshake") == 1 and ssl_stat(proxy, "versions.TLSv1.3") == 1

    def test_bodies_arrive_whole(self, serve, ca, closing, tmp_path):
        body = os.urandom(5 << 20)
        (tmp_path / "body").write_bytes(body)
        upstream = closing(Upstream(answer=lambda request: reply(200, body=request.body)))
        proxy = serve(upstream=upstream)
        for version in ("--http1.1", "--http2"):
            code, _, status = curl(proxy, ca, version, "--data-binary", f"@{tmp_path / 'body'}", "-o",
                                   tmp_path / "back")
            assert (code, status.split()[1]) == (0, "200")
            assert (tmp_path / "back").read_bytes() == body

    def test_the_name_chooses_the_certificate(self, serve, ca, server_pair):
        other = ca.issue("other", "DNS:other.test", rsa=True)
        proxy = serve(downstream_tls(server_pair, other))
        for name, subject in [("server.test", "server"), ("a.wild.test", "server"), ("other.test", "other"),
                              ("unknown.test", "server")]:
            assert f"subject=CN = {subject}\n" in s_client(proxy, "-servername", name)
        assert "subject=CN = server\n" in s_client(proxy, "-noservername")

    def test_protocols_are_agreed_on_in_our_order(self, serve):
        proxy = serve()
        assert "ALPN protocol: h2" in s_client(proxy, "-alpn", "http/1.1,h2")
        assert "ALPN protocol: http/1.1" in s_client(proxy, "-alpn", "http/1.1")
        assert "No ALPN negotiated" in s_client(proxy, "-alpn", "spdy/9")

    def test_versions_ciphers_and_curves(self, serve, server_pair):
        proxy = serve(downstream_tls(server_pair, tls_params={
            "tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_2",
            "cipher_suites": ["[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]"],
            "ecdh_curves": ["P-256"]}))
        assert "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384" in s_client(proxy)
        assert "alert protocol version" in s_client(proxy, "-tls1_3")
        assert "handshake failure" in s_client(proxy, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
        assert "handshake failure" in s_client(proxy, "-curves", "X25519")

    def test_sessions_are_resumed(self, serve, tmp_path):
        proxy = serve()
        request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        for version in ("-tls1_2", "-tls1_3"):
            session = tmp_path / version
            assert "New, " in s_client(proxy, version, "-ign_eof", "-sess_out", session, stdin=request)
            assert "Reused, " in s_client(proxy, version, "-ign_eof", "-sess_in", session, stdin=request)
        assert ssl_stat(proxy, "session_reused") == 2

    def test_an_ocsp_staple_is_shown_to_who_asks(self, serve, ca, server_pair):
        certificate = {**server_pair.config(), "ocsp_staple": {"filename": str(ca.vouch(server_pair))}}
        tls = downstream_tls(context={"ocsp_staple_policy": "MUST_STAPLE"}, tls_certificates=[certificate])
        proxy = serve(tls)
        assert "OCSP Response Status: successful" in s_client(proxy, "-status")
        assert "OCSP Response" not in s_client(proxy)
        assert ssl_stat(proxy, "ocsp_staple_requests") == ssl_stat(proxy, "ocsp_staple_responses") == 1

    def test_renegotiation_is_refused(self, serve):
        proxy = serve()
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port()}", "-tls1_2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            client.stdin.write(b"R\n")
            client.stdin.flush()
            said, _ = client.communicate(timeout=20)
        assert b"no renegotiation" in said or b"handshake failure" in said, said[-2000:]
        assert ssl_stat(proxy, "handshake") == 1

    def test_the_end_of_the_connection_is_told(self, serve, ca):
        proxy = serve()
        context = ssl.create_default_context(cafile=ca.certificate)
        with socket.create_connection(("127.0.0.1", proxy.port()), timeout=20) as plain:
            with context.wrap_socket(plain, server_hostname="server.test", suppress_ragged_eofs=False) as client:
                client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                wire = Wire(client)
                wire.read_head("in a response")
                while client.recv(65536):  # raises where close_notify is missing
                    pass


class TestClientCertificates:
    def test_taken_and_forwarded(self, serve, ca, server_pair):
        client = ca.issue("client", "URI:spiffe://mesh/ns/a/sa/b")
        proxy = serve(downstream_tls(server_pair, ca=ca, require=True),
                      forward_client_cert_details="SANITIZE_SET", set_current_client_cert_details={"uri": True})
        code, _, status = curl(proxy, ca, "--cert", client.certificate, "--key", client.key)
        assert (code, status) == (0, "2 200")
        assert re.fullmatch(r"Hash=[0-9a-f]{64};URI=spiffe://mesh/ns/a/sa/b",
                            proxy.upstream.last.get("x-forwarded-client-cert"))
        assert logged(proxy).startswith("HTTP/2 200 TLSv1.3 server.test spiffe://mesh/ns/a/sa/b")

    @pytest.mark.parametrize("who, alert, counter", [
        ("nobody", "certificate required", "fail_verify_no_cert"), ("stranger", "unknown ca", "fail_verify_error"),
        ("expired", "certificate expired", "fail_verify_error"), ("wrong name", "", "fail_verify_san")])
    def test_refused(self, serve, ca, server_pair, tmp_path, who, alert, counter):
        rules = {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": string_match("spiffe://mesh/good")}]}
        proxy = serve(downstream_tls(server_pair, ca=ca, require=True, rules=rules))
        issuer = Authority(tmp_path / "stranger", "stranger") if who == "stranger" else ca
        pair = issuer.issue("client", "URI:spiffe://mesh/" + ("bad" if who == "wrong name" else "good"),
                            days=-1 if who == "expired" else 10)
        shown = [] if who == "nobody" else ["-cert", pair.certificate, "-key", pair.key]
        # s_client has shaken hands before it hears of the refusal (TLS 1.3): it reads until it does.
        said = s_client(proxy, "-ign_eof", *shown)
        assert f"alert {alert}" in said, said[-2000:]
        assert ssl_stat(proxy, counter) == 1 and ssl_stat(proxy, "handshake") == 0
        assert not proxy.upstream.requests


class TestHostileClients:
    def test_plain_text_is_hung_up_on(self, serve):
        proxy = serve()
        with socket.create_connection(("127.0.0.1", proxy.port()), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            received = b""
            while piece := client.recv(4096):
                received += piece
        assert not received.startswith(b"HTTP/")
        assert ssl_stat(proxy, "connection_error") == 1

    def test_a_handshake_that_never_ends_is_ended(self, serve, start, closing, server_pair):
        listener = http_listener(route("/", respond=(200, "ok")))
        listener["filter_chains"][0] |= {"transport_socket": downstream_tls(server_pair),
                                         "transport_socket_connect_timeout": "0.3s"}
        proxy = start(bootstrap([listener]))
        with socket.create_connection(("127.0.0.1", proxy.port()), timeout=20) as client:
            client.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert client.recv(4096) == b""


class TestTowardsUpstreams:
    def fetch(self, proxy, ca):
        code, body, status = curl(proxy, ca, "--http1.1")
        assert code == 0
        return int(status.split()[1]), body

    def test_verified_by_authority_and_name(self, serve, ca, closing):
        upstream = closing(TlsUpstream(ca.issue("up", "DNS:up.test"), answer=echo))
        rules = {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": string_match("up.test")}]}
        proxy = serve(upstream=upstream, cluster_tls=upstream_tls(ca=ca, rules=rules, sni="up.test"))
        assert self.fetch(proxy, ca)[0] == 200
        assert upstream.handshakes == [("TLSv1.2", "up.test", None)]  # Envoy's default for clients
        assert logged(proxy) == "HTTP/1.1 200 TLSv1.3 server.test - TLSv1.2 CN=up -"
        assert proxy.stats()["cluster.up.ssl.handshake"] == 1

    @pytest.mark.parametrize("what, text, counter", [
        ("name", "CERTIFICATE_VERIFY_FAILED:.*SAN", "fail_verify_san"),
        ("authority", "CERTIFICATE_VERIFY_FAILED", "fail_verify_error"),
        ("expired", "CERTIFICATE_VERIFY_FAILED:.*certificate.has.expired", "fail_verify_error"),
        ("plain", "WRONG_VERSION_NUMBER", "connection_error")])
    def test_refused_is_503_with_the_reason(self, serve, ca, closing, tmp_path, what, text, counter):
        issuer = Authority(tmp_path / "stranger", "stranger") if what == "authority" else ca
        pair = issuer.issue("up", "DNS:bad.test" if what == "name" else "DNS:up.test",
                            days=-1 if what == "expired" else 10)
        upstream = closing(Upstream(script=lambda connection: connection.send(b"220 mail.test ready\r\n"))
                           if what == "plain" else TlsUpstream(pair, answer=echo))
        rules = {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": string_match("up.test")}]}
        proxy = serve(upstream=upstream, cluster_tls=upstream_tls(ca=ca, rules=rules, sni="up.test"))
        assert self.fetch(proxy, ca)[0] == 503
        assert re.search(f"TLS_error:\\|[0-9]+:SSL.routines:OPENSSL_internal:{text}", logged(proxy)), logged(proxy)
        assert proxy.stats()[f"cluster.up.ssl.{counter}"] == 1
        assert not upstream.requests

    def test_our_certificate_is_shown(self, serve, ca, closing):
        upstream = closing(TlsUpstream(ca.issue("up", "DNS:up.test"), client_ca=ca, answer=echo))
        client = ca.issue("proxy", "URI:spiffe://mesh/proxy")
        proxy = serve(upstream=upstream, cluster_tls=upstream_tls(client, ca=ca, tls_params={
            "tls_maximum_protocol_version": "TLSv1_3"}))
        assert self.fetch(proxy, ca)[0] == 200
        version, _, peer = upstream.handshakes[0]
        assert version == "TLSv1.3" and peer["subjectAltName"] == (("URI", "spiffe://mesh/proxy"),)

    @pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
    def test_an_upstream_that_wants_a_certificate_and_gets_none(self, serve, ca, closing, version):
        upstream = closing(TlsUpstream(ca.issue("up", "DNS:up.test"), client_ca=ca, answer=echo))
        proxy = serve(upstream=upstream, cluster_tls=upstream_tls(ca=ca, tls_params={
            "tls_maximum_protocol_version": version}))
        assert self.fetch(proxy, ca)[0] == 503
        assert not upstream.requests

    # Without a length the end of the connection is the end of the body, if the upstream says so.
    @pytest.mark.parametrize("said", [True, pytest.param(False, marks=pytest.mark.remora_only(
        "it takes the cut for the end"))], ids=["close_notify", "cut"])
    def test_a_body_until_the_end(self, serve, ca, closing, said):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf a body")
            if said:
                connection.sock = connection.sock.unwrap()

        upstream = closing(TlsUpstream(ca.issue("up"), script=script))
        proxy = serve(upstream=upstream, cluster_tls=upstream_tls(ca=ca))
        code, body, status = curl(proxy, ca, "--http1.1")
        assert body == "half a body" and status == "1.1 200"
        assert (code == 0) == said, "a body that was cut off must not look whole"


class TestOperators:
    def test_certs(self, serve, ca, server_pair):
        proxy = serve(downstream_tls(server_pair, ca=ca))
        listed = proxy.admin_json("/certs")["certificates"]
        assert len(listed) == 1
        chain, = listed[0]["cert_chain"]
        assert chain["path"] == str(server_pair.certificate) and chain["days_until_expiration"] == "9"
        assert {"dns": "server.test"} in chain["subject_alt_names"]
        assert listed[0]["ca_cert"][0]["path"] == str(ca.certificate)
        assert proxy.stats()["server.days_until_first_cert_expiring"] == 9

    def test_a_key_that_does_not_fit_is_refused_at_start(self, start, ca, server_pair):
        wrong = Pair(server_pair.certificate, ca.issue("other", rsa=True).key)
        listener = http_listener(route("/", respond=(200, "ok")))
        listener["filter_chains"][0]["transport_socket"] = downstream_tls(wrong)
        proxy = start(bootstrap([listener]), wait_ready=False)
        assert proxy.wait() == 1
        assert str(wrong.certificate) in proxy.log or str(wrong.key) in proxy.log
