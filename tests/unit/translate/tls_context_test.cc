#include "translate/tls_context.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "translate/cluster.h"
#include "translate/secret.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using Kind = SecretSource::Kind;

constexpr const char* kPair = "{certificate_chain: {inline_string: CERT}, private_key: {inline_string: KEY}}";
constexpr const char* kHash = "df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a";

class TlsContextTest : public TranslateTest {
 protected:
  std::shared_ptr<const DownstreamTls> downstream(const std::string& yaml) {
    return to_downstream_tls(from_yaml<tls::DownstreamTlsContext>(yaml), context_, needs_);
  }
  std::shared_ptr<const UpstreamTls> upstream(const std::string& yaml) {
    return to_upstream_tls(from_yaml<tls::UpstreamTlsContext>(yaml), context_, needs_);
  }
  /// The validation context of a client, written as a flow mapping.
  std::shared_ptr<const CertificateValidation> validation(const std::string& yaml) {
    return upstream("{common_tls_context: {validation_context: " + yaml + "}}")->common.validation.content;
  }
  std::string write(const std::string& name, const std::string& text) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "tls_context_test";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }

  SecretNeeds needs_;
};

TEST_F(TlsContextTest, EveryFieldOfAServerIsRead) {
  environment_.check_secret = nullptr;
  const std::string key(80, 'k');
  const auto made = downstream(std::string(R"(
common_tls_context:
  tls_params:
    tls_minimum_protocol_version: TLSv1_1
    tls_maximum_protocol_version: TLSv1_2
    cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256]
    ecdh_curves: [P-256]
    signature_algorithms: [rsa_pss_rsae_sha256]
  tls_certificates:
  - {certificate_chain: {inline_string: CERT}, private_key: {inline_bytes: S0VZ}, password: {inline_string: p},
     ocsp_staple: {inline_bytes: T0NTUA==}}
  - {pkcs12: {inline_bytes: UEtDUw==}}
  alpn_protocols: [h2, http/1.1]
  key_log: {path: /tmp/keys}
require_client_certificate: true
require_sni: true
session_ticket_keys: {keys: [{inline_string: ")") +
                               key + R"("}]}
disable_stateful_session_resumption: true
session_timeout: 30s
ocsp_staple_policy: MUST_STAPLE
full_scan_certs_on_sni_mismatch: true
prefer_client_ciphers: true
)");
  EXPECT_EQ(errors(), "");
  const CommonTls& common = made->common;
  EXPECT_EQ(common.parameters.minimum, TlsParameters::Version::kTls11);
  EXPECT_EQ(common.parameters.maximum, TlsParameters::Version::kTls12);
  EXPECT_EQ(common.parameters.cipher_suites, std::vector<std::string>{"ECDHE-RSA-AES128-GCM-SHA256"});
  EXPECT_EQ(common.parameters.curves, std::vector<std::string>{"P-256"});
  EXPECT_EQ(common.parameters.signature_algorithms, std::vector<std::string>{"rsa_pss_rsae_sha256"});
  ASSERT_EQ(common.certificates.size(), 2u);
  EXPECT_EQ(common.certificates[0].content->chain_pem, "CERT");
  EXPECT_EQ(common.certificates[0].content->key_pem, "KEY");
  EXPECT_EQ(common.certificates[0].content->password, "p");
  EXPECT_EQ(common.certificates[0].content->ocsp_staple, "OCSP");
  EXPECT_EQ(common.certificates[0].content->origin, "<inline>");
  EXPECT_EQ(common.certificates[1].content->pkcs12, "PKCS");
  EXPECT_EQ(common.alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(common.key_log_path, "/tmp/keys");
  EXPECT_TRUE(made->require_client_certificate);
  EXPECT_TRUE(made->require_sni);
  ASSERT_EQ(made->ticket_keys.content->keys.size(), 1u);
  EXPECT_EQ(made->ticket_keys.content->keys[0][79], 'k');
  EXPECT_FALSE(made->disable_stateless_resumption);
  EXPECT_TRUE(made->disable_stateful_resumption);
  EXPECT_EQ(made->session_timeout, Milliseconds(30000));
  EXPECT_EQ(made->ocsp, DownstreamTls::OcspPolicy::kMustStaple);
  EXPECT_TRUE(made->full_scan_on_sni_mismatch);
  EXPECT_TRUE(made->prefer_client_ciphers);
  EXPECT_TRUE(needs_.empty());
}

