#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "istio/build/snapshot.h"

// Listeners and clusters as lines that tests can compare: what is handed where, and by which sign.
namespace remora::istio::test {

namespace listener_v3 = envoy::config::listener::v3;

template <typename T>
T decoded(const EncodedResource& resource) {
  google::protobuf::Any any;
  T message;
  EXPECT_TRUE(any.ParseFromString(resource.any) && any.UnpackTo(&message)) << resource.name;
  return message;
}

inline std::string match_text(const listener_v3::FilterChainMatch& match) {
  std::vector<std::string> words;
  if (match.has_destination_port())
    words.push_back("port " + std::to_string(match.destination_port().value()));
  for (const auto& range : match.prefix_ranges()) {
    words.push_back("to " + range.address_prefix() + '/' + std::to_string(range.prefix_len().value()));
  }
  for (const auto& name : match.server_names()) words.push_back("name " + name);
  if (!match.transport_protocol().empty()) words.push_back(match.transport_protocol());
  for (const auto& word : match.application_protocols()) words.push_back(word);
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "any" : text;
}

inline std::string http_target(const google::protobuf::Any& config) {
  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
  EXPECT_TRUE(config.UnpackTo(&manager));
  if (manager.has_rds()) return "http table " + manager.rds().route_config_name();
  const auto& host = manager.route_config().virtual_hosts(0);
  return "http " + host.name() + ' ' + host.routes(0).route().cluster();
}

inline std::string tcp_target(const google::protobuf::Any& config) {
  envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy proxy;
  EXPECT_TRUE(config.UnpackTo(&proxy));
  std::string text = "tcp " + proxy.cluster();
  for (const auto& share : proxy.weighted_clusters().clusters()) {
    text += share.name() + '=' + std::to_string(share.weight()) + ' ';
  }
  return text;
}

/// Where a chain's connections go: by its last filter, the one that counts.
inline std::string target_text(const listener_v3::FilterChain& chain) {
  const auto& last = *chain.filters().rbegin();
  const bool http = last.name() == "envoy.filters.network.http_connection_manager";
  std::string text = http ? http_target(last.typed_config()) : tcp_target(last.typed_config());
  if (chain.has_transport_socket()) text += " mtls";
  return text;
}

inline std::string predicate_text(const listener_v3::ListenerFilterChainMatchPredicate& predicate) {
  if (predicate.has_not_match()) return "only(" + predicate_text(predicate.not_match()) + ')';
  if (predicate.has_destination_port_range()) {
    return "not " + std::to_string(predicate.destination_port_range().start());
  }
  std::string text;
  for (const auto& rule : predicate.or_match().rules())
    text += (text.empty() ? "" : " ") + predicate_text(rule);
  return text;
}

inline std::string address_text(const envoy::config::core::v3::Address& address) {
  return address.socket_address().address() + ':' + std::to_string(address.socket_address().port_value());
}

inline void add_rows(const listener_v3::Listener& listener, std::vector<std::string>& rows) {
  const bool inbound = listener.traffic_direction() == envoy::config::core::v3::INBOUND;
  std::string head = listener.name() + ' ' + address_text(listener.address());
  for (const auto& more : listener.additional_addresses()) head += ' ' + address_text(more.address());
  head += inbound ? " inbound" : " outbound";
  if (listener.has_bind_to_port() && !listener.bind_to_port().value()) head += " unbound";
  if (listener.use_original_dst().value()) head += " original_dst";
  if (listener.transparent().value()) head += " transparent";
  rows.push_back(head);
  for (const auto& filter : listener.listener_filters()) {
    const std::string name = filter.name().substr(filter.name().rfind('.') + 1);
    const std::string spared = predicate_text(filter.filter_disabled());
    rows.push_back(listener.name() + " look " + name + (spared.empty() ? "" : ' ' + spared));
  }
  for (const auto& chain : listener.filter_chains()) {
    rows.push_back(listener.name() + " chain " + (chain.name().empty() ? "-" : chain.name()) + " | " +
                   match_text(chain.filter_chain_match()) + " | " + target_text(chain));
  }
  if (!listener.has_default_filter_chain()) return;
  const auto& rest = listener.default_filter_chain();
  rows.push_back(listener.name() + " else " + rest.name() + " | " + target_text(rest));
}

inline std::string row_of(const envoy::config::cluster::v3::Cluster& cluster) {
  using Cluster = envoy::config::cluster::v3::Cluster;
  const std::string& bind = cluster.upstream_bind_config().source_address().address();
  return "cluster " + cluster.name() + ' ' + Cluster::DiscoveryType_Name(cluster.type()) + ' ' +
         Cluster::LbPolicy_Name(cluster.lb_policy()) + (bind.empty() ? "" : " from " + bind);
}

inline std::vector<std::string> listener_rows(const Snapshot& snapshot) {
  std::vector<std::string> rows;
  for (const auto& entry : snapshot.group(XdsType::kListener).resources) {
    add_rows(decoded<listener_v3::Listener>(*entry.second), rows);
  }
  return rows;
}

inline std::vector<std::string> cluster_rows(const Snapshot& snapshot) {
  std::vector<std::string> rows;
  for (const auto& entry : snapshot.group(XdsType::kCluster).resources) {
    rows.push_back(row_of(decoded<envoy::config::cluster::v3::Cluster>(*entry.second)));
  }
  return rows;
}

}  // namespace remora::istio::test
