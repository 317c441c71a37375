#include "adaptive_concurrency/adaptive_concurrency.h"

#include <algorithm>
#include <utility>

#include "adaptive_concurrency/gradient.h"
#include "config_values.h"
#include "envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency.pb.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::adaptive_concurrency::v3;

constexpr uint16_t kServiceUnavailable = 503;
constexpr uint16_t kFirstError = 400;

/// What the runtime has under this name for the controller, else the default.
class GradientRuntime {
 public:
  explicit GradientRuntime(const FilterFactoryContext& context) : context_(context) {}

  [[nodiscard]] uint32_t number(const char* name, uint32_t value) const {
    const auto given = runtime_number(key(name), context_);
    return given ? static_cast<uint32_t>(std::clamp(*given, 1.0, double{UINT32_MAX})) : value;
  }
  [[nodiscard]] double share(const char* name, double percent) const {
    return std::min(runtime_number(key(name), context_).value_or(percent), 100.0) / 100;
  }
  /// At least one millisecond.
  [[nodiscard]] Milliseconds interval(const char* name, Milliseconds value) const {
    constexpr double kLongest = 1e12;
    const double given = runtime_number(key(name), context_).value_or(static_cast<double>(value.count()));
    return Milliseconds(static_cast<int64_t>(std::clamp(given, 1.0, kLongest)));
  }

 private:
  static std::string key(const char* name) {
    return std::string("adaptive_concurrency.gradient_controller.") + name;
  }
  const FilterFactoryContext& context_;
};

std::chrono::microseconds to_microseconds(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::microseconds(duration.nanos() / 1000);
}

ConcurrencyController::Settings to_controller(const v3::GradientControllerConfig& proto,
                                              const GradientRuntime& runtime) {
  const auto& limit = proto.concurrency_limit_params();
  const double quantile =
      proto.has_sample_aggregate_percentile() ? proto.sample_aggregate_percentile().value() : 50;
  return {.update_interval = runtime.interval("sample_rtt_calc_interval_ms",
                                              to_milliseconds(limit.concurrency_update_interval())),
          .quantile = runtime.share("sample_aggregate_percentile", quantile)};
}

GradientSettings to_gradient(const v3::GradientControllerConfig& proto, const GradientRuntime& runtime) {
  const auto& limit = proto.concurrency_limit_params();
  const auto& minimum = proto.min_rtt_calc_params();
  GradientSettings out;
  out.max_limit = runtime.number("max_concurrency_limit", limit.has_max_concurrency_limit()
                                                              ? limit.max_concurrency_limit().value()
                                                              : out.max_limit);
  out.min_limit = runtime.number(
      "min_concurrency", minimum.has_min_concurrency() ? minimum.min_concurrency().value() : out.min_limit);
  out.min_rtt_requests =
      runtime.number("min_rtt_aggregate_request_count",
                     minimum.has_request_count() ? minimum.request_count().value() : out.min_rtt_requests);
  out.min_rtt_interval = runtime.interval("min_rtt_calc_interval_ms", to_milliseconds(minimum.interval()));
  out.jitter = runtime.share("jitter", minimum.has_jitter() ? minimum.jitter().value() : out.jitter * 100);
  out.buffer =
      runtime.share("min_rtt_buffer", minimum.has_buffer() ? minimum.buffer().value() : out.buffer * 100);
  if (minimum.has_fixed_value()) out.fixed_min_rtt = to_microseconds(minimum.fixed_value());
  return out;
}

uint16_t exceeded_status(const v3::AdaptiveConcurrency& proto) {
  const auto given = static_cast<uint16_t>(proto.concurrency_limit_exceeded_status().code());
  return given < kFirstError ? kServiceUnavailable : given;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_adaptive_concurrency(const FilterSource& source,
                                                               const FilterFactoryContext& context,
                                                               ConfigReport& report) {
  v3::AdaptiveConcurrency proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const auto& gradient = proto.gradient_controller_config();
  const auto& minimum = gradient.min_rtt_calc_params();
  if (!minimum.has_interval() && !minimum.has_fixed_value()) {
    report.error(source.path + ".gradient_controller_config.min_rtt_calc_params",
                 "needs an interval or a fixed_value");
    return nullptr;
  }
  const GradientRuntime runtime(context);
  auto config = std::make_shared<AdaptiveConcurrencyConfig>();
  if (proto.has_enabled()) config->enabled = to_flag(proto.enabled(), context);
  config->exceeded_status = exceeded_status(proto);
  config->controller = std::make_shared<ConcurrencyController>(
      to_controller(gradient, runtime), std::make_unique<Gradient>(to_gradient(gradient, runtime)),
      context.stats.shards());
  return make_adaptive_concurrency_factory(source, context, std::move(config));
}

}  // namespace remora::filters
