#include "istio_stats/series.h"

#include <map>

namespace remora::filters {
namespace {

constexpr StatDef kSchema[kIstioStats] = {
    {.name = "istio_requests_total", .prometheus_name = "requests_total"},
    {.name = "istio_request_duration_milliseconds",
     .kind = StatKind::kHistogram,
     .prometheus_name = "request_duration_milliseconds"},
    {.name = "istio_request_bytes", .kind = StatKind::kHistogram, .prometheus_name = "request_bytes"},
    {.name = "istio_response_bytes", .kind = StatKind::kHistogram, .prometheus_name = "response_bytes"},
};
constexpr StatDef kMessageSchema[kIstioMessageStats] = {
    {.name = "istio_request_messages_total", .prometheus_name = "request_messages_total"},
    {.name = "istio_response_messages_total", .prometheus_name = "response_messages_total"},
};
constexpr StatDef kCounts[] = {{.name = "series_overflow_total"}};  // label sets that met the limit
constexpr StatDef kBuild[] = {{.name = "istio_build", .kind = StatKind::kGauge, .prometheus_name = "build"}};

constexpr size_t kReporter = 0;

// "istiocustom.reporter=source;source_workload=a;...;."
std::string text_prefix(std::span<const std::string> labels) {
  std::string prefix = "istiocustom.";
  for (size_t i = 0; i < labels.size(); ++i)
    prefix.append(kIstioLabels[i]).append("=").append(labels[i]).append(";");
  return prefix + ".";
}

}  // namespace

std::shared_ptr<SeriesTable> SeriesTable::of(StatsStore& stats) {
  static std::mutex mutex;
  static std::map<StatsStore*, std::weak_ptr<SeriesTable>> tables;
  const std::lock_guard lock(mutex);
  std::erase_if(tables, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = tables[&stats];
  auto table = entry.lock();
  if (table == nullptr) entry = table = std::make_shared<SeriesTable>(stats);
  return table;
}

SeriesTable::SeriesTable(StatsStore& stats, size_t limit)
    : stats_(stats),
      limit_(limit),
      counts_(stats.make_scope(
          kCounts, {.prefix = "istio_stats.", .prometheus_prefix = "envoy_istio_stats_", .tags = {}})) {}

StatScope& SeriesTable::series(const IstioLabelValues& labels, size_t shard) {
  return find_or_make(kSchema, labels, shard);
}

StatScope& SeriesTable::messages(const IstioLabelValues& labels, size_t shard) {
  return find_or_make(kMessageSchema, Labels(labels).first(kIstioMessageLabels), shard);
}

StatScope& SeriesTable::find_or_make(StatSchema schema, Labels labels, size_t shard) {
  const std::string key = text_prefix(labels);
  const std::lock_guard lock(mutex_);
  if (const auto found = series_.find(key); found != series_.end()) return *found->second;
  if (series_.size() >= limit_) return overflow(schema, labels, shard);
  return *series_.emplace(key, make(schema, labels)).first->second;
}

void SeriesTable::set_build(const std::string& version) {
  const std::lock_guard lock(mutex_);
  if (build_ != nullptr) return;
  build_ = stats_.make_scope(
      kBuild, {.prefix = "istiocustom.",
               .prometheus_prefix = "istio_",
               .tags = {{"component", "proxy"}, {"tag", version.empty() ? "unknown" : version}}});
  build_->block(0).set(0, 1);
}

std::shared_ptr<StatScope> SeriesTable::make(StatSchema schema, Labels labels) {
  ScopeName name{.prefix = text_prefix(labels), .prometheus_prefix = "istio_", .tags = {}};
  for (size_t i = 0; i < labels.size(); ++i) name.tags.push_back({std::string(kIstioLabels[i]), labels[i]});
  return stats_.make_scope(schema, std::move(name));
}

StatScope& SeriesTable::overflow(StatSchema schema, Labels labels, size_t shard) {
  counts_->block(shard).add(0);
  std::vector<std::string> values(labels.size(), "overflow");
  values[kReporter] = labels[kReporter];
  auto& scope = overflowed_[text_prefix(values)];
  if (scope == nullptr) scope = make(schema, values);
  return *scope;
}

}  // namespace remora::filters
