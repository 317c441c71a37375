#include "client/metrics_config.h"

#include <algorithm>

#include "client/ads_config.h"
#include "envoy/config/metrics/v3/metrics_service.pb.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::metrics::v3::MetricsServiceConfig;
namespace metrics = envoy::config::metrics::v3;

/// Envoy's, in /stats/prometheus too.
constexpr double kDefaultBounds[] = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                     2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

Milliseconds flush_interval(const Bootstrap& bootstrap, Context& context) {
  if (bootstrap.has_stats_flush_interval())
    return to_milliseconds(bootstrap.stats_flush_interval(), "stats_flush_interval", context);
  return Milliseconds{5000};
}

MetricsFormat to_format(const MetricsServiceConfig& config, const std::vector<double>& bounds) {
  MetricsFormat out;
  out.counters_as_deltas = config.report_counters_as_deltas().value();
  out.tags_as_labels = config.emit_tags_as_labels();
  out.summaries = config.histogram_emit_mode() != metrics::HISTOGRAM;
  out.histograms = config.histogram_emit_mode() != metrics::SUMMARY;
  out.batch_size = config.batch_size();
  out.bounds = bounds;
  if (bounds.empty()) out.bounds.assign(std::begin(kDefaultBounds), std::end(kDefaultBounds));
  std::ranges::sort(out.bounds);
  return out;
}

}  // namespace

std::vector<MetricsSinkConfig> to_metrics_sinks(const Bootstrap& bootstrap, const std::vector<double>& bounds,
                                                Context& context) {
  std::vector<MetricsSinkConfig> sinks;
  for (int i = 0; i < bootstrap.stats_sinks_size(); ++i) {
    const auto& sink = bootstrap.stats_sinks(i);
    const auto at = context.in("stats_sinks", i);
    const TypedConfig typed = unpack(sink.typed_config());
    const auto* config = dynamic_cast<const MetricsServiceConfig*>(typed.message.get());
    if (config == nullptr) {
      refuse_extension("statistics sink", sink.name(), typed, context);
      continue;
    }
    const auto inside = context.in("typed_config");
    check_fields(*config, context);
    if (config->transport_api_version() == envoy::config::core::v3::V2)
      context.error("transport_api_version", "must be V3");
    MetricsSinkConfig out{.target = {}, .format = to_format(*config, bounds)};
    const auto service = context.in("grpc_service");
    set_grpc_target(bootstrap, config->grpc_service(), context, out.target);
    sinks.push_back(std::move(out));
  }
  const Milliseconds interval = flush_interval(bootstrap, context);
  for (MetricsSinkConfig& sink : sinks) sink.flush_interval = interval;
  Context at_root(context.environment(), context.report());
  const auto management = management_cluster_names(bootstrap);  // checked where they are read
  for (const std::string& name : metrics_cluster_names(bootstrap)) {
    if (std::ranges::find(management, name) == management.end()) check_grpc_cluster(bootstrap, name, at_root);
  }
  return sinks;
}

std::vector<std::string> metrics_cluster_names(const Bootstrap& bootstrap) {
  std::vector<std::string> names;
  for (const auto& sink : bootstrap.stats_sinks()) {
    const TypedConfig typed = unpack(sink.typed_config());
    const auto* config = dynamic_cast<const MetricsServiceConfig*>(typed.message.get());
    if (config == nullptr) continue;
    const std::string& name = config->grpc_service().envoy_grpc().cluster_name();
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace remora::xds
