#include "translate/http2_options.h"

#include "translate/cluster.h"
#include "translate/listener.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

constexpr const char* kHttpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

class Http2OptionsTest : public TranslateTest {
 protected:
  /// A cluster whose typed options hold `fields`, a flow mapping without its braces.
  TranslatedCluster cluster(const std::string& fields, const std::string& more = "") {
    return translate_cluster(
        from_yaml<envoy::config::cluster::v3::Cluster>(
            "name: a\n" + more + "typed_extension_protocol_options: {" + kHttpOptions +
            ": {\"@type\": type.googleapis.com/" + kHttpOptions + ", " + fields + "}}\n"),
        {}, context_);
  }
  std::shared_ptr<HttpConnectionManagerConfig> manager(const std::string& fields) {
    const std::string router =
        "http_filters: [{name: r, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]";
    return to_connection_manager(from_yaml<ProtoConnectionManager>(
                                     "stat_prefix: in\nroute_config: {name: r}\n" + router + "\n" + fields),
                                 TrafficDirection::kUnspecified, context_)
        .config;
  }
};

TEST_F(Http2OptionsTest, EveryFieldIsRead) {
  const auto http = manager(R"(
codec_type: HTTP2
http2_protocol_options:
  hpack_table_size: 0
  max_concurrent_streams: 5
  initial_stream_window_size: 65535
  initial_connection_window_size: 2147483647
  allow_connect: true
  max_outbound_frames: 1
  max_outbound_control_frames: 2
  max_consecutive_inbound_frames_with_empty_payload: 3
  max_inbound_priority_frames_per_stream: 4
  max_inbound_window_update_frames_per_data_frame_sent: 6
  override_stream_error_on_invalid_http_message: true
  connection_keepalive: {interval: 10s, timeout: 0.5s, interval_jitter: {value: 20}, connection_idle_interval: 7s}
)");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(http->codec, HttpConnectionManagerConfig::Codec::kHttp2);
  const Http2Options& http2 = http->http2;
  EXPECT_EQ(http2.hpack_table_size, 0u);
  EXPECT_EQ(http2.max_concurrent_streams, 5u);
  EXPECT_EQ(http2.initial_stream_window_size, 65535u);
  EXPECT_EQ(http2.initial_connection_window_size, 2147483647u);
  EXPECT_TRUE(http2.allow_connect);
  EXPECT_EQ(http2.max_outbound_frames, 1u);
  EXPECT_EQ(http2.max_outbound_control_frames, 2u);
  EXPECT_EQ(http2.max_consecutive_inbound_frames_with_empty_payload, 3u);
  EXPECT_EQ(http2.max_inbound_priority_frames_per_stream, 4u);
  EXPECT_EQ(http2.max_inbound_window_update_frames_per_data_frame_sent, 6u);
  EXPECT_TRUE(http2.stream_error_on_invalid_http_messaging);
  EXPECT_EQ(http2.keepalive_interval, Milliseconds(10000));
  EXPECT_EQ(http2.keepalive_timeout, Milliseconds(500));
  EXPECT_EQ(http2.keepalive_jitter_percent, 20u);
  EXPECT_EQ(http2.keepalive_idle_interval, Milliseconds(7000));
}

TEST_F(Http2OptionsTest, DefaultsAreEnvoys) {
  const auto http = manager("");
  EXPECT_EQ(http->codec, HttpConnectionManagerConfig::Codec::kAuto);
  EXPECT_EQ(http->http2.max_concurrent_streams, 1024u);
  EXPECT_EQ(http->http2.initial_stream_window_size, 16u * 1024 * 1024);
  EXPECT_EQ(http->http2.initial_connection_window_size, 24u * 1024 * 1024);
  EXPECT_FALSE(http->http2.stream_error_on_invalid_http_messaging);
  EXPECT_EQ(http->http2.keepalive_interval, Milliseconds(0));
}

