#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "admin/histogram_text.h"
#include "admin/prometheus.h"
#include "admin/stats_writer.h"

namespace remora::admin {
namespace {

// The scopes of one family of statistics: same schema, same prefix, and so the same metrics.
struct Group {
  StatSchema schema;
  std::string_view prefix;
  Scopes scopes;
  std::vector<std::string> labels;  // of each scope: `a="b",c="d"`
};

constexpr size_t kStatuses = SIZE_MAX;  // stands for the exact-status counters of a group

// One metric: its samples are the values of `stats`, for every scope of the group each belongs to.
struct Metric {
  std::string name;
  StatKind kind = StatKind::kCounter;
  std::vector<std::pair<const Group*, size_t>> stats;
};

std::string_view kind_name(StatKind kind, StatsQuery::Buckets buckets) {
  switch (kind) {
    case StatKind::kCounter: return "counter";
    case StatKind::kGauge: return "gauge";
    case StatKind::kHistogram: break;
  }
  return buckets == StatsQuery::Buckets::kSummary ? "summary" : "histogram";
}

std::string labels_of(const StatScope& scope) {
  std::string labels;
  for (const StatTag& tag : scope.name().tags) {
    if (!labels.empty()) labels += ',';
    append_prometheus_label(tag.name, tag.value, labels);
  }
  return labels;
}

// The groups, in order of their first scope. A deque: metrics point at its elements.
std::deque<Group> group_scopes(Scopes scopes) {
  std::deque<Group> groups;
  std::unordered_multimap<std::string_view, Group*> by_prefix;
  for (auto& scope : scopes) {
    const StatSchema schema = scope->schema();
    auto [found, end] = by_prefix.equal_range(scope->name().prometheus_prefix);
    found = std::find_if(found, end,
                         [&](const auto& entry) { return entry.second->schema.data() == schema.data(); });
    if (found == end) {
      groups.push_back({schema, scope->name().prometheus_prefix, {}, {}});
      found = by_prefix.emplace(groups.back().prefix, &groups.back());
    }
    found->second->labels.push_back(labels_of(*scope));
    found->second->scopes.push_back(std::move(scope));
  }
  return groups;
}

// Counters, gauges and histograms by name. Groups that share a metric's name share its TYPE line, which may
// appear only once.
class MetricIndex {
 public:
  void add(const Group& group, std::string_view name, StatKind kind, size_t stat) {
    std::string full;
    append_prometheus_name(group.prefix, full);
    append_prometheus_name(name, full);
    Metric& metric = metrics_[{kind == StatKind::kHistogram, full}];
    if (metric.stats.empty()) {
      metric.name = full;
      metric.kind = kind;
    }
    metric.stats.emplace_back(&group, stat);
  }

  // In the order of output; an alias follows its metric.
  std::vector<Metric> take() {
    std::vector<Metric> metrics;
    for (auto& [key, metric] : metrics_) {
      const std::string_view alias = prometheus_alias(metric.name);
      metrics.push_back(std::move(metric));
      if (alias.empty()) continue;
      metrics.push_back(metrics.back());
      metrics.back().name = alias;
    }
    std::ranges::stable_sort(metrics, {}, &Metric::kind);
    return metrics;
  }

 private:
  std::map<std::pair<bool, std::string>, Metric> metrics_;
};

std::vector<Metric> metrics_of(const std::deque<Group>& groups, const StatsQuery& query) {
  MetricIndex index;
  for (const Group& group : groups) {
    for (size_t i = 0; i < group.schema.size(); ++i) {
      const StatDef& def = group.schema[i];
      if (query.wants(def.kind))
        index.add(group, def.prometheus_name.empty() ? def.name : def.prometheus_name, def.kind, i);
    }
    std::string_view statuses = group.scopes.front()->name().status_prefix;
    if (statuses.empty() || !query.wants(StatKind::kCounter)) continue;
    if (statuses.ends_with('_')) statuses.remove_suffix(1);
    index.add(group, statuses, StatKind::kCounter, kStatuses);
  }
  return index.take();
}

class PrometheusWriter {
 public:
  PrometheusWriter(Scopes scopes, StatsQuery query)
      : query_(std::move(query)),
        groups_(group_scopes(std::move(scopes))),
        metrics_(metrics_of(groups_, query_)) {}

  bool write(std::string& piece) {
    piece.reserve(piece.size() + kPieceSize + kPieceSize / 4);
    const size_t enough = piece.size() + kPieceSize;
    while (piece.size() < enough) {
      if (metric_ == metrics_.size()) return false;
      if (!write_next_scope(metrics_[metric_], piece)) {
        ++metric_;
        stat_ = scope_ = 0;
        typed_ = false;
      }
    }
    return true;
  }

