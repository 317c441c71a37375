#pragma once

#include <memory>

#include "common/proto_config.h"
#include "istio_stats/series.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"
#include "remora/filter/workload.h"

namespace remora::filters {

/// The configuration of Istio's statistics filter. Immutable, shared by all workers.
struct IstioStatsConfig {
  bool server = false;        ///< an inbound listener: this proxy is the destination
  bool host_fallback = true;  ///< a service that the cluster does not name is called by the Host header
  Workload local;
  std::shared_ptr<SeriesTable> series;
};

/// Counts each finished exchange into istio_requests_total and its histograms. One instance per worker.
std::unique_ptr<HttpFilter> make_istio_stats_filter(std::shared_ptr<const IstioStatsConfig> config);

/// stats.PluginConfig -> factory (config.cc).
std::shared_ptr<const FilterFactory> make_istio_stats(const FilterSource& source,
                                                      const FilterFactoryContext& context,
                                                      ConfigReport& report);

}  // namespace remora::filters
