#include "client/update_stats.h"

#include "translate/content_hash.h"

namespace remora::xds {
namespace {

constexpr size_t kMainShard = 0;  // nobody else writes these scopes

enum UpdateStat : size_t { kInitFetchTimeout, kAttempt, kFailure, kRejected, kSuccess, kVersion };
constexpr StatDef kUpdateSchema[] = {
    {.name = "init_fetch_timeout"}, {.name = "update_attempt"}, {.name = "update_failure"},
    {.name = "update_rejected"},    {.name = "update_success"}, {.name = "version", .kind = StatKind::kGauge},
};

enum ControlPlaneStat : size_t { kConnectedState, kRateLimitEnforced };
constexpr StatDef kControlPlaneSchema[] = {
    {.name = "connected_state", .kind = StatKind::kGauge},
    {.name = "rate_limit_enforced"},
};

enum ExtensionStat : size_t { kConfigReload, kConfigFail, kConfigConflict };
constexpr StatDef kExtensionSchema[] = {
    {.name = "config_reload"}, {.name = "config_fail"}, {.name = "config_conflict"}};

constexpr StatDef kWarmingClusters[] = {{.name = "warming_clusters", .kind = StatKind::kGauge}};
constexpr StatDef kWarmingListeners[] = {{.name = "total_listeners_warming", .kind = StatKind::kGauge}};
/// In the order of kResourceTypes.
constexpr StatDef kRefused[] = {{.name = "refused_clusters", .kind = StatKind::kGauge},
                                {.name = "refused_endpoints", .kind = StatKind::kGauge},
                                {.name = "refused_listeners", .kind = StatKind::kGauge},
                                {.name = "refused_routes", .kind = StatKind::kGauge},
                                {.name = "refused_secrets", .kind = StatKind::kGauge},
                                {.name = "refused_virtual_hosts", .kind = StatKind::kGauge},
                                {.name = "refused_extensions", .kind = StatKind::kGauge}};
constexpr StatDef kUnknownFields[] = {{.name = "dynamic_unknown_fields"}};

/// Of names that Envoy extracts no label from.
std::string metric_part(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

}  // namespace

UpdateStats::UpdateStats(StatsStore& store, ScopeName name)
    : scope_(store.make_scope(kUpdateSchema, std::move(name))) {}

ScopeName UpdateStats::clusters() { return {"cluster_manager.cds.", "envoy_cluster_manager_cds_", {}}; }
ScopeName UpdateStats::listeners() { return {"listener_manager.lds.", "envoy_listener_manager_lds_", {}}; }
ScopeName UpdateStats::secret(const std::string& name) {
  return {"sds." + name + ".", "envoy_sds_" + metric_part(name) + "_", {}};
}
ScopeName UpdateStats::extension(const std::string& name) {
  return {"extension_config_discovery.http_filter." + name + ".",
          "envoy_extension_config_discovery_http_filter_" + metric_part(name) + "_",
          {}};
}
ScopeName UpdateStats::endpoints(const std::string& stat_name) {
  // In all as the cluster's own statistics are named, so that the name is there once; no status is counted.
  return {
      "cluster." + stat_name + ".", "envoy_cluster_", {{"envoy_cluster_name", stat_name}}, "upstream_rq_"};
}
ScopeName UpdateStats::routes(const std::string& stat_prefix, const std::string& route_config_name) {
  return {"http." + stat_prefix + ".rds." + route_config_name + ".",
          "envoy_http_rds_",
          {{"envoy_http_conn_manager_prefix", stat_prefix}, {"envoy_rds_route_config", route_config_name}}};
}

ScopeName UpdateStats::virtual_hosts(const std::string& stat_prefix, const std::string& route_config_name) {
  return routes(stat_prefix, "vhds." + route_config_name);
}

void UpdateStats::attempt() { scope_->block(kMainShard).add(kAttempt); }
void UpdateStats::success(std::string_view version) {
  StatBlock& block = scope_->block(kMainShard);
  block.add(kSuccess);
  block.add(kAttempt);
  block.set(kVersion, content_hash(version));
}
void UpdateStats::rejected() {
  scope_->block(kMainShard).add(kRejected);
  attempt();
}
void UpdateStats::failure() {
  scope_->block(kMainShard).add(kFailure);
  attempt();
}
void UpdateStats::fetch_timeout() { scope_->block(kMainShard).add(kInitFetchTimeout); }

ExtensionStats::ExtensionStats(StatsStore& store, const std::string& name)
    : updates_(store, UpdateStats::extension(name)),
      scope_(store.make_scope(kExtensionSchema, UpdateStats::extension(name))) {}
void ExtensionStats::reloaded() { scope_->block(kMainShard).add(kConfigReload); }
void ExtensionStats::failed() { scope_->block(kMainShard).add(kConfigFail); }
void ExtensionStats::conflict() { scope_->block(kMainShard).add(kConfigConflict); }

SourceStats::SourceStats(StatsStore& store)
    : clusters_(store.make_scope(kWarmingClusters, {"cluster_manager.", "envoy_cluster_manager_", {}})),
      listeners_(store.make_scope(kWarmingListeners, {"listener_manager.", "envoy_listener_manager_", {}})),
      server_(store.make_scope(kUnknownFields, {"server.", "envoy_server_", {}})),
      refused_(store.make_scope(kRefused, {"xds.", "envoy_xds_", {}})) {}
void SourceStats::warming(size_t clusters, size_t listeners) {
  clusters_->block(kMainShard).set(0, clusters);
  listeners_->block(kMainShard).set(0, listeners);
}
void SourceStats::unknown_fields(uint64_t count) { server_->block(kMainShard).set(0, count); }
void SourceStats::refused(ResourceType type, size_t count) {
  refused_->block(kMainShard).set(index_of(type), count);
}

ControlPlaneStats::ControlPlaneStats(StatsStore& store)
    : scope_(store.make_scope(kControlPlaneSchema, {"control_plane.", "envoy_control_plane_", {}})) {
  connected(false);
}
void ControlPlaneStats::connected(bool is_connected) {
  scope_->block(kMainShard).set(kConnectedState, is_connected ? 1 : 0);
}
void ControlPlaneStats::rate_limited() { scope_->block(kMainShard).add(kRateLimitEnforced); }

}  // namespace remora::xds
