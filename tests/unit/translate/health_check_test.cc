#include "remora/config/health_check.h"

#include "translate/cluster.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class HealthCheckTest : public TranslateTest {
 protected:
  /// A cluster whose one health check says `check` beside what is required.
  TranslatedCluster translate(const std::string& check, const std::string& cluster = "") {
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(
                                 "name: a\n" + cluster +
                                 "\nhealth_checks: [{timeout: 1s, interval: 5s, unhealthy_threshold: 3, "
                                 "healthy_threshold: 2, " +
                                 check + "}]"),
                             {"5", true}, context_);
  }
  const HealthChecks& checks(const std::string& check, const std::string& cluster = "") {
    last_ = translate(check, cluster);
    EXPECT_TRUE(last_.config) << errors();
    return *last_.config->health_checks;
  }
  template <typename T>
  const T& as(const std::string& check) {
    return std::get<T>(checks(check).check);
  }
  std::string error_of(const std::string& check) {
    report_ = ConfigReport();
    EXPECT_FALSE(translate(check).config) << check;
    return errors();
  }

  TranslatedCluster last_;
};

TEST_F(HealthCheckTest, Defaults) {
  const auto& out = checks("http_health_check: {path: /hz}");
  EXPECT_EQ(out.timeout, Milliseconds(1000));
  EXPECT_EQ(out.interval, Milliseconds(5000));
  EXPECT_EQ(out.unhealthy_interval, Milliseconds(5000));
  EXPECT_EQ(out.unhealthy_edge_interval, Milliseconds(5000));
  EXPECT_EQ(out.healthy_edge_interval, Milliseconds(5000));
  EXPECT_EQ(out.no_traffic_interval, Milliseconds(60000));
  EXPECT_EQ(out.no_traffic_healthy_interval, Milliseconds(60000));
  EXPECT_EQ(out.unhealthy_threshold, 3u);
  EXPECT_EQ(out.healthy_threshold, 2u);
  EXPECT_TRUE(out.reuse_connection);
  EXPECT_TRUE(out.uneject_on_success);
  EXPECT_FALSE(out.ignore_health_on_host_removal);
  EXPECT_FALSE(out.ignore_new_hosts_until_first_check);
  const auto& http = std::get<HttpHealthCheck>(out.check);
  EXPECT_EQ(http.host, "a") << "the cluster's name";
  EXPECT_EQ(http.path, "/hz");
  EXPECT_EQ(http.method, "GET");
  EXPECT_FALSE(http.http2);
  EXPECT_EQ(http.expected, (StatusRanges{{200, 201}}));
  EXPECT_EQ(http.response_buffer, 1024u);
}

TEST_F(HealthCheckTest, IntervalsFallBackOnOneAnother) {
  const auto& out = checks(
      "no_traffic_interval: 7s, unhealthy_interval: 3s, initial_jitter: 1s, interval_jitter: 2s, "
      "interval_jitter_percent: 10, reuse_connection: false, tcp_health_check: {}");
  EXPECT_EQ(out.no_traffic_healthy_interval, Milliseconds(7000));
  EXPECT_EQ(out.unhealthy_edge_interval, Milliseconds(3000));
  EXPECT_EQ(out.healthy_edge_interval, Milliseconds(5000));
  EXPECT_EQ(out.initial_jitter, Milliseconds(1000));
  EXPECT_EQ(out.interval_jitter, Milliseconds(2000));
  EXPECT_EQ(out.interval_jitter_percent, 10u);
  EXPECT_FALSE(out.reuse_connection);
}

TEST_F(HealthCheckTest, Http) {
  const auto& http = as<HttpHealthCheck>(
      "http_health_check: {path: /hz, host: h, method: POST, send: {text: '4f4B'}, receive: [{text: '6f6b'}, "
      "{binary: 'AAE='}], expected_statuses: [{start: 200, end: 300}], retriable_statuses: [{start: 500, "
      "end: "
      "600}], codec_client_type: HTTP2, request_headers_to_add: [{header: {key: x-a, value: b}}], "
      "service_name_matcher: {prefix: loc}}");
  EXPECT_EQ(http.host, "h");
  EXPECT_EQ(http.method, "POST");
  EXPECT_EQ(http.send, "OK");
  EXPECT_EQ(http.receive, (std::vector<std::string>{"ok", std::string("\0\1", 2)}));
  EXPECT_EQ(http.expected, (StatusRanges{{200, 300}}));
  EXPECT_EQ(http.retriable, (StatusRanges{{500, 600}}));
  EXPECT_TRUE(http.http2);
  EXPECT_EQ(http.headers.add.size(), 1u);
  EXPECT_TRUE(http.service_name->matches("location"));
}