TEST_F(TlsContextTest, EveryFieldOfAClientIsRead) {
  const auto made = upstream(
      "{sni: a.test, auto_host_sni: true, auto_sni_san_validation: true, allow_renegotiation: true, "
      "max_session_keys: 7, enforce_rsa_key_usage: false, common_tls_context: {validation_context: "
      "{trusted_ca: {inline_string: CA}}}}");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(made->sni, "a.test");
  EXPECT_TRUE(made->auto_host_sni);
  EXPECT_TRUE(made->auto_sni_san_validation);
  EXPECT_TRUE(made->allow_renegotiation);
  EXPECT_EQ(made->max_session_keys, 7u);
  EXPECT_FALSE(made->enforce_rsa_key_usage);
  const auto plain = upstream("{}");
  EXPECT_EQ(plain->max_session_keys, 1u);
  EXPECT_TRUE(plain->enforce_rsa_key_usage);
  EXPECT_FALSE(plain->common.validates());
}

TEST_F(TlsContextTest, Validation) {
  const auto made = validation(std::string(R"({trusted_ca: {inline_string: CA}, crl: {inline_string: CRL},
    match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: "spiffe://a/"}},
      {san_type: OTHER_NAME, oid: 1.2.3, matcher: {exact: x}}],
    match_subject_alt_names: [{suffix: .test}],
    verify_certificate_spki: ["NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A="],
    only_verify_leaf_cert_crl: true, allow_expired_certificate: true, trust_chain_verification: ACCEPT_UNTRUSTED,
    max_verify_depth: 3, verify_certificate_hash: [")") +
                               kHash + R"(", "DF:6F:F7:2F:E9:11:65:21:26:8F:6F:2D:D4:96:6F:51:)" +
                               R"(DF:47:98:83:FE:70:37:B3:9F:75:91:6A:C3:04:9D:1A"]})");
  ASSERT_TRUE(made) << errors();
  EXPECT_EQ(made->trusted_ca_pem, "CA");
  EXPECT_EQ(made->crl_pem, "CRL");
  ASSERT_EQ(made->subject_alt_names.size(), 3u);
  EXPECT_EQ(made->subject_alt_names[0].type, SanMatcher::Type::kUri);
  EXPECT_TRUE(made->subject_alt_names[0].matcher.matches("spiffe://a/b"));
  EXPECT_EQ(made->subject_alt_names[1].oid, "1.2.3");
  EXPECT_EQ(made->subject_alt_names[2].type, SanMatcher::Type::kAny);
  ASSERT_EQ(made->certificate_hashes.size(), 2u);
  EXPECT_EQ(made->certificate_hashes[0].size(), 32u);
  EXPECT_EQ(made->certificate_hashes[0], made->certificate_hashes[1]) << "both forms of one digest";
  EXPECT_EQ(made->certificate_hashes[0][0], '\xdf');
  EXPECT_EQ(made->spki_hashes.at(0).size(), 32u);
  EXPECT_TRUE(made->only_verify_leaf_crl);
  EXPECT_TRUE(made->allow_expired);
  EXPECT_TRUE(made->accept_untrusted);
  EXPECT_EQ(made->max_verify_depth, 3u);
}

TEST_F(TlsContextTest, SpiffeTrustDomains) {
  const char* spiffe =
      "{custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig, "
      "trust_domains: "
      "[{name: a.test, trust_bundle: {inline_string: A}}, {name: %s, trust_bundle: {inline_string: B}}]}}}";
  char text[512];
  std::snprintf(text, sizeof(text), spiffe, "b.test");
  const auto made = validation(text);
  ASSERT_TRUE(made) << errors();
  EXPECT_EQ(made->spiffe_trust_domains,
            (std::vector<std::pair<std::string, std::string>>{{"a.test", "A"}, {"b.test", "B"}}));
  std::snprintf(text, sizeof(text), spiffe, "a.test");
  validation(text);
  EXPECT_NE(errors().find("trust_domains[1].name: 'a.test' is there twice"), std::string::npos) << errors();
}

