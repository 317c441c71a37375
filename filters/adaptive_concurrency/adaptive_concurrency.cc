#include "adaptive_concurrency/adaptive_concurrency.h"

#include <utility>

#include "common/http_scope.h"
#include "common/per_exchange.h"
#include "common/shared_factory.h"

namespace remora::filters {
namespace {

constexpr StatDef kSchema[kConcurrencyStats] = {
    {.name = "rq_blocked"},
    {.name = "burst_queue_size", .kind = StatKind::kGauge},
    {.name = "concurrency_limit", .kind = StatKind::kGauge},
    {.name = "gradient", .kind = StatKind::kGauge},
    {.name = "min_rtt_calculation_active", .kind = StatKind::kGauge},
    {.name = "min_rtt_msecs", .kind = StatKind::kGauge},
    {.name = "sample_rtt_msecs", .kind = StatKind::kGauge}};

void show(const LimitGauges& gauges, StatBlock& block) {
  block.set(kBurstQueueSize, gauges.burst_queue_size);
  block.set(kConcurrencyLimit, gauges.concurrency_limit);
  block.set(kGradient, gauges.gradient);
  block.set(kMinRttCalculationActive, gauges.min_rtt_calculation_active);
  block.set(kMinRttMsecs, gauges.min_rtt_msecs);
  block.set(kSampleRttMsecs, gauges.sample_rtt_msecs);
}

/// Calls the controller when it wants to be called, and shows what it is like, for as long as there is one.
/// The gauges are this worker's own part of the scope: when the controller has gone, its successor's are the
/// ones to be seen, wherever they are kept.
void tick(const std::weak_ptr<ConcurrencyController>& controller, const std::shared_ptr<StatScope>& stats,
          FilterWorker& worker) {
  StatBlock& block = stats->block(worker.shard());
  const auto live = controller.lock();
  if (!live) return show({}, block);
  const Milliseconds next = live->tick(worker.clock().now());
  show(live->gauges(), block);
  worker.call_after(next, [controller, stats, &worker] { tick(controller, stats, worker); });
}

class AdaptiveConcurrencyFilter final : public HttpFilter {
 public:
  explicit AdaptiveConcurrencyFilter(std::shared_ptr<const AdaptiveConcurrencyConfig> config)
      : config_(std::move(config)) {}

  void start(FilterWorker& worker) override {
    if (config_->enabled && config_->controller->take_clock())
      tick(config_->controller, config_->stats, worker);
  }

  Verdict on_request_head(FilterContext& context, HeaderMap&, bool) override {
    if (!config_->enabled || context.info().health_check) return Verdict::go_on();
    if (!config_->controller->admit()) {
      config_->stats->block(context.shard()).add(kRqBlocked);
      LocalReply reply;
      reply.status = config_->exceeded_status;
      reply.body = "reached concurrency limit";
      reply.details = "reached_concurrency_limit";
      return Verdict::reply(std::move(reply));
    }
    admitted_.begin(context).begun = context.clock().now();
    return Verdict::go_on();
  }

  Verdict on_response_head(FilterContext& context, HeaderMap&, bool end) override {
    if (end) answered(context);
    return Verdict::go_on();
  }

  void on_response_body(FilterContext& context, std::string_view, bool end) override {
    if (end) answered(context);
  }

  void on_response_trailers(FilterContext& context, HeaderMap&) override { answered(context); }

  /// One that was not answered to the end says nothing of how long an answer takes.
  void on_complete(FilterContext& context) override {
    if (admitted_.find(context) == nullptr) return;
    config_->controller->release();
    admitted_.end(context);
  }

 private:
  struct Admitted {
    MonotonicTime begun{};
    void reset() {}
  };

  void answered(FilterContext& context) {
    const Admitted* admitted = admitted_.find(context);
    if (admitted == nullptr) return;
    config_->controller->release(context.shard(), admitted->begun, context.clock().now());
    admitted_.end(context);
  }

  std::shared_ptr<const AdaptiveConcurrencyConfig> config_;
  PerExchange<Admitted> admitted_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_adaptive_concurrency_filter(
    std::shared_ptr<const AdaptiveConcurrencyConfig> config) {
  return std::make_unique<AdaptiveConcurrencyFilter>(std::move(config));
}

std::shared_ptr<const FilterFactory> make_adaptive_concurrency_factory(
    const FilterSource& source, const FilterFactoryContext& context,
    std::shared_ptr<AdaptiveConcurrencyConfig> config) {
  config->stats = http_scope(context, "adaptive_concurrency.gradient_controller", kSchema);
  using Factory = SharedFilterFactory<const AdaptiveConcurrencyConfig, make_adaptive_concurrency_filter>;
  return std::make_shared<Factory>(source.name, std::move(config));
}

}  // namespace remora::filters
