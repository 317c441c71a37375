#include "translate/listener.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

constexpr const char* kTcp =
    "filters: [{name: tcp, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: "
    "c}}]";

class FilterChainTest : public TranslateTest {
 protected:
  TranslatedListener translate(const std::string& fields) {
    return translate_listener(
        from_yaml<envoy::config::listener::v3::Listener>(
            "name: in\naddress: {socket_address: {address: 127.0.0.1, port_value: 80}}\n" + fields),
        {}, 42, context_);
  }
  /// A listener filter's predicate, folded into ports.
  std::vector<std::pair<uint32_t, uint32_t>> disabled(const std::string& predicate) {
    const auto listener =
        translate(std::string("filter_chains: [{") + kTcp +
                  "}]\nlistener_filters: [{name: t, typed_config: {\"@type\": "
                  "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}, "
                  "filter_disabled: " +
                  predicate + "}]\n");
    EXPECT_EQ(errors(), "");
    return listener.config ? listener.config->listener_filters.at(0).disabled_ports
                           : std::vector<std::pair<uint32_t, uint32_t>>{};
  }
  static std::string hcm(const std::string& prefix, const std::string& routes) {
    return "filters: [{name: h, typed_config: {\"@type\": "
           "type.googleapis.com/"
           "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
           "stat_prefix: " +
           prefix + ", rds: {route_config_name: " + routes +
           ", config_source: {ads: {}, initial_fetch_timeout: 3s}}, http_filters: [{name: r, typed_config: "
           "{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]";
  }
};

TEST_F(FilterChainTest, EveryConditionIsRead) {
  const auto listener = translate(std::string(R"(
filter_chains:
- name: one
  transport_socket_connect_timeout: 3s
  filter_chain_match:
    destination_port: 443
    prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]
    server_names: [WWW.Example.com, "*.example.com"]
    transport_protocol: tls
    application_protocols: [h2]
    direct_source_prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}]
    source_type: EXTERNAL
    source_prefix_ranges: [{address_prefix: "::1", prefix_len: 128}]
    source_ports: [1000, 2000]
  )") + kTcp + "\ndefault_filter_chain: {name: rest, " +
                                  kTcp + "}\n");
  ASSERT_TRUE(listener.config) << errors();
  const FilterChain& chain = listener.config->filter_chains.at(0);
  EXPECT_EQ(chain.name, "one");
  EXPECT_EQ(chain.transport_socket_connect_timeout, Milliseconds(3000));
  const FilterChainMatch& match = chain.match;
  EXPECT_EQ(match.destination_port, 443);
  EXPECT_EQ(match.destination_ranges.size(), 1u);
  EXPECT_EQ(match.server_names, (std::vector<std::string>{"www.example.com", "*.example.com"}));
  EXPECT_EQ(match.transport_protocol, "tls");
  EXPECT_EQ(match.application_protocols, std::vector<std::string>{"h2"});
  EXPECT_EQ(match.direct_source_ranges.size(), 1u);
  EXPECT_EQ(match.source_type, FilterChainMatch::SourceType::kExternal);
  EXPECT_EQ(match.source_ranges.size(), 1u);
  EXPECT_EQ(match.source_ports, (std::vector<uint16_t>{1000, 2000}));
  ASSERT_TRUE(listener.config->default_filter_chain);
  EXPECT_EQ(listener.config->default_filter_chain->name, "rest");
  EXPECT_EQ(listener.config->default_filter_chain->tcp->cluster, "c");
  EXPECT_NE(warnings().find("filter_chains: match on server names"), std::string::npos)
      << "nothing finds them out here";
}

TEST_F(FilterChainTest, ConditionsThatCannotWorkAreNamed) {
  translate(std::string("filter_chains:\n- {filter_chain_match: {server_names: ['*'], address_suffix: x}, ") +
            kTcp + "}\n- {filter_chain_match: {server_names: ['a*.b']}, " + kTcp +
            "}\n- {filter_chain_match: {destination_port: 1}, " + kTcp +
            "}\n- {filter_chain_match: {destination_port: 1}, " + kTcp + "}\n");
  for (const char* expected :
       {"filter_chains[0].filter_chain_match.server_names[0]: '*': a wildcard",
        "filter_chains[0].filter_chain_match.address_suffix: is not implemented",
        "filter_chains[1].filter_chain_match.server_names[0]: 'a*.b': a wildcard",
        "filter_chains[3].filter_chain_match: is the same as that of filter_chains[2]"}) {
    EXPECT_NE(errors().find(expected), std::string::npos) << expected << "\nin\n" << errors();
  }
}

