#include "adaptive_concurrency/adaptive_concurrency.h"
#include "config_struct.h"
#include "gradient2/gradient2.h"

namespace remora::filters {

std::shared_ptr<const FilterFactory> make_gradient2(const FilterSource& source,
                                                    const FilterFactoryContext& context,
                                                    ConfigReport& report) {
  constexpr uint32_t kMostRequests = 1'000'000;
  const size_t errors_before = report.error_count();
  StructReader reader(source, report);
  Gradient2Settings settings;
  ConcurrencyController::Settings controller;
  uint32_t exceeded_status = AdaptiveConcurrencyConfig().exceeded_status;
  reader.read("update_interval", settings.update_interval);
  reader.read("sample_quantile", 0, 1, controller.quantile);
  reader.read("min_limit", 1, kMostRequests, settings.min_limit);
  reader.read("max_limit", settings.min_limit, kMostRequests, settings.max_limit);
  reader.read("initial_limit", settings.min_limit, settings.max_limit, settings.initial_limit);
  reader.read("tolerance", 1, 100, settings.tolerance);
  reader.read("smoothing", 0.001, 1, settings.smoothing);
  reader.read("short_decay", settings.short_decay);
  reader.read("long_decay", settings.long_decay);
  reader.read("exceeded_status", 400, 599, exceeded_status);
  reader.finish();
  if (report.error_count() != errors_before) return nullptr;
  controller.update_interval = settings.update_interval;
  auto config = std::make_shared<AdaptiveConcurrencyConfig>();
  config->exceeded_status = static_cast<uint16_t>(exceeded_status);
  config->controller = std::make_shared<ConcurrencyController>(
      controller, std::make_unique<Gradient2>(settings), context.stats.shards());
  return make_adaptive_concurrency_factory(source, context, std::move(config));
}

}  // namespace remora::filters
