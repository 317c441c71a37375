#include "translate/cluster.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "remora/config/latency_ejection.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class ClusterTest : public TranslateTest {
 protected:
  TranslatedCluster translate(const std::string& yaml) {
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(yaml), {"5", true}, context_);
  }
};

constexpr const char* kHttpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

TEST_F(ClusterTest, StaticWithDefaults) {
  const auto cluster = translate(R"(
name: a
type: STATIC
load_assignment:
  cluster_name: a
  endpoints:
  - locality: {region: r, zone: z}
    priority: 1
    lb_endpoints:
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 80}}, hostname: h}
      load_balancing_weight: 3
      metadata: {filter_metadata: {envoy.lb: {version: v1, canary: true}}}
    - endpoint: {address: {pipe: {path: /run/x.sock}}}
      health_status: DRAINING
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 80}}}
)");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_EQ(cluster.config->connect_timeout, Milliseconds(5000));
  EXPECT_EQ(cluster.config->lb_policy, LbPolicy::kRoundRobin);
  EXPECT_EQ(cluster.config->panic_threshold_percent, 50u);
  const auto& endpoints = cluster.endpoints->endpoints;
  ASSERT_EQ(endpoints.size(), 2u) << "an address counts once";
  EXPECT_NE(warnings().find("load_assignment.endpoints[0].lb_endpoints[2]: the address 127.0.0.1:80"),
            std::string::npos);
  EXPECT_EQ(endpoints[0]->address_text, "127.0.0.1:80");
  EXPECT_EQ(endpoints[0]->weight, 3u);
  EXPECT_EQ(endpoints[0]->priority, 1u);
  EXPECT_EQ(endpoints[0]->locality->zone, "z");
  EXPECT_TRUE(endpoints[0]->canary);
  EXPECT_EQ(endpoints[0]->metadata->find("envoy.lb", "version")->text(), "v1");
  EXPECT_EQ(endpoints[1]->health, EndpointHealth::kDraining);
}

TEST_F(ClusterTest, Eds) {
  const auto cluster = translate(R"(
name: a
type: EDS
eds_cluster_config: {service_name: s, eds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}}
)");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_EQ(cluster.config->discovery, ClusterConfig::Discovery::kEds);
  EXPECT_EQ(endpoints_name(*cluster.config), "s");
  ASSERT_NE(cluster.source, nullptr);
  EXPECT_EQ(cluster.source->fetch_timeout, Milliseconds(0));
  EXPECT_EQ(cluster.endpoints, nullptr);
}

TEST_F(ClusterTest, WhatIsNotImplementedIsNamed) {
  translate(R"(
name: a
type: STATIC
lb_policy: LOAD_BALANCING_POLICY_CONFIG
transport_socket:
  name: tls
  typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext}
common_lb_config: {update_merge_window: 1s}
track_timeout_budgets: true
respect_dns_ttl: true
)");
  const std::string text = errors();
  for (const char* expected :
       {"lb_policy: LOAD_BALANCING_POLICY_CONFIG is not implemented",
        ("transport_socket: the transport socket 'tls' of type "
         "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext is not implemented"),
        "track_timeout_budgets: is not implemented"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
  }
  EXPECT_NE(warnings().find("respect_dns_ttl: has no effect: only clusters of type STRICT_DNS"),
            std::string::npos);
  EXPECT_NE(warnings().find("common_lb_config.update_merge_window: has no effect"), std::string::npos);
}

TEST_F(ClusterTest, TheFirstKnownTypedPolicyWins) {
  const auto cluster = translate(R"(
name: a
load_balancing_policy:
  policies:
  - typed_extension_config:
      name: first
      typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided}
  - typed_extension_config:
      name: second
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest
        choice_count: 5
        active_request_bias: {default_value: 0.5, runtime_key: k}
  - typed_extension_config:
      name: third
      typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random}
)");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_EQ(cluster.config->lb_policy, LbPolicy::kLeastRequest);
  EXPECT_EQ(cluster.config->choice_count, 5u);
  EXPECT_DOUBLE_EQ(cluster.config->active_request_bias, 0.5);
}

TEST_F(ClusterTest, NoKnownTypedPolicy) {
  translate(R"(
name: a
load_balancing_policy:
  policies:
  - typed_extension_config:
      name: first
      typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided}
)");
  EXPECT_EQ(errors(),
            "load_balancing_policy.policies: none of them is implemented by this build: "
            "envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided\n");
}