TEST_F(FilterChainTest, HashesSayWhatChanged) {
  const auto hashes = [&](const std::string& chain) {
    const auto listener = translate("filter_chains: [{" + chain + "}]\n");
    const auto& made = listener.config->filter_chains.at(0);
    return std::pair(made.hash, made.transport_hash);
  };
  const auto first = hashes(hcm("a", "r"));
  EXPECT_EQ(hashes(hcm("a", "r")), first);
  const auto other_manager = hashes(hcm("a", "s"));
  EXPECT_NE(other_manager.first, first.first);
  EXPECT_EQ(other_manager.second, first.second) << "what a connection has agreed on is the same";
  const auto other_match = hashes("filter_chain_match: {destination_port: 5}, " + hcm("a", "r"));
  EXPECT_NE(other_match.second, first.second);
}

TEST_F(FilterChainTest, EachManagersRoutesAreWaitedFor) {
  const auto listener = translate("filter_chains:\n- {filter_chain_match: {destination_port: 1}, " +
                                  hcm("a", "r") + "}\n- {" + hcm("b", "s") + "}\n");
  ASSERT_TRUE(listener.config) << errors();
  ASSERT_EQ(listener.routes.size(), 2u);
  EXPECT_EQ(listener.routes[1].name, "s");
  EXPECT_EQ(listener.routes[1].stat_prefix, "b");
  EXPECT_EQ(listener.routes[1].source->fetch_timeout, Milliseconds(3000));
  EXPECT_FALSE(listener.complete());
}

TEST_F(FilterChainTest, PredicatesFoldIntoPorts) {
  using Ports = std::vector<std::pair<uint32_t, uint32_t>>;
  const std::string a = "{destination_port_range: {start: 10, end: 20}}";
  const std::string b = "{destination_port_range: {start: 15, end: 30}}";
  EXPECT_EQ(disabled("{any_match: true}"), (Ports{{0, 65536}}));
  EXPECT_EQ(disabled(a), (Ports{{10, 20}}));
  EXPECT_EQ(disabled("{or_match: {rules: [" + b + ", " + a + "]}}"), (Ports{{10, 30}}));
  EXPECT_EQ(disabled("{and_match: {rules: [" + a + ", " + b + "]}}"), (Ports{{15, 20}}));
  EXPECT_EQ(disabled("{not_match: " + a + "}"), (Ports{{0, 10}, {20, 65536}}));
  EXPECT_EQ(disabled("{and_match: {rules: [" + a + ", {not_match: " + b + "}]}}"), (Ports{{10, 15}}));
  EXPECT_EQ(disabled("{not_match: {any_match: true}}"), Ports{});
}

TEST_F(FilterChainTest, ListenerFilters) {
  const auto listener = translate(std::string("filter_chains: [{") + kTcp + R"(}]
use_original_dst: true
listener_filters_timeout: 0s
continue_on_listener_filters_timeout: true
listener_filters:
- {name: h, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}
- name: p
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
    allow_requests_without_proxy_protocol: true
    disallowed_versions: [V1]
    rules:
    - {tlv_type: 2, on_tlv_present: {key: authority}}
    - {tlv_type: 234, on_tlv_present: {metadata_namespace: aws, key: vpce}}
)");
  ASSERT_TRUE(listener.config) << errors();
  EXPECT_EQ(listener.config->listener_filters_timeout, Milliseconds(0));
  EXPECT_TRUE(listener.config->continue_on_listener_filters_timeout);
  const auto& filters = listener.config->listener_filters;
  ASSERT_EQ(filters.size(), 3u);
  EXPECT_EQ(filters[0].kind, ListenerFilter::Kind::kHttpInspector);
  EXPECT_EQ(filters[1].kind, ListenerFilter::Kind::kProxyProtocol);
  EXPECT_TRUE(filters[1].allow_requests_without_proxy_protocol);
  EXPECT_TRUE(filters[1].disallow_v1);
  EXPECT_FALSE(filters[1].disallow_v2);
  ASSERT_EQ(filters[1].tlv_rules.size(), 2u);
  EXPECT_EQ(filters[1].tlv_rules[0].second.first, "envoy.filters.listener.proxy_protocol");
  EXPECT_EQ(filters[1].tlv_rules[1].first, 234);
  EXPECT_EQ(filters[2].kind, ListenerFilter::Kind::kOriginalDst) << "use_original_dst brings it";
}

