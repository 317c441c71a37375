"""Secrets over ADS, from secret servers, from files and from the bootstrap; their rotation, and bad ones."""

import contextlib
import json
import os
import socket
import ssl

import pytest

from support.ads import SECRETS, AdsServer, SecretServer
from support.bootstrap import TYPE, bootstrap, cluster, http_listener, over_ads, route
from support.certificates import TLS, Authority, TlsUpstream, downstream_tls, upstream_tls
from support.proxy import under_test
from support.waiting import wait_until


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pairs(ca):
    return [ca.issue(name, "DNS:server.test") for name in ("one", "two", "three")]


@pytest.fixture
def ads(closing):
    return closing(AdsServer())


@pytest.fixture
def secret_server(closing):
    return closing(SecretServer())


def inline(path):
    return {"inline_string": path.read_text()}


def certificate(name, pair, key=None):
    """A Secret whose content stands in it. `key`: of another pair, for one that does not fit."""
    return {"name": name, "tls_certificate": {"certificate_chain": inline(pair.certificate),
                                              "private_key": inline((key or pair).key)}}


def authority(name, ca):
    return {"name": name, "validation_context": {"trusted_ca": inline(ca.certificate)}}


def from_server(name, timeout="0s"):
    return {"resource_api_version": "V3", "initial_fetch_timeout": timeout, "api_config_source": {
        "api_type": "GRPC", "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": name}}]}}


def from_file(path, folder=None):
    watched = {"watched_directory": {"path": str(folder)}} if folder else {}
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path), **watched}}


def named(name, source=None):
    return {"name": name, **({"sds_config": source} if source else {})}


def tls_listener(*secrets, **context):
    """A listener whose certificates are these SdsSecretConfigs."""
    listener = http_listener(route("/", respond=(200, "ok")))
    listener["filter_chains"][0]["transport_socket"] = downstream_tls(
        tls_certificate_sds_secret_configs=list(secrets), **context)
    return listener


