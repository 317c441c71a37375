#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/grpc_target.h"

namespace remora::xds {

/// What a push of statistics looks like. Source: Envoy, metrics service configuration.
struct MetricsFormat {
  bool counters_as_deltas = false;
  bool tags_as_labels = false;
  bool summaries = true;
  bool histograms = true;
  uint32_t batch_size = 0;     // metric families in a message; 0: only the limit of bytes counts
  std::vector<double> bounds;  // of histograms' buckets, ascending
};

/// One sink of the kind envoy.stat_sinks.metrics_service.
struct MetricsSinkConfig {
  GrpcTarget target;
  MetricsFormat format;
  Milliseconds flush_interval{5000};
};

/// Reads stats_sinks. Errors: sinks of other kinds, a flush interval that Envoy would not take.
std::vector<MetricsSinkConfig> to_metrics_sinks(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                const std::vector<double>& bounds, Context& context);

/// The names of the static clusters that the sinks go to.
std::vector<std::string> metrics_cluster_names(const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

}  // namespace remora::xds
