#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "client/resource_store.h"
#include "remora/config/snapshot.h"
#include "remora/core/stats.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {

/// A resource written as YAML, packed.
template <typename Message>
google::protobuf::Any pack(const std::string& yaml) {
  google::protobuf::Any any;
  any.PackFrom(from_yaml<Message>(yaml));
  return any;
}

inline google::protobuf::Any eds_cluster(const std::string& name, const std::string& more = "") {
  return pack<envoy::config::cluster::v3::Cluster>(
      "{name: " + name + ", type: EDS, eds_cluster_config: {eds_config: {ads: {}}}" +
      (more.empty() ? "" : ", " + more) + "}");
}
inline google::protobuf::Any endpoints(const std::string& name, int port) {
  return pack<envoy::config::endpoint::v3::ClusterLoadAssignment>(
      "{cluster_name: " + name +
      ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, "
      "port_value: " +
      std::to_string(port) + "}}}}]}]}");
}
/// `manager`: fields of its connection manager.
inline google::protobuf::Any listener_with(const std::string& name, const std::string& manager,
                                           const std::string& more = "") {
  return pack<envoy::config::listener::v3::Listener>(
      "{name: " + name +
      R"(, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [{filters: [{
        name: hcm, typed_config: {
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
          stat_prefix: in, )" +
      manager + "}}]}]" + (more.empty() ? "" : ", " + more) + "}");
}
inline google::protobuf::Any listener(const std::string& name, const std::string& routes,
                                      const std::string& more = "") {
  return listener_with(name,
                       "rds: {route_config_name: " + routes + R"(, config_source: {ads: {}}}, http_filters: [{
            name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}])",
                       more);
}
inline google::protobuf::Any routes(const std::string& name, const std::string& cluster) {
  return pack<envoy::config::route::v3::RouteConfiguration>(
      "{name: " + name +
      ", virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: " +
      cluster + "}}]}]}");
}

/// The cluster that a table's first route leads to.
inline std::string target_of(const RouteTable& table) {
  return table.config().virtual_hosts.at(0).routes.at(0).forward.cluster;
}

/// Sorted names of what a batch holds, one kind a line: "clusters a b; removed_listeners in".
inline std::string summary(const ConfigBatch& batch) {
  std::string text;
  const auto add = [&](const char* kind, std::vector<std::string> names) {
    if (names.empty()) return;
    std::sort(names.begin(), names.end());
    if (!text.empty()) text += "; ";
    text += kind;
    for (const auto& name : names) text += " " + name;
  };
  const auto names_of = [](const auto& list, auto name) {
    std::vector<std::string> names;
    for (const auto& entry : list) names.push_back(name(entry));
    return names;
  };
  add("clusters", names_of(batch.clusters, [](const auto& entry) { return entry.config->name; }));
  add("endpoints", names_of(batch.endpoints, [](const auto& entry) { return entry.first; }));
  add("routes", names_of(batch.routes, [](const auto& entry) { return entry.first; }));
  add("listeners", names_of(batch.listeners, [](const auto& entry) { return entry->name; }));
  for (const bool found : {true, false}) {
    std::vector<std::string> names;
    for (const auto& answer : batch.settled) {
      if (answer.found == found) names.push_back(answer.key.name);
    }
    add(found ? "found" : "missing", names);
  }
  add("removed_clusters", batch.removed_clusters);
  add("removed_routes", batch.removed_routes);
  add("removed_listeners", batch.removed_listeners);
  return text;
}

/// Keeps what it was given.
class RecordingSink final : public ConfigSink {
 public:
  void apply(ConfigBatch batch) override {
    batches.push_back(summary(batch));
    for (const auto& answer : batch.settled)
      numbers += answer.key.name + ":" + std::to_string(answer.number) + " ";
  }
  void initial_fetch_done() override { ++done; }
  std::vector<std::string> batches;
  std::string numbers;  // of the demands that were answered
  int done = 0;
};

}  // namespace remora::xds