TEST_F(ClusterTest, SubsetsInBothSpellings) {
  const std::string classic = R"(
name: a
lb_policy: LEAST_REQUEST
lb_subset_config:
  fallback_policy: DEFAULT_SUBSET
  default_subset: {version: v1}
  subset_selectors:
  - {keys: [version, stage], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [stage]}
  list_as_any: true
)";
  const std::string typed = R"(
name: a
load_balancing_policy:
  policies:
  - typed_extension_config:
      name: subset
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.subset.v3.Subset
        fallback_policy: DEFAULT_SUBSET
        default_subset: {version: v1}
        subset_selectors:
        - {keys: [version, stage], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [stage]}
        list_as_any: true
        subset_lb_policy:
          policies:
          - typed_extension_config:
              name: lr
              typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest}
)";
  for (const std::string& yaml : {classic, typed}) {
    const auto cluster = translate(yaml);
    ASSERT_TRUE(cluster.config) << errors();
    EXPECT_EQ(cluster.config->lb_policy, LbPolicy::kLeastRequest);
    const LbSubset& subset = *cluster.config->subset;
    EXPECT_EQ(subset.fallback, LbSubset::Fallback::kDefaultSubset);
    EXPECT_EQ(subset.default_subset[0].first, "version");
    EXPECT_EQ(subset.selectors[0].keys, (std::vector<std::string>{"stage", "version"}));
    EXPECT_EQ(subset.selectors[0].fallback, LbSubset::Fallback::kKeysSubset);
    EXPECT_TRUE(subset.list_as_any);
  }
}

TEST_F(ClusterTest, FallbackKeysMustBeAProperSubset) {
  translate(R"(
name: a
lb_subset_config:
  subset_selectors: [{keys: [a], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [a]}]
)");
  EXPECT_EQ(errors(),
            "lb_subset_config.subset_selectors[0].fallback_keys_subset: must be a proper subset of keys\n");
}

TEST_F(ClusterTest, HttpOptionsInBothSpellings) {
  const auto typed = translate(std::string(R"(
name: a
typed_extension_protocol_options:
  )") + kHttpOptions + R"(:
    "@type": type.googleapis.com/)" +
                               kHttpOptions + R"(
    common_http_protocol_options: {idle_timeout: 7s, max_requests_per_connection: 9}
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}
)");
  ASSERT_TRUE(typed.config) << errors();
  EXPECT_EQ(typed.config->idle_timeout, Milliseconds(7000));
  EXPECT_EQ(typed.config->max_requests_per_connection, 9u);
  EXPECT_TRUE(typed.config->enable_trailers);
  const auto older = translate(
      "{name: a, common_http_protocol_options: {idle_timeout: 8s}, max_requests_per_connection: 4, "
      "http_protocol_options: {enable_trailers: true}}");
  ASSERT_TRUE(older.config) << errors();
  EXPECT_EQ(older.config->idle_timeout, Milliseconds(8000));
  EXPECT_EQ(older.config->max_requests_per_connection, 4u);
}

TEST_F(ClusterTest, CircuitBreakersAndOutlierDetection) {
  const auto cluster = translate(R"(
name: a
circuit_breakers:
  thresholds:
  - {max_connections: 10, max_requests: 20, track_remaining: true}
  - {priority: HIGH, max_retries: 7, retry_budget: {budget_percent: {value: 30}}}
  - {max_connections: 99}
outlier_detection: {consecutive_5xx: 2, interval: 1s, base_ejection_time: 400s, max_ejection_percent: 100}
common_lb_config: {healthy_panic_threshold: {value: 0}}
)");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_EQ(cluster.config->default_priority.max_connections, 10u);
  EXPECT_EQ(cluster.config->default_priority.max_pending_requests, 1024u);
  EXPECT_EQ(cluster.config->high_priority->max_retries, 7u);
  EXPECT_DOUBLE_EQ(*cluster.config->high_priority->retry_budget_percent, 30);
  EXPECT_EQ(cluster.config->outlier->consecutive_5xx, 2u);
  EXPECT_EQ(cluster.config->outlier->max_ejection_time, Milliseconds(400000)) << "never below the base";
  EXPECT_EQ(cluster.config->panic_threshold_percent, 0u);
}

