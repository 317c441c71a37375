#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/resource_types.h"
#include "remora/core/stats.h"

namespace remora::xds {

/// Envoy's statistics of one subscription: cluster_manager.cds., listener_manager.lds., cluster.<name>. (its
/// endpoints), http.<prefix>.rds.<routes>., http.<prefix>.rds.vhds.<routes>., sds.<name>. and
/// extension_config_discovery.http_filter.<name>. Written by the thread that owns the stream.
class UpdateStats {
 public:
  UpdateStats() = default;
  UpdateStats(StatsStore& store, ScopeName name);

  static ScopeName clusters();
  static ScopeName listeners();
  /// `stat_name` as cluster_stat_name() gives it.
  static ScopeName endpoints(const std::string& stat_name);
  static ScopeName secret(const std::string& name);
  static ScopeName extension(const std::string& name);
  static ScopeName routes(const std::string& stat_prefix, const std::string& route_config_name);
  static ScopeName virtual_hosts(const std::string& stat_prefix, const std::string& route_config_name);

  /// The subscription began.
  void attempt();
  void success(std::string_view version);
  void rejected();
  /// The stream was lost or could not be made.
  void failure();
  void fetch_timeout();
  explicit operator bool() const { return scope_ != nullptr; }

 private:
  std::shared_ptr<StatScope> scope_;
};

/// The rest of Envoy's extension_config_discovery.http_filter.<name>.
class ExtensionStats {
 public:
  ExtensionStats(StatsStore& store, const std::string& name);
  UpdateStats& updates() { return updates_; }
  /// The filters have another configuration.
  void reloaded();
  /// What came was refused, or nothing came in time.
  void failed();
  /// What is there is none for a filter that is new.
  void conflict();

 private:
  UpdateStats updates_;
  std::shared_ptr<StatScope> scope_;
};

/// What only the configuration source knows of the managers: cluster_manager.warming_clusters,
/// listener_manager.total_listeners_warming, server.dynamic_unknown_fields, and of our own the resources of
/// each type whose last update was refused (those with an error_state in /config_dump): xds.refused_clusters
/// and its kin.
class SourceStats {
 public:
  explicit SourceStats(StatsStore& store);
  void warming(size_t clusters, size_t listeners);
  void unknown_fields(uint64_t count);
  void refused(ResourceType type, size_t count);

 private:
  std::shared_ptr<StatScope> clusters_;
  std::shared_ptr<StatScope> listeners_;
  std::shared_ptr<StatScope> server_;
  std::shared_ptr<StatScope> refused_;
};

/// control_plane.connected_state and its kin.
class ControlPlaneStats {
 public:
  explicit ControlPlaneStats(StatsStore& store);
  void connected(bool is_connected);
  void rate_limited();

 private:
  std::shared_ptr<StatScope> scope_;
};

}  // namespace remora::xds