TEST_F(TlsContextTest, WhatIsWrongIsNamed) {
  const std::string common = "common_tls_context.";
  const auto expect = [&](const std::string& text) {
    EXPECT_NE(errors().find(text), std::string::npos) << text << "\nin\n" << errors();
    report_ = {};
  };
  downstream("{}");
  expect(common + "tls_certificates: must not be empty");
  downstream(std::string("{common_tls_context: {tls_certificates: [") + kPair +
             "], tls_certificate_sds_secret_configs: [{name: a, sds_config: {ads: {}}}]}}");
  expect(common + "tls_certificate_sds_secret_configs: cannot be set together with tls_certificates");
  downstream("{common_tls_context: {tls_certificates: [{certificate_chain: {filename: /no/file}}]}}");
  expect(common +
         "tls_certificates[0].private_key: is required\n"
         "common_tls_context.tls_certificates[0].certificate_chain.filename: /no/file: cannot be read");
  upstream(std::string("{common_tls_context: {tls_certificates: [") + kPair + ", " + kPair + "]}}");
  expect(common.substr(0, common.size() - 1) + ": a client has at most one certificate");
  upstream("{sni: \"a\\0b\"}");
  expect("sni: must not contain NUL");
  upstream("{auto_sni_san_validation: true}");
  expect("auto_sni_san_validation: needs a validation context");
  validation("{match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a}}]}");
  expect(common + "validation_context.match_typed_subject_alt_names: without trusted_ca");
  validation("{verify_certificate_hash: [\"" + std::string(64, 'g') + "\"]}");
  expect("verify_certificate_hash[0]: is no SHA-256 in hex");
  validation("{verify_certificate_spki: [\"" + std::string(43, 'A') + "!\"]}");
  expect("verify_certificate_spki[0]: is no SHA-256 in base64");
  downstream("{session_ticket_keys: {keys: [{inline_string: short}]}}");
  expect("session_ticket_keys.keys[0]: must have 80 bytes, not 5");
  upstream(
      "{common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3, "
      "tls_maximum_protocol_version: TLSv1_2}}}");
  expect("tls_maximum_protocol_version: is below");
  upstream("{common_tls_context: {custom_handshaker: {name: x}}}");
  expect(common + "custom_handshaker: is not implemented");
}

TEST_F(TlsContextTest, ContentIsJudged) {
  environment_.check_secret = [](const Secret& secret) -> Result<void> {
    if (std::holds_alternative<TlsCertificate>(secret.content)) return Error{"the key does not fit"};
    return {};
  };
  downstream(std::string("{common_tls_context: {tls_certificates: [") + kPair + "]}}");
  EXPECT_EQ(errors(), "common_tls_context.tls_certificates[0]: the key does not fit\n");
}

TEST_F(TlsContextTest, SecretsAndWhereTheyComeFrom) {
  const std::string file = write("sds.yaml", "");
  const auto made = downstream(R"(
common_tls_context:
  tls_certificate_sds_secret_configs:
  - {name: a, sds_config: {ads: {}, initial_fetch_timeout: 0s}}
  - {name: b, sds_config: {api_config_source: {api_type: GRPC, transport_api_version: V3,
      grpc_services: [{envoy_grpc: {cluster_name: sds-grpc}}]}}}
  combined_validation_context:
    default_validation_context: {match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: x}}]}
    validation_context_sds_secret_config: {name: a, sds_config: {path_config_source: {path: )" +
                               file + R"(}}}
session_ticket_keys_sds_secret_config: {name: tickets}
)");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(made->common.certificates.at(0).name, "a");
  EXPECT_EQ(made->common.certificates.at(1).name, "b@sds-grpc");
  EXPECT_EQ(made->common.validation.name, "a@" + file) << "not the 'a' of the management server";
  EXPECT_EQ(made->common.validation_defaults->subject_alt_names.size(), 1u);
  EXPECT_EQ(made->ticket_keys.name, "tickets@static");
  ASSERT_EQ(needs_.size(), 4u);
  EXPECT_EQ(needs_[0].source.kind, Kind::kAds);
  EXPECT_EQ(needs_[0].fetch_timeout, Milliseconds(0));
  EXPECT_EQ(needs_[1].source.kind, Kind::kServer);
  EXPECT_EQ(needs_[1].fetch_timeout, Milliseconds(15000));
  EXPECT_EQ(needs_[1].source.server.envoy_grpc().cluster_name(), "sds-grpc");
  EXPECT_EQ(needs_[2].source.kind, Kind::kFile);
  EXPECT_EQ(needs_[2].source.folders,
            std::vector<std::string>{std::filesystem::path(file).parent_path().string()});
  EXPECT_EQ(needs_[3].source.kind, Kind::kStatic);
}