def served(proxy):
    """The certificate that the listener shows, as DER; "" if there is none to be had."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", proxy.port()), timeout=10) as plain, \
            context.wrap_socket(plain, server_hostname="server.test") as secure:
        return secure.getpeercert(binary_form=True)
    return b""


def is_served(proxy, pair):
    return served(proxy) == ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


def wait_served(proxy, pair):
    wait_until(lambda: is_served(proxy, pair), f"{pair.certificate.name} to be shown")


def secrets_dump(proxy):
    dump = proxy.admin_json("/config_dump")["configs"]
    return next((part for part in dump if part["@type"].endswith("SecretsConfigDump")), {})


class TestOverAds:
    @pytest.fixture
    def proxy(self, start, ads, pairs):
        ads.serve_all(clusters=[], listeners=[tls_listener(named("server", over_ads("0s")))])
        proxy = start(bootstrap(ads=ads.port), wait_ready=False)
        ads.wait_request(SECRETS, lambda request: list(request.resource_names) == ["server"])
        return proxy

    def test_a_listener_warms_until_its_secret_is_there(self, proxy, ads, pairs):
        assert proxy.admin("/ready").status == 503
        assert "SdsApi server" in proxy.admin("/init_dump").text
        ads.set(SECRETS, [certificate("server", pairs[0])])
        proxy.wait_ready()
        assert is_served(proxy, pairs[0])
        ads.wait_ack(SECRETS)
        assert proxy.stat("sds.server.update_success") == 1

    def test_rotation_and_refusal(self, proxy, ads, pairs):
        ads.set(SECRETS, [certificate("server", pairs[0])])
        proxy.wait_ready()
        ads.set(SECRETS, [certificate("server", pairs[1])])
        wait_served(proxy, pairs[1])
        ads.set(SECRETS, [certificate("server", pairs[2], key=pairs[0])])
        ads.wait_nack(SECRETS, "" if under_test() == "envoy" else "server")
        assert is_served(proxy, pairs[1]), "the last good one stays"
        proxy.wait_stat("sds.server.update_rejected", 1)
        ads.set(SECRETS, [certificate("server", pairs[2])])
        wait_served(proxy, pairs[2])

    def test_the_dump_has_no_keys(self, proxy, ads, pairs):
        ads.set(SECRETS, [certificate("server", pairs[0])])
        proxy.wait_ready()
        ads.wait_ack(SECRETS)
        [active] = secrets_dump(proxy)["dynamic_active_secrets"]
        assert (active["name"], active["version_info"]) == ("server", "1")
        assert active["secret"]["tls_certificate"]["private_key"]["inline_string"] == "[redacted]"
        assert "BEGIN CERTIFICATE" in active["secret"]["tls_certificate"]["certificate_chain"]["inline_string"]
        assert "PRIVATE KEY" not in proxy.admin("/config_dump").text

    @pytest.mark.remora_only("its dump of secrets shows no refused updates")
    def test_the_dump_says_what_was_refused(self, proxy, ads, pairs):
        ads.set(SECRETS, [certificate("server", pairs[0])])
        proxy.wait_ready()
        ads.set(SECRETS, [certificate("server", pairs[0], key=pairs[1])])
        ads.wait_nack(SECRETS, "server")
        [active] = secrets_dump(proxy)["dynamic_active_secrets"]
        assert active["error_state"]["details"] and active["version_info"] == "1"
        assert "PRIVATE KEY" not in json.dumps(active)

    def test_a_listener_opens_without_a_secret_that_does_not_come_in_time(self, start, ads):
        ads.serve_all(clusters=[], listeners=[tls_listener(named("server", over_ads("0.2s")))])
        proxy = start(bootstrap(ads=ads.port))
        assert served(proxy) == b"", "nothing to show: the connection ends"
        assert proxy.stat("sds.server.init_fetch_timeout") == 1

    def test_a_cluster_takes_its_authority_and_certificate(self, start, ads, ca, pairs, closing):
        upstream = closing(TlsUpstream(pairs[0], client_ca=ca, name="secure"))
        socket_config = upstream_tls(
            sni="server.test", tls_certificate_sds_secret_configs=[named("client", over_ads("0s"))],
            combined_validation_context={
                "default_validation_context": {"match_typed_subject_alt_names": [
                    {"san_type": "DNS", "matcher": {"exact": "server.test"}}]},
                "validation_context_sds_secret_config": named("ca", over_ads("0s"))})
        ads.set(SECRETS, [authority("ca", ca), certificate("client", pairs[1])])
        ads.serve_all(clusters=[cluster("up", upstream.port, transport_socket=socket_config,
                                        max_requests_per_connection=1)],
                      listeners=[http_listener(route("/", to="up"))])
        proxy = start(bootstrap(ads=ads.port))
        assert proxy.fetch().text == "secure"
        stranger = Authority(ca.folder / "other", "stranger")
        ads.set(SECRETS, [authority("ca", stranger), certificate("client", pairs[1])])
        wait_until(lambda: proxy.fetch().status == 503, "the upstream to be a stranger")


class TestSecretServer:
    @pytest.fixture
    def proxy(self, start, secret_server, pairs):
        secret_server.set(SECRETS, [certificate("server", pairs[0])])
        return start(bootstrap([tls_listener(named("server", from_server("sds")))],
                               [cluster("sds", secret_server.port, http2=True)]))

    def test_it_is_asked_and_answered(self, proxy, secret_server, pairs):
        assert is_served(proxy, pairs[0])
        first = secret_server.requests[0][1]
        assert (first.type_url, list(first.resource_names), first.node.id) == (SECRETS, ["server"], "test-node")
        ack = secret_server.wait_ack(SECRETS)
        assert ack.response_nonce == secret_server.last_nonce[SECRETS]

    def test_the_last_good_secret_outlives_the_server(self, proxy, secret_server, pairs):
        assert is_served(proxy, pairs[0])
        secret_server.set(SECRETS, [certificate("server", pairs[1], key=pairs[0])])
        secret_server.wait_nack(SECRETS)
        secret_server.stop()
        assert is_served(proxy, pairs[0])
        proxy.wait_stat("sds.server.update_failure", 1)
        secret_server.set(SECRETS, [certificate("server", pairs[2])])
        secret_server.start()
        wait_served(proxy, pairs[2])
        assert is_served(proxy, pairs[2])

    def test_each_secret_has_its_own_stream(self, start, secret_server, ca, pairs):
        secret_server.set(SECRETS, [certificate("server", pairs[0]), authority("ca", ca)])
        listener = tls_listener(named("server", from_server("sds")),
                                validation_context_sds_secret_config=named("ca", from_server("sds")))
        proxy = start(bootstrap([listener], [cluster("sds", secret_server.port, http2=True)]))
        assert is_served(proxy, pairs[0])
        wait_until(lambda: {tuple(request.resource_names) for _, request in secret_server.requests}
                   == {("server",), ("ca",)}, "both to be asked for")

    @pytest.mark.remora_only("it finds the missing cluster when it first needs it")
    def test_a_server_that_is_no_cluster_is_named(self, start):
        proxy = start(bootstrap([tls_listener(named("server", from_server("nowhere")))], []), wait_ready=False)
        assert proxy.wait() == 1
        assert "sds_config.api_config_source.grpc_services[0]" in proxy.log and "nowhere" in proxy.log


class TestFiles:
    @staticmethod
    def write(path, *secrets, version="1"):
        """Moves a DiscoveryResponse into place."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({"version_info": version, "resources": [
            {"@type": TYPE + TLS + "Secret", **secret} for secret in secrets]}))
        os.rename(draft, path)

    def test_a_file_with_a_discovery_response(self, start, tmp_path, pairs):
        path = tmp_path / "sds.json"
        self.write(path, certificate("server", pairs[0]))
        proxy = start(bootstrap([tls_listener(named("server", from_file(path)))]))
        assert is_served(proxy, pairs[0])
        self.write(path, certificate("server", pairs[1]), version="2")
        wait_served(proxy, pairs[1])
        self.write(path, certificate("server", pairs[2], key=pairs[0]), version="3")
        proxy.wait_stat("sds.server.update_rejected", 1)
        assert is_served(proxy, pairs[1])
        self.write(path, certificate("server", pairs[2]), version="4")
        wait_served(proxy, pairs[2])

    def mount(self, folder, number, pair, key=None):
        """A folder as Kubernetes mounts a secret: links to `..data`, which is swapped as a whole."""
        version = folder / f"..version{number}"
        version.mkdir(parents=True)
        (version / "tls.crt").write_text(pair.certificate.read_text())
        (version / "tls.key").write_text((key or pair).key.read_text())
        for name in ("tls.crt", "tls.key"):
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"..data/{name}")
        (folder / "..draft").symlink_to(version.name)
        os.rename(folder / "..draft", folder / "..data")

    @staticmethod
    def watched(folder):
        return {"certificate_chain": {"filename": str(folder / "tls.crt")},
                "private_key": {"filename": str(folder / "tls.key")}, "watched_directory": {"path": str(folder)}}

    @pytest.mark.remora_only("it watches the folders of secrets alone, not of plain certificates")
    def test_certificates_of_a_watched_folder(self, start, tmp_path, pairs):
        folder = tmp_path / "mounted"
        self.mount(folder, 1, pairs[0])
        listener = http_listener(route("/", respond=(200, "ok")))
        listener["filter_chains"][0]["transport_socket"] = downstream_tls(tls_certificates=[self.watched(folder)])
        proxy = start(bootstrap([listener]))
        assert is_served(proxy, pairs[0])
        self.mount(folder, 2, pairs[1], key=pairs[0])  # half a rotation
        self.mount(folder, 3, pairs[2])
        wait_served(proxy, pairs[2])

    def test_a_secret_whose_files_are_mounted(self, start, tmp_path, secret_server, pairs):
        folder = tmp_path / "mounted"
        self.mount(folder, 1, pairs[0])
        secret_server.set(SECRETS, [{"name": "server", "tls_certificate": self.watched(folder)}])
        proxy = start(bootstrap([tls_listener(named("server", from_server("sds")))],
                                [cluster("sds", secret_server.port, http2=True)]))
        assert is_served(proxy, pairs[0])
        self.mount(folder, 2, pairs[1])
        wait_served(proxy, pairs[1])


