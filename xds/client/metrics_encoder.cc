#include "client/metrics_encoder.h"

#include <algorithm>

#include "api/metrics_service.pb.h"

namespace remora::xds {
namespace {

namespace prom = io::prometheus::client;

constexpr double kQuantiles[] = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1};
/// Well below the 4 MiB that gRPC servers take by default.
constexpr size_t kMessageBytes = size_t{1} << 20;

/// Envoy's tags are dotted where Prometheus' labels are not: envoy.cluster_name.
std::string tag_name(std::string_view label) {
  constexpr std::string_view kEnvoy = "envoy_";
  if (!label.starts_with(kEnvoy)) return std::string(label);
  return "envoy." + std::string(label.substr(kEnvoy.size()));
}

/// The scope's text name without what its tags say, as Envoy's tag extraction leaves it: "cluster.reviews."
/// becomes "cluster.". Names that are not Envoy's (istio_) are those of Prometheus.
std::string name_without_tags(const ScopeName& name) {
  if (!name.prometheus_prefix.str().starts_with("envoy_")) return name.prometheus_prefix;
  std::string out = name.prefix;
  for (const StatTag& tag : name.tags) {
    const size_t at = out.find("." + tag.value + ".");
    if (!tag.value.empty() && at != std::string::npos) out.erase(at, tag.value.size() + 1);
  }
  return out;
}

void add_label(std::string_view name, std::string_view value, prom::Metric& metric) {
  auto* label = metric.add_label();
  label->set_name(tag_name(name));
  label->set_value(std::string(value));
}

}  // namespace

MetricsEncoder::MetricsEncoder(const StatsStore& stats, const MetricsFormat& format)
    : stats_(stats),
      format_(format),
      rest_(std::make_unique<Message>()) {}
MetricsEncoder::~MetricsEncoder() = default;

void MetricsEncoder::begin_stream() {
  ++stream_;
  rest_->Clear();
}

void MetricsEncoder::begin_flush(WallTime now) {
  time_ms_ = std::chrono::duration_cast<Milliseconds>(now.time_since_epoch()).count();
  const auto scopes = stats_.scopes();
  scopes_.assign(scopes.begin(), scopes.end());
  next_scope_ = 0;
  forget_gone();
}

bool MetricsEncoder::next(Message& message) {
  bytes_ = 0;
  message.mutable_envoy_metrics()->Swap(rest_->mutable_envoy_metrics());
  while (next_scope_ < scopes_.size() && bytes_ < kMessageBytes && !is_over(message, 0)) {
    const auto scope = scopes_[next_scope_++].lock();
    if (scope != nullptr) encode_scope(*scope, state_of(scope), message);
  }
  if (is_over(message, 1)) {  // a scope is encoded as a whole: what is too much goes into the next message
    auto& families = *message.mutable_envoy_metrics();
    const int limit = static_cast<int>(format_.batch_size);
    rest_->mutable_envoy_metrics()->Assign(std::make_move_iterator(families.begin() + limit),
                                           std::make_move_iterator(families.end()));
    families.DeleteSubrange(limit, families.size() - limit);
  }
  const bool more = next_scope_ < scopes_.size() || rest_->envoy_metrics_size() > 0;
  if (!more) scopes_.clear();
  return more;
}

/// Whether a message has reached the batch size, and exceeds it by so many families.
bool MetricsEncoder::is_over(const Message& message, int by) const {
  return format_.batch_size > 0 && message.envoy_metrics_size() >= static_cast<int>(format_.batch_size) + by;
}

MetricsEncoder::ScopeState& MetricsEncoder::state_of(const std::shared_ptr<StatScope>& scope) {
  ScopeState& state = states_[scope.get()];
  if (state.scope.lock() != scope) {
    state = {.scope = scope, .values = {}, .histograms = {}, .name = {}};
    state.name = format_.tags_as_labels ? name_without_tags(scope->name()) : scope->name().prefix;
  }
  return state;
}

/// A scope may come and go as often as configurations change: what is kept must not grow with that.
void MetricsEncoder::forget_gone() {
  if (states_.size() <= scopes_.size()) return;
  std::erase_if(states_, [](const auto& entry) { return entry.second.scope.expired(); });
}

void MetricsEncoder::encode_scope(const StatScope& scope, ScopeState& state, Message& message) {
  const StatSchema schema = scope.schema();
  for (uint32_t i = 0; i < schema.size(); ++i) {
    const StatDef& def = schema[i];
    if (def.kind == StatKind::kHistogram) {
      encode_histogram(scope, state, i, message);
      continue;
    }
    const uint64_t value = scope.value(i);
    const bool renamed = format_.tags_as_labels && !def.prometheus_name.empty();
    encode_value(scope, state, i, value, def.kind == StatKind::kGauge,
                 renamed ? def.prometheus_name : def.name, {def.tag_name, def.tag_value}, message);
  }
  if (scope.name().status_prefix.empty()) return;
  std::string_view prefix = scope.name().status_prefix;
  if (format_.tags_as_labels && prefix.ends_with('_')) prefix.remove_suffix(1);
  for (const auto& [status, count] : scope.statuses()) {
    const std::string code = std::to_string(status);
    const std::string name = format_.tags_as_labels ? std::string(prefix) : std::string(prefix).append(code);
    encode_value(scope, state, kStatuses + status, count, false, name, {"envoy_response_code", code},
                 message);
  }
}

