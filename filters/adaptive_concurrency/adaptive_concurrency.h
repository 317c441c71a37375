#pragma once

#include <cstdint>
#include <memory>

#include "adaptive_concurrency/controller.h"
#include "common/proto_config.h"
#include "remora/core/stats.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// http.<prefix>.adaptive_concurrency.gradient_controller.*. Source: Envoy, adaptive concurrency statistics.
enum ConcurrencyStat : size_t {
  kRqBlocked,
  kBurstQueueSize,
  kConcurrencyLimit,
  kGradient,
  kMinRttCalculationActive,
  kMinRttMsecs,
  kSampleRttMsecs,
  kConcurrencyStats
};

/// envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency, or what stands in its place
/// (remora.http_filters.v1.Gradient2). The controller is one for all workers.
struct AdaptiveConcurrencyConfig {
  bool enabled = true;
  uint16_t exceeded_status = 503;
  std::shared_ptr<ConcurrencyController> controller;
  std::shared_ptr<StatScope> stats;  ///< ConcurrencyStat
};

/// Answers requests itself while so many are under way as the controller lets in at once. One instance per
/// worker. Source: Envoy, adaptive concurrency.
std::unique_ptr<HttpFilter> make_adaptive_concurrency_filter(
    std::shared_ptr<const AdaptiveConcurrencyConfig> config);

/// The factory of filters with this configuration, whose statistics it makes.
std::shared_ptr<const FilterFactory> make_adaptive_concurrency_factory(
    const FilterSource& source, const FilterFactoryContext& context,
    std::shared_ptr<AdaptiveConcurrencyConfig> config);

/// The message -> factory (config.cc).
std::shared_ptr<const FilterFactory> make_adaptive_concurrency(const FilterSource& source,
                                                               const FilterFactoryContext& context,
                                                               ConfigReport& report);

}  // namespace remora::filters
