#include "translate/field_rules.h"

namespace remora::xds {

std::span<const MessageRules> bootstrap_rules() {
  static const MessageRules kRules[] = {
      {.message = "envoy.config.bootstrap.v3.Bootstrap",
       .implemented =
           "node static_resources dynamic_resources cluster_manager stats_config layered_runtime admin "
           "stats_sinks stats_flush_interval use_tcp_for_dns_lookups dns_resolution_config "
           "overload_manager",
       .checked_by_reader = "typed_dns_resolver_config",
       .no_effect = {{"deferred_stat_options", "statistics are always made at first use"},
                     {"watchdog watchdogs", "this build has no watchdog"},
                     {"inline_headers", "header lookup does not depend on it"},
                     {"perf_tracing_file_path", "there is no performance tracing"},
                     {"grpc_async_client_manager_config memory_allocator_manager",
                      "it tunes Envoy's own internals"}},
       .only = {{"header_prefix", "x-envoy"}, {"stats_flush_on_admin", "false"}}},
      {.message = "envoy.config.overload.v3.OverloadManager",
       .implemented = "refresh_interval resource_monitors actions"},
      {.message = "envoy.config.overload.v3.ResourceMonitor",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.config.overload.v3.OverloadAction", .implemented = "name triggers"},
      {.message = "envoy.config.overload.v3.Trigger", .implemented = "name threshold scaled"},
      {.message = "envoy.config.overload.v3.ThresholdTrigger", .implemented = "value"},
      {.message = "envoy.config.overload.v3.ScaledTrigger",
       .implemented = "scaling_threshold saturation_threshold"},
      {.message = "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
       .implemented = "max_heap_size_bytes"},
      {.message = "envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig",
       .implemented = "max_memory_bytes"},
      {.message = "envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig",
       .implemented = "",
       .only = {{"mode", "HOST"}}},
      {.message = "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig",
       .implemented = "filename"},
      {.message = "envoy.config.metrics.v3.StatsSink",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.config.metrics.v3.MetricsServiceConfig",
       .implemented = "grpc_service report_counters_as_deltas transport_api_version emit_tags_as_labels "
                      "histogram_emit_mode batch_size"},
      {.message = "envoy.config.core.v3.Node",
       .implemented = "id cluster metadata dynamic_parameters locality user_agent_name user_agent_version "
                      "user_agent_build_version extensions client_features listening_addresses"},
      {.message = "envoy.config.core.v3.BuildVersion", .implemented = "version metadata"},
      {.message = "envoy.type.v3.SemanticVersion", .implemented = "major_number minor_number patch"},
      {.message = "envoy.config.core.v3.Extension",
       .implemented = "name category type_descriptor version disabled type_urls"},
      {.message = "xds.core.v3.ContextParams", .implemented = "params"},
      {.message = "envoy.config.bootstrap.v3.Bootstrap.StaticResources",
       .implemented = "",
       .checked_by_reader = "listeners clusters secrets"},
      {.message = "envoy.config.bootstrap.v3.Bootstrap.DynamicResources",
       .implemented = "lds_config cds_config ads_config"},
      {.message = "envoy.config.bootstrap.v3.ClusterManager.OutlierDetection",
       .implemented = "event_log_path"},
      {.message = "envoy.config.bootstrap.v3.ClusterManager",
       .implemented = "local_cluster_name outlier_detection",
       .no_effect = {{"enable_deferred_cluster_creation",
                      "what a cluster needs is always made at first use"}}},
      {.message = "envoy.config.bootstrap.v3.Admin",
       .implemented = "address",
       .no_effect = {{"access_log access_log_path", "the admin interface writes no access log"},
                     {"profile_path", "there is no profiler"},
                     {"ignore_global_conn_limit", "the admin listener is never limited"}}},
      {.message = "envoy.config.bootstrap.v3.LayeredRuntime", .implemented = "layers"},
      {.message = "envoy.config.bootstrap.v3.RuntimeLayer",
       .implemented = "name static_layer",
       .no_effect = {{"admin_layer", "the admin interface cannot change runtime values"}}},
      {.message = "envoy.config.metrics.v3.StatsConfig",
       .implemented = "histogram_bucket_settings",
       .only = {{"use_all_default_tags", "true"}}},
      {.message = "envoy.config.metrics.v3.HistogramBucketSettings", .implemented = "match buckets"},
  };
  return kRules;
}

}  // namespace remora::xds