void MetricsEncoder::encode_value(const StatScope& scope, ScopeState& state, uint32_t stat, uint64_t value,
                                  bool is_gauge, std::string_view name,
                                  std::pair<std::string_view, std::string_view> tag, Message& message) {
  auto found = std::ranges::lower_bound(state.values, stat, {}, &Sent::stat);
  if (found == state.values.end() || found->stat != stat) {
    if (value == 0) return;
    found = state.values.insert(found, {stat, 0, 0});
  } else if (found->value == value && found->stream == stream_) {
    return;
  }
  const uint64_t before = value >= found->value ? found->value : 0;  // less: it was reset
  *found = {stat, stream_, value};
  Family* family = nullptr;
  Metric& metric = add_metric(scope, state, name, tag, message, family);
  if (is_gauge) {
    family->set_type(prom::GAUGE);
    metric.mutable_gauge()->set_value(static_cast<double>(value));
  } else {
    family->set_type(prom::COUNTER);
    metric.mutable_counter()->set_value(
        static_cast<double>(format_.counters_as_deltas ? value - before : value));
  }
}

HistogramSnapshot MetricsEncoder::since(const HistogramSnapshot& now, SentHistogram& before) {
  HistogramSnapshot out = now;
  const bool was_reset = std::ranges::any_of(
      before.buckets, [&](const auto& bucket) { return now.buckets[bucket.first] < bucket.second; });
  if (!was_reset) {
    for (const auto& [index, count] : before.buckets) {
      out.buckets[index] -= count;
      out.count -= count;
    }
    out.sum -= std::min(before.sum, out.sum);
  }
  before.count = now.count;
  before.sum = now.sum;
  before.buckets.clear();
  for (size_t i = 0; i < now.buckets.size(); ++i) {
    if (now.buckets[i] > 0) before.buckets.emplace_back(static_cast<uint16_t>(i), now.buckets[i]);
  }
  return out;
}

void MetricsEncoder::encode_histogram(const StatScope& scope, ScopeState& state, uint32_t stat,
                                      Message& message) {
  const HistogramSnapshot now = scope.histogram(stat);
  if (now.count == 0) return;
  SentHistogram& before = state.histograms[stat];
  if (now.count == before.count && now.sum == before.sum) return;
  const HistogramSnapshot interval = since(now, before);
  if (interval.count == 0) return;
  const StatDef& def = scope.schema()[stat];
  const bool renamed = format_.tags_as_labels && !def.prometheus_name.empty();
  const std::string_view name = renamed ? def.prometheus_name : def.name;
  Family* family = nullptr;
  if (format_.summaries) {
    auto& summary = *add_metric(scope, state, name, {}, message, family).mutable_summary();
    family->set_type(prom::SUMMARY);
    summary.set_sample_count(interval.count);
    summary.set_sample_sum(static_cast<double>(interval.sum));
    for (const double q : kQuantiles) {
      auto* quantile = summary.add_quantile();
      quantile->set_quantile(q);
      quantile->set_value(interval.quantile(q));
    }
  }
  if (!format_.histograms) return;
  auto& histogram = *add_metric(scope, state, name, {}, message, family).mutable_histogram();
  family->set_type(prom::HISTOGRAM);
  bytes_ += format_.bounds.size() * 16;
  histogram.set_sample_count(interval.count);
  histogram.set_sample_sum(static_cast<double>(interval.sum));
  for (const double bound : format_.bounds) {
    auto* bucket = histogram.add_bucket();
    bucket->set_upper_bound(bound);
    bucket->set_cumulative_count(interval.at_most(bound));
  }
}

MetricsEncoder::Metric& MetricsEncoder::add_metric(const StatScope& scope, const ScopeState& state,
                                                   std::string_view name,
                                                   std::pair<std::string_view, std::string_view> tag,
                                                   Message& message, Family*& family) {
  family = message.add_envoy_metrics();
  family->mutable_name()->append(state.name).append(name);
  Metric& metric = *family->add_metric();
  metric.set_timestamp_ms(time_ms_);
  bytes_ += family->name().size() + 32;
  if (!format_.tags_as_labels) return metric;
  if (!tag.first.empty()) add_label(tag.first, tag.second, metric);
  for (const StatTag& label : scope.name().tags) {
    add_label(label.name, label.value, metric);
    bytes_ += label.name.str().size() + label.value.size() + 8;
  }
  return metric;
}

}  // namespace remora::xds
