#include "client/grpc_tls.h"

#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

using envoy::config::cluster::v3::Cluster;

class GrpcTlsTest : public TranslateTest {
 protected:
  /// A cluster whose transport socket has this common_tls_context (JSON).
  static Cluster cluster(const std::string& common) {
    return from_yaml<Cluster>(
        R"({"name": "xds", "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": {
           "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
           "sni": "control.test", "common_tls_context": )" +
        common + "}}}");
  }
  std::optional<GrpcTls> read(const Cluster& proto) { return to_grpc_tls(proto, context_); }
  std::string error_of(const std::string& common) {
    report_ = {};
    read(cluster(common));
    return errors();
  }
};

constexpr const char* kRoot = R"({"trusted_ca": {"inline_string": "PEM"}})";

TEST_F(GrpcTlsTest, PlainTextIsNothing) {
  EXPECT_FALSE(read(Cluster()));
  EXPECT_EQ(report_.error_count(), 0U);
}

TEST_F(GrpcTlsTest, NamesAndServerNameAreTaken) {
  const auto tls = read(cluster(
      R"({"validation_context": {"trusted_ca": {"inline_string": "PEM"}, "match_typed_subject_alt_names":
          [{"san_type": "URI", "matcher": {"exact": "spiffe://a/b"}}]}})"));
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->server_name, "control.test");
  EXPECT_EQ(tls->trusted_ca.text, "PEM");
  EXPECT_TRUE(tls->trusted_ca.file.empty());
  EXPECT_TRUE(tls->certificate.text.empty());
  ASSERT_EQ(tls->names.size(), 1U);
  EXPECT_TRUE(tls->names[0].matcher.matches("spiffe://a/b"));
}

TEST_F(GrpcTlsTest, WhatGrpcCannotDoIsAnErrorWithItsPath) {
  const std::string at = "transport_socket.typed_config.common_tls_context.";
  EXPECT_EQ(error_of("{}"), at + "validation_context.trusted_ca: is required for a gRPC server\n");
  EXPECT_EQ(
      error_of(R"({"validation_context": {"trusted_ca": {"inline_string": "PEM"},
                         "verify_certificate_hash": ["df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a"]}})"),
      at + "validation_context: hashes, revocation lists and SPIFFE bundles are not implemented for a gRPC "
           "server\n");
  EXPECT_NE(
      error_of(std::string(
                   R"({"tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": {"ads": {}}}],
                         "validation_context": )") +
               kRoot + "}")
          .find("secrets of a gRPC server's cluster stand in the configuration or in files"),
      std::string::npos);
}

TEST_F(GrpcTlsTest, NothingStandsInFrontOfIt) {
  Cluster wrapped;
  auto& socket = *wrapped.mutable_transport_socket();
  socket.set_name("envoy.transport_sockets.upstream_proxy_protocol");
  socket.mutable_typed_config()->set_type_url(
      "type.googleapis.com/"
      "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport");
  EXPECT_FALSE(read(wrapped));
  EXPECT_EQ(errors(), "transport_socket: a PROXY header for a gRPC server is not implemented by this build\n")
      << "what is inside of it might be TLS";
}

}  // namespace
}  // namespace remora::xds