 private:
  // The samples that one scope has of this metric; false if there was no scope left.
  bool write_next_scope(const Metric& metric, std::string& out) {
    while (stat_ < metric.stats.size() && scope_ == metric.stats[stat_].first->scopes.size()) {
      ++stat_;
      scope_ = 0;
    }
    if (stat_ == metric.stats.size()) return false;
    const auto& [group, stat] = metric.stats[stat_];
    const StatScope& scope = *group->scopes[scope_];
    const std::string& labels = group->labels[scope_++];
    if (stat == kStatuses) {
      write_statuses(metric, scope, labels, out);
    } else if (passes(scope, group->schema[stat].name)) {
      write_stat(metric, scope, stat, labels, out);
    }
    return true;
  }

  bool passes(const StatScope& scope, std::string_view name, std::string_view end = {}) {
    if (query_.filter == nullptr) return true;
    name_.assign(scope.name().prefix).append(name).append(end);
    return query_.matches(name_);
  }

  void write_statuses(const Metric& metric, const StatScope& scope, const std::string& labels,
                      std::string& out) {
    for (const auto& [status, count] : scope.statuses()) {
      const std::string code = std::to_string(status);
      if ((query_.used_only && count == 0) || !passes(scope, scope.name().status_prefix, code)) continue;
      write_type(metric, out);
      write_value(metric.name, "envoy_response_code", code, labels, count, out);
    }
  }

  void write_stat(const Metric& metric, const StatScope& scope, size_t stat, const std::string& labels,
                  std::string& out) {
    const StatDef& def = scope.schema()[stat];
    if (def.kind == StatKind::kHistogram) {
      const HistogramSnapshot histogram = scope.histogram(stat);
      if (query_.used_only && histogram.count == 0) return;
      write_type(metric, out);
      write_histogram(metric.name, histogram, labels, out);
      return;
    }
    const uint64_t value = scope.value(stat);
    if (query_.used_only && value == 0) return;
    write_type(metric, out);
    write_value(metric.name, def.tag_name, def.tag_value, labels, value, out);
  }

  // Ahead of the first sample only: a metric without samples is not mentioned.
  void write_type(const Metric& metric, std::string& out) {
    if (typed_) return;
    typed_ = true;
    out.append("# TYPE ").append(metric.name).append(" ").append(kind_name(metric.kind, query_.buckets)) +=
        '\n';
  }

  // A tag that is part of the statistic's text name comes before those of its scope, as Envoy has it.
  static void write_value(std::string_view name, std::string_view tag, std::string_view tag_value,
                          const std::string& labels, uint64_t value, std::string& out) {
    out.append(name) += '{';
    if (!tag.empty()) append_prometheus_label(tag, tag_value, out);
    if (!tag.empty() && !labels.empty()) out += ',';
    fmt::format_to(std::back_inserter(out), "{}}} {}\n", labels, value);
  }

  void write_histogram(std::string_view name, const HistogramSnapshot& histogram, const std::string& labels,
                       std::string& out) const {
    auto at = std::back_inserter(out);
    const std::string_view comma = labels.empty() ? "" : ",";
    if (query_.buckets == StatsQuery::Buckets::kSummary) {
      for (const double q : kQuantiles) {
        fmt::format_to(at, "{}{{{}{}quantile=\"{:g}\"}} {:g}\n", name, labels, comma, q,
                       histogram.quantile(q));
      }
    } else {
      for (const double bound : query_.bounds) {
        fmt::format_to(at, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma, bound,
                       histogram.at_most(bound));
      }
      fmt::format_to(at, "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name, labels, comma, histogram.count);
    }
    fmt::format_to(at, "{}_sum{{{}}} {}\n{}_count{{{}}} {}\n", name, labels, histogram.sum, name, labels,
                   histogram.count);
  }

  StatsQuery query_;
  std::deque<Group> groups_;
  std::vector<Metric> metrics_;
  size_t metric_ = 0;  // where the next piece begins: metric, its statistic, the scope in its group
  size_t stat_ = 0;
  size_t scope_ = 0;
  bool typed_ = false;
  std::string name_;
};

}  // namespace

PieceWriter prometheus_writer(Scopes scopes, StatsQuery query) {
  auto writer = std::make_shared<PrometheusWriter>(std::move(scopes), std::move(query));
  return [writer](std::string& piece) { return writer->write(piece); };
}

}  // namespace remora::admin