TEST_F(FilterChainTest, TcpProxies) {
  const auto listener = translate(R"(
filter_chains:
- filters:
  - name: tcp
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
      stat_prefix: t
      weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 3, metadata_match: {filter_metadata: {envoy.lb: {v: 1}}}}]}
      idle_timeout: 0s
      max_downstream_connection_duration: 9s
      max_connect_attempts: 4
)");
  ASSERT_TRUE(listener.config) << errors();
  const TcpProxyConfig& tcp = *listener.config->filter_chains.at(0).tcp;
  EXPECT_EQ(tcp.stat_prefix, "t");
  ASSERT_EQ(tcp.weighted.size(), 2u);
  EXPECT_EQ(tcp.weighted[1].cluster, "b");
  EXPECT_EQ(tcp.weighted[1].weight, 3u);
  EXPECT_EQ(tcp.weighted[1].subset.size(), 1u);
  EXPECT_EQ(tcp.idle_timeout, Milliseconds(0));
  EXPECT_EQ(tcp.max_downstream_connection_duration, Milliseconds(9000));
  EXPECT_EQ(tcp.max_connect_attempts, 4u);
  translate(R"(
filter_chains:
- filters:
  - name: tcp
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
      stat_prefix: t
      cluster: c
      tunneling_config: {hostname: h}
  - name: more
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
      stat_prefix: t
      cluster: ""
)");
  for (const char* expected :
       {"filters[0].typed_config.tunneling_config: is not implemented", "filters[0]: 'tcp' ends the chain",
        "filters[1].typed_config.cluster: is required"}) {
    EXPECT_NE(errors().find(expected), std::string::npos) << expected << "\nin\n" << errors();
  }
}

/// Istio's exchange in front of a TCP proxy, with TLS that would agree on it.
std::string with_exchange(const std::string& protocol, const std::string& filters) {
  return "filter_chains:\n- transport_socket: {name: tls, typed_config: {\"@type\": "
         "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, "
         "common_tls_context: {alpn_protocols: [istio-peer-exchange, h2], "
         "tls_certificate_sds_secret_configs: "
         "[{name: default, sds_config: {ads: {}, resource_api_version: V3}}]}}}\n  filters: "
         "[{name: istio.metadata_exchange, typed_config: {\"@type\": "
         "type.googleapis.com/udpa.type.v1.TypedStruct, "
         "type_url: type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange, "
         "value: {protocol: " +
         protocol + ", enable_discovery: true}}}" + filters + "]\n";
}

constexpr const char* kThenTcp =
    ", {name: tcp, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: "
    "c}}";

TEST_F(FilterChainTest, MetadataIsNotExchangedSoItsProtocolIsNotTaken) {
  const auto listener = translate(with_exchange("istio-peer-exchange", kThenTcp));
  ASSERT_TRUE(listener.config) << errors();
  EXPECT_EQ(listener.config->filter_chains[0].tls->common.alpn, std::vector<std::string>{"h2"});
  EXPECT_NE(
      warnings().find("filter_chains[0].filters[0].typed_config.protocol: 'istio-peer-exchange' is neither "
                      "offered nor taken"),
      std::string::npos)
      << warnings();
  EXPECT_NE(warnings().find("filters[0].typed_config.enable_discovery"), std::string::npos) << warnings();
  const auto other = translate(with_exchange("another", kThenTcp));
  ASSERT_TRUE(other.config) << errors();
  EXPECT_EQ(other.config->filter_chains[0].tls->common.alpn.size(), 2U);
  EXPECT_NE(other.config->filter_chains[0].transport_hash, listener.config->filter_chains[0].transport_hash);
}

TEST_F(FilterChainTest, MetadataExchangeEndsNoChainAndNeedsItsProtocol) {
  translate(with_exchange("x", ""));
  EXPECT_NE(errors().find("filter_chains[0].filters: must end with"), std::string::npos) << errors();
  translate(with_exchange("''", kThenTcp));
  EXPECT_NE(errors().find("filters[0].typed_config.protocol: is required"), std::string::npos) << errors();
}

TEST_F(FilterChainTest, WhatIsOnlyAboutTracesIsSaid) {
  const auto extended = [&](const std::string& type) {
    std::string manager = hcm("p", "r");
    manager.insert(manager.find("stat_prefix"),
                   "tracing: {random_sampling: {value: 1}}, request_id_extension: {typed_config: {\"@type\": "
                   "type.googleapis.com/udpa.type.v1.TypedStruct, type_url: type.googleapis.com/" +
                       type + ", value: {useRequestIdForTraceSampling: true}}}, ");
    return translate("filter_chains: [{" + manager + "}]\n");
  };
  EXPECT_TRUE(extended("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig").config) << errors();
  EXPECT_NE(warnings().find("typed_config.tracing: has no effect: tracing is not implemented"),
            std::string::npos)
      << warnings();
  EXPECT_NE(warnings().find("request_id_extension.typed_config: has no effect"), std::string::npos)
      << warnings();
  EXPECT_FALSE(extended("example.Other").config);
  EXPECT_NE(errors().find("request_id_extension: the request id extension"), std::string::npos) << errors();
}

}  // namespace
}  // namespace remora::xds
