#include "remora/config/proxy_header.h"

#include "translate/cluster.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

const std::string kRaw =
    "{name: r, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}";
const std::string kTls =
    "{name: t, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: s}}";

std::string wrapped(const std::string& config, const std::string& inner) {
  return "{name: w, typed_config: {\"@type\": "
         "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3."
         "ProxyProtocolUpstreamTransport, config: " +
         config + (inner.empty() ? "" : ", transport_socket: " + inner) + "}}";
}

class ProxyHeaderTest : public TranslateTest {
 protected:
  std::shared_ptr<const ClusterConfig> cluster(const std::string& fields) {
    report_ = {};
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>("name: a\n" + fields), {},
                             context_)
        .config;
  }
};

TEST_F(ProxyHeaderTest, StandsInFrontOfPlainTextAndOfTls) {
  const auto plain = cluster("transport_socket: " + wrapped("{}", kRaw));
  ASSERT_TRUE(plain) << errors();
  EXPECT_EQ(plain->tls, nullptr);
  ASSERT_TRUE(plain->proxy_header);
  EXPECT_EQ(*plain->proxy_header, ProxyHeader());
  const auto secure =
      cluster("transport_socket: " +
              wrapped("{version: V2, added_tlvs: [{type: 224, value: YWJj}, {type: 1, value: ZA==}]}", kTls));
  ASSERT_TRUE(secure) << errors();
  EXPECT_EQ(secure->tls->sni, "s");
  EXPECT_EQ(*secure->proxy_header, (ProxyHeader{.v2 = true, .added_tlvs = {{224, "abc"}, {1, "d"}}}));
  EXPECT_EQ(cluster("transport_socket: " + kTls)->proxy_header, nullptr);
}

TEST_F(ProxyHeaderTest, EachMatchHasItsOwn) {
  const auto made =
      cluster("transport_socket_matches: [{name: a, match: {k: v}, transport_socket: " +
              wrapped("{version: V2}", kTls) + "}, {name: b, match: {}, transport_socket: " + kRaw + "}]");
  ASSERT_TRUE(made) << errors();
  EXPECT_TRUE(made->transport_socket_matches[0].proxy_header->v2);
  EXPECT_EQ(made->transport_socket_matches[0].tls->sni, "s");
  EXPECT_EQ(made->transport_socket_matches[1].proxy_header, nullptr);
  EXPECT_EQ(made->proxy_header, nullptr);
}

TEST_F(ProxyHeaderTest, WhatCannotBeIsRefusedByPath) {
  const auto fault = [&](const std::string& config, const std::string& inner = kRaw) {
    EXPECT_FALSE(cluster("transport_socket: " + wrapped(config, inner)));
    return errors();
  };
  const std::string at = "transport_socket.typed_config.";
  EXPECT_EQ(fault("{}", ""), at + "transport_socket: is required\n");
  EXPECT_EQ(fault("{pass_through_tlvs: {}}"),
            at + "config.pass_through_tlvs: is not implemented by this build\n");
  EXPECT_EQ(fault("{added_tlvs: [{type: 256, value: YQ==}]}"),
            at + "config.added_tlvs[0].type: must be less than 256\n");
  EXPECT_EQ(fault("{added_tlvs: [{type: 1}]}"),
            at + "config.added_tlvs[0].value: must have at least one byte\n");
  const std::string large(65496 / 3 * 4, 'A');
  EXPECT_TRUE(
      cluster("transport_socket: " + wrapped("{added_tlvs: [{type: 1, value: " + large + "}]}", kRaw)))
      << errors();
  EXPECT_EQ(fault("{added_tlvs: [{type: 1, value: " + large + "AAAA}]}"),
            at + "config.added_tlvs: take more bytes than a header can hold\n");
  EXPECT_NE(fault("{}", wrapped("{}", kRaw)).find(at + "transport_socket"), std::string::npos)
      << "one header is enough";
}

}  // namespace
}  // namespace remora::xds