TEST_F(Http2OptionsTest, RangesAreEnvoys) {
  manager(R"(
http2_protocol_options:
  max_concurrent_streams: 0
  initial_stream_window_size: 65534
  initial_connection_window_size: 2147483648
  max_outbound_frames: 0
  max_inbound_window_update_frames_per_data_frame_sent: 0
  allow_metadata: true
  custom_settings_parameters: [{identifier: 1, value: 1}]
  connection_keepalive: {interval: 1s}
)");
  for (const char* expected :
       {"max_concurrent_streams: must be at least 1", "initial_stream_window_size: must be at least 65535",
        "initial_connection_window_size: must be at most 2147483647",
        "max_outbound_frames: must be at least 1",
        "max_inbound_window_update_frames_per_data_frame_sent: must be at least 1",
        "allow_metadata: only false is implemented", "custom_settings_parameters: is not implemented",
        "connection_keepalive.timeout: is required"}) {
    EXPECT_NE(errors().find(std::string("http2_protocol_options.") + expected), std::string::npos)
        << expected << "\nin\n"
        << errors();
  }
}

TEST_F(Http2OptionsTest, TheManagersToleranceIsADefault) {
  EXPECT_TRUE(
      manager("stream_error_on_invalid_http_message: true")->http2.stream_error_on_invalid_http_messaging);
  EXPECT_NE(warnings().find("stream_error_on_invalid_http_message: has no effect on HTTP/1"),
            std::string::npos);
  EXPECT_FALSE(manager("stream_error_on_invalid_http_message: true\n"
                       "http2_protocol_options: {override_stream_error_on_invalid_http_message: false}")
                   ->http2.stream_error_on_invalid_http_messaging);
}

TEST_F(Http2OptionsTest, ClientCertificateDetails) {
  const auto http = manager(R"(
forward_client_cert_details: APPEND_FORWARD
set_current_client_cert_details: {subject: true, chain: true, uri: true}
)");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(http->forward_client_cert, HttpConnectionManagerConfig::ForwardClientCert::kAppendForward);
  EXPECT_TRUE(http->client_cert_details.subject);
  EXPECT_TRUE(http->client_cert_details.chain);
  EXPECT_TRUE(http->client_cert_details.uri);
  EXPECT_FALSE(http->client_cert_details.cert);
  EXPECT_FALSE(http->client_cert_details.dns);
}

TEST_F(Http2OptionsTest, ProtocolOfACluster) {
  const auto plain = cluster("explicit_http_config: {http_protocol_options: {}}");
  ASSERT_TRUE(plain.config) << errors();
  EXPECT_EQ(plain.config->protocol, UpstreamProtocol::kHttp1);
  const auto http2 = cluster(
      "explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 7}}, "
      "upstream_http_protocol_options: "
      "{auto_sni: true, auto_san_validation: true, override_auto_sni_header: X-Host}");
  ASSERT_TRUE(http2.config) << errors();
  EXPECT_EQ(http2.config->protocol, UpstreamProtocol::kHttp2);
  EXPECT_EQ(http2.config->http2->max_concurrent_streams, 7u);
  EXPECT_TRUE(http2.config->auto_sni);
  EXPECT_TRUE(http2.config->auto_san_validation);
  EXPECT_EQ(*http2.config->auto_sni_header, "x-host");
  const auto downstream =
      cluster("use_downstream_protocol_config: {http2_protocol_options: {hpack_table_size: 9}}");
  ASSERT_TRUE(downstream.config) << errors();
  EXPECT_EQ(downstream.config->protocol, UpstreamProtocol::kDownstream);
  EXPECT_EQ(downstream.config->http2->hpack_table_size, 9u);
}

TEST_F(Http2OptionsTest, OlderSpellingsOfACluster) {
  const auto older = translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(
                                           "{name: a, http2_protocol_options: {allow_connect: true}, "
                                           "upstream_http_protocol_options: {auto_sni: true}}"),
                                       {}, context_);
  ASSERT_TRUE(older.config) << errors();
  EXPECT_EQ(older.config->protocol, UpstreamProtocol::kHttp2);
  EXPECT_TRUE(older.config->http2->allow_connect);
  EXPECT_TRUE(older.config->auto_sni);
  const auto both =
      cluster("explicit_http_config: {http_protocol_options: {}}", "http2_protocol_options: {}\n");
  ASSERT_TRUE(both.config) << errors();
  EXPECT_EQ(both.config->protocol, UpstreamProtocol::kHttp1) << "the newer spelling wins";
  EXPECT_NE(warnings().find("http2_protocol_options: has no effect: typed_extension"), std::string::npos);
}

TEST_F(Http2OptionsTest, Http3IsRefused) {
  cluster("explicit_http_config: {http3_protocol_options: {}}");
  EXPECT_NE(errors().find("explicit_http_config.http3_protocol_options: is not implemented"),
            std::string::npos)
      << errors();
}

}  // namespace
}  // namespace remora::xds