class TestInTheBootstrap:
    def test_static_secrets(self, start, ca, pairs, closing):
        upstream = closing(TlsUpstream(pairs[1], name="secure"))
        config = bootstrap(
            [tls_listener(named("server"))],
            [cluster("up", upstream.port, transport_socket=upstream_tls(
                sni="server.test", validation_context_sds_secret_config=named("ca")))])
        config["static_resources"]["secrets"] = [certificate("server", pairs[0]), authority("ca", ca)]
        proxy = start(config)
        assert is_served(proxy, pairs[0])
        names = {secret["name"] for secret in secrets_dump(proxy)["static_secrets"]}
        assert names == {"server", "ca"}
        assert "PRIVATE KEY" not in proxy.admin("/config_dump").text, "nor does the bootstrap's part show keys"

    @pytest.mark.parametrize("spoil, where", [
        (lambda secrets, pairs: secrets.append(certificate("server", pairs[0], key=pairs[1])),
         "static_resources.secrets[0]"),
        (lambda secrets, pairs: secrets.append({"name": "server", "tls_certificate": {
            "certificate_chain": {"filename": "/no/such/file"}, "private_key": inline(pairs[0].key)}}),
         "static_resources.secrets[0].tls_certificate.certificate_chain.filename"),
        (lambda secrets, pairs: None, "tls_certificate_sds_secret_configs[0].name"),
    ], ids=["key of another", "no file", "no secret"])
    @pytest.mark.remora_only("it names no paths")
    def test_validation_finds_what_is_wrong(self, start, pairs, spoil, where):
        config = bootstrap([tls_listener(named("server"))])
        spoil(config["static_resources"].setdefault("secrets", []), pairs)
        proxy = start(config, "--mode", "validate", wait_ready=False)
        assert proxy.wait() == 1
        assert where in proxy.log