TEST_F(ClusterTest, EjectionByLatency) {
  const auto with = [](const std::string& settings) {
    return "{name: a, outlier_detection: {}, metadata: {filter_metadata: {remora: {latency_ejection: " +
           settings + "}}}}";
  };
  const auto defaults = translate(with("{}"));
  ASSERT_TRUE(defaults.config) << errors();
  EXPECT_EQ(*defaults.config->outlier->latency, LatencyEjection());
  const auto all =
      translate(with("{factor: 1.5, percentile: 99, minimum_latency_ms: 20, minimum_hosts: 2, "
                     "request_volume: 9, enforcing: 0}"));
  ASSERT_TRUE(all.config) << errors();
  EXPECT_EQ(*all.config->outlier->latency, (LatencyEjection{1.5, 99, Milliseconds(20), 2, 9, 0}));
  EXPECT_FALSE(translate("{name: a, outlier_detection: {}}").config->outlier->latency);
}

TEST_F(ClusterTest, EjectionByLatencyThatMeansNothing) {
  translate(
      "{name: a, outlier_detection: {}, metadata: {filter_metadata: {remora: {latency_ejection: "
      "{factor: 1, percentile: 100, minimum_hosts: 1, request_volume: 0.5, enforcing: x, p50: 1}}}}}");
  const std::string at = "metadata.filter_metadata[\"remora\"].latency_ejection.";
  for (const auto* what :
       {"factor: must be a number above 1", "percentile: must be a number above 0",
        "minimum_hosts: must be a whole number from 2", "request_volume: must be a whole number from 1",
        "enforcing: must be a whole number from 0", "p50: is not implemented"})
    EXPECT_NE(errors().find(at + what), std::string::npos) << what << "\n" << errors();
}

TEST_F(ClusterTest, EjectionByLatencyNeedsOutlierDetection) {
  translate("{name: a, metadata: {filter_metadata: {remora: {latency_ejection: {}}}}}");
  EXPECT_NE(errors().find("latency_ejection: needs outlier_detection"), std::string::npos) << errors();
}

TEST_F(ClusterTest, LimitsOfEachHostAndKeepAlive) {
  const auto cluster = translate(R"(
name: a
circuit_breakers: {per_host_thresholds: [{max_connections: 3}]}
upstream_connection_options: {tcp_keepalive: {keepalive_time: 60}}
)");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_EQ(cluster.config->max_connections_per_host, 3u);
  const std::vector<SocketOption> expected{{SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60}};
  EXPECT_EQ(cluster.config->socket_options.list(), expected);
  translate("{name: a, circuit_breakers: {per_host_thresholds: [{max_requests: 3}]}}");
  EXPECT_NE(errors().find("circuit_breakers.per_host_thresholds[0]: only max_connections"), std::string::npos)
      << errors();
}

TEST_F(ClusterTest, RangesOfTheProtosHold) {
  translate(
      "{name: '', connect_timeout: 0s, outlier_detection: {max_ejection_percent: 101}, "
      "least_request_lb_config: {choice_count: 1}}");
  const std::string text = errors();
  for (const char* expected : {"name: is required", "connect_timeout: must be greater than 0s",
                               "outlier_detection.max_ejection_percent: must be at most 100",
                               "least_request_lb_config.choice_count: must be at least 2"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
  }
}

TEST_F(ClusterTest, MetadataIsNotExchangedSoItsProtocolIsNotOffered) {
  const std::string socket =
      "{name: tls, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, "
      "common_tls_context: {alpn_protocols: [istio-peer-exchange, istio]}}}";
  const auto filtered = [&](const std::string& type) {
    return translate(
        "name: a\ntype: STATIC\ntransport_socket: " + socket +
        "\ntransport_socket_matches: [{name: m, match: {a: b}, transport_socket: " + socket +
        "}]\nfilters: [{name: f, typed_config: {\"@type\": type.googleapis.com/udpa.type.v1.TypedStruct, "
        "type_url: type.googleapis.com/" +
        type + ", value: {protocol: istio-peer-exchange}}}]\n");
  };
  const auto cluster = filtered("envoy.tcp.metadataexchange.config.MetadataExchange");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_EQ(cluster.config->tls->common.alpn, std::vector<std::string>{"istio"});
  EXPECT_EQ(cluster.config->transport_socket_matches[0].tls->common.alpn, std::vector<std::string>{"istio"});
  EXPECT_NE(warnings().find("filters[0].typed_config.protocol"), std::string::npos) << warnings();
  EXPECT_FALSE(filtered("example.Other").config);
  EXPECT_NE(errors().find("filters[0]: the network filter 'f' of type example.Other"), std::string::npos)
      << errors();
}

}  // namespace
}  // namespace remora::xds