TEST_F(HealthCheckTest, TcpAndGrpc) {
  const auto& tcp = as<TcpHealthCheck>("tcp_health_check: {send: {text: '01'}, receive: [{text: '02'}]}");
  EXPECT_EQ(tcp.send, "\1");
  EXPECT_EQ(tcp.receive, std::vector<std::string>{"\2"});
  EXPECT_EQ(as<GrpcHealthCheck>("grpc_health_check: {}").authority, "a");
  const auto& grpc = as<GrpcHealthCheck>(
      "grpc_health_check: {service_name: s, authority: x, initial_metadata: [{header: {key: k, value: v}}]}");
  EXPECT_EQ(grpc.service_name, "s");
  EXPECT_EQ(grpc.authority, "x");
  EXPECT_EQ(grpc.initial_metadata.add.size(), 1u);
}

TEST_F(HealthCheckTest, FieldsOfTheClusterAndOfTls) {
  const auto& out = checks("tcp_health_check: {}, tls_options: {alpn_protocols: [x, y]}",
                           "ignore_health_on_host_removal: true\n"
                           "common_lb_config: {ignore_new_hosts_until_first_hc: true}\n"
                           "outlier_detection: {successful_active_health_check_uneject_host: false}");
  EXPECT_TRUE(out.ignore_health_on_host_removal);
  EXPECT_TRUE(out.ignore_new_hosts_until_first_check);
  EXPECT_FALSE(out.uneject_on_success);
  EXPECT_EQ(out.alpn, (std::vector<std::string>{"x", "y"}));
}

TEST_F(HealthCheckTest, WhatCannotBe) {
  const std::pair<const char*, const char*> wrong[] = {
      {"http_health_check: {path: /hz, expected_statuses: [{start: 99, end: 200}]}",
       "health_checks[0].http_health_check.expected_statuses[0]: [99, 200) is no range"},
      {"http_health_check: {path: /hz, retriable_statuses: [{start: 500, end: 601}]}",
       "health_checks[0].http_health_check.retriable_statuses[0]: [500, 601) is no range"},
      {"http_health_check: {path: /hz, expected_statuses: [{start: 300, end: 300}]}",
       "expected_statuses[0]: [300, 300) is no range"},
      {"http_health_check: {path: /hz, send: {text: 'ff'}}",
       "http_health_check.send: a request with the method GET has no body"},
      {"http_health_check: {path: /hz, receive: [{text: 'abc'}]}",
       "http_health_check.receive[0].text: 'abc' is not hexadecimal"},
      {"tcp_health_check: {send: {text: 'xy'}}", "tcp_health_check.send.text: 'xy' is not hexadecimal"},
      {"http_health_check: {path: /hz, receive: [{text: 'abcd'}], response_buffer_size: 1}",
       "response_buffer_size: is smaller than the 2 bytes"},
      {"http_health_check: {path: /hz, codec_client_type: HTTP3}", "codec_client_type: HTTP/3"},
      {"custom_health_check: {name: redis}", "custom_health_check: is not implemented"},
      {"tcp_health_check: {}, transport_socket_match_criteria: {a: b}",
       "transport_socket_match_criteria: is not implemented"},
      {"interval_jitter: 1s", "health_checks[0]"},
  };
  for (const auto& [check, message] : wrong) {
    const auto said = error_of(check);
    EXPECT_NE(said.find(message), std::string::npos) << check << "\n" << said;
  }
}

TEST_F(HealthCheckTest, OnlyOne) {
  const auto cluster = translate_cluster(
      from_yaml<envoy::config::cluster::v3::Cluster>("name: a\nhealth_checks:\n"
                                                     "- {timeout: 1s, interval: 1s, unhealthy_threshold: 1, "
                                                     "healthy_threshold: 1, tcp_health_check: {}}\n"
                                                     "- {timeout: 1s, interval: 1s, unhealthy_threshold: 1, "
                                                     "healthy_threshold: 1, tcp_health_check: {}}\n"),
      {"5", true}, context_);
  EXPECT_FALSE(cluster.config);
  EXPECT_NE(errors().find("health_checks: more than one"), std::string::npos) << errors();
}

TEST_F(HealthCheckTest, Endpoints) {
  const auto cluster = translate("tcp_health_check: {}", R"(load_assignment:
  cluster_name: a
  endpoints:
  - lb_endpoints:
    - endpoint:
        address: {socket_address: {address: 127.0.0.1, port_value: 80}}
        health_check_config:
          port_value: 81
          hostname: h
          address: {socket_address: {address: 127.0.0.2, port_value: 0}}
    - endpoint:
        address: {socket_address: {address: 127.0.0.1, port_value: 82}}
        health_check_config: {disable_active_health_check: true}
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 83}}, health_check_config: {}}
)");
  ASSERT_TRUE(cluster.config) << errors();
  const auto& endpoints = cluster.endpoints->endpoints;
  EXPECT_EQ(endpoints[0]->health_check->address.host(), "127.0.0.2");
  EXPECT_EQ(endpoints[0]->health_check->port, 81);
  EXPECT_EQ(endpoints[0]->health_check->hostname, "h");
  EXPECT_TRUE(endpoints[1]->health_check->disabled);
  EXPECT_EQ(endpoints[2]->health_check, nullptr) << "it says nothing";
}

}  // namespace
}  // namespace remora::xds