TEST_F(TlsContextTest, SourcesThatCannotWorkAreNamed) {
  environment_.has_static_secret = [](const std::string& name) { return name == "there"; };
  const auto with = [&](const std::string& config) {
    upstream("{common_tls_context: {validation_context_sds_secret_config: " + config + "}}");
    std::string text = errors();
    report_ = {};
    return text;
  };
  const std::string at = "common_tls_context.validation_context_sds_secret_config.";
  EXPECT_EQ(with("{name: there}"), "");
  EXPECT_EQ(with("{name: gone}"), at + "name: there is no static secret 'gone'\n");
  EXPECT_EQ(with("{name: a, sds_config: {path: /no/file}}"),
            at + "sds_config.path: /no/file does not exist\n");
  EXPECT_EQ(with("{name: a, sds_config: {self: {}}}"),
            at + "sds_config.self: is not implemented by this build\n");
  EXPECT_NE(with("{name: a, sds_config: {api_config_source: {api_type: DELTA_GRPC, grpc_services: "
                 "[{envoy_grpc: {cluster_name: s}}]}}}")
                .find(at + "sds_config.api_config_source.api_type: DELTA_GRPC is not implemented"),
            std::string::npos);
}

TEST_F(TlsContextTest, CertificatesOfAWatchedFolderBecomeSecrets) {
  const std::string chain = write("chain.pem", "CERT");
  const std::string key = write("key.pem", "KEY");
  const std::string folder = std::filesystem::path(chain).parent_path().string();
  const auto made =
      downstream("{common_tls_context: {tls_certificates: [{certificate_chain: {filename: " + chain +
                 "}, private_key: {filename: " + key + "}, watched_directory: {path: " + folder + "}}]}}");
  EXPECT_EQ(errors(), "");
  ASSERT_EQ(needs_.size(), 1u);
  EXPECT_EQ(needs_[0].source.kind, Kind::kWatched);
  EXPECT_EQ(needs_[0].source.folders, std::vector<std::string>{folder});
  EXPECT_EQ(made->common.certificates.at(0).name, needs_[0].key);
  EXPECT_EQ(watched_folders(*needs_[0].source.content), std::vector<std::string>{folder});
}

TEST_F(TlsContextTest, SocketsOfACluster) {
  const auto cluster = [&](const std::string& more) {
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>("name: a\n" + more), {},
                             context_);
  };
  const char* matches = R"(
transport_socket_matches:
- name: tls
  match: {tlsMode: istio}
  transport_socket: {name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: s}}
- name: plain
  match: {}
  transport_socket: {name: p, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}
)";
  const auto made = cluster(matches);
  ASSERT_TRUE(made.config) << errors();
  ASSERT_EQ(made.config->transport_socket_matches.size(), 2u);
  const auto& first = made.config->transport_socket_matches[0];
  EXPECT_EQ(first.name, "tls");
  EXPECT_EQ(first.tls->sni, "s");
  ASSERT_EQ(first.match.size(), 1u);
  EXPECT_EQ(first.match[0].first, "tlsMode");
  EXPECT_EQ(made.config->transport_socket_matches[1].tls, nullptr);
  EXPECT_EQ(made.config->tls, nullptr);
  const std::string by_alpn =
      "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
      "{\"@type\": "
      "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, auto_config: {}}}\n";
  EXPECT_EQ(cluster(by_alpn).config, nullptr);
  EXPECT_NE(errors().find("without ALPN"), std::string::npos) << errors();
  report_ = {};
  const auto agreed =
      cluster(by_alpn +
              "transport_socket: {name: t, typed_config: {\"@type\": "
              "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}");
  ASSERT_TRUE(agreed.config) << errors();
  EXPECT_EQ(agreed.config->protocol, UpstreamProtocol::kAuto);
}

}  // namespace
}  // namespace remora::xds
