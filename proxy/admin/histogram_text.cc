#include "admin/histogram_text.h"

#include <iterator>
#include <limits>

#include <fmt/format.h>

namespace remora::admin {
namespace {

using Buckets = StatsQuery::Buckets;

// Calls visit(bound, count) for every bound: samples up to it, or (disjoint) those above the bound before.
template <typename Visit>
void each_bucket(const HistogramSnapshot& histogram, const StatsQuery& query, Visit visit) {
  uint64_t before = 0;
  for (const double bound : query.bounds) {
    const uint64_t count = histogram.at_most(bound);
    visit(bound, query.buckets == Buckets::kDisjoint ? count - before : count);
    before = count;
  }
}

// Calls visit(lower, width, count) for every bucket with samples. The last one has no upper end; its width is
// 0.
template <typename Visit>
void each_sample(const HistogramSnapshot& histogram, Visit visit) {
  for (size_t i = 0; i < histogram.buckets.size(); ++i) {
    if (histogram.buckets[i] == 0) continue;
    const uint64_t lower = Histogram::lower_bound(i);
    const uint64_t width = i + 1 < Histogram::kBuckets ? Histogram::lower_bound(i + 1) - lower : 0;
    visit(lower, width, histogram.buckets[i]);
  }
}

void append_quantiles(std::string& out, const HistogramSnapshot& histogram) {
  std::string_view gap;
  for (const double q : kQuantiles) {
    fmt::format_to(std::back_inserter(out), "{}P{:g}(nan,{:g})", gap, q * 100, histogram.quantile(q));
    gap = " ";
  }
}

void append_detailed(std::string& out, const HistogramSnapshot& histogram) {
  out += "\n  totals=";
  std::string_view gap;
  each_sample(histogram, [&](uint64_t lower, uint64_t width, uint64_t count) {
    fmt::format_to(std::back_inserter(out), "{}{},{}:{}", gap, lower, width, count);
    gap = " ";
  });
  out += "\n  intervals=\n  summary=";
  append_quantiles(out, histogram);
}

void write_pair(JsonWriter& json, bool empty, double value) {
  json.begin_object();
  json.key("cumulative");
  if (empty) {
    json.null();
  } else {
    json.value(value);
  }
  json.key("interval");
  json.null();
  json.end_object();
}

void write_quantiles(JsonWriter& json, std::string_view key, const HistogramSnapshot& histogram) {
  json.key(key);
  json.begin_array();
  for (const double q : kQuantiles) write_pair(json, histogram.count == 0, histogram.quantile(q));
  json.end_array();
}

void write_samples(JsonWriter& json, const HistogramSnapshot& histogram) {
  json.key("totals");
  json.begin_array();
  each_sample(histogram, [&json](uint64_t lower, uint64_t width, uint64_t count) {
    json.begin_object();
    json.member("lower_bound", lower);
    json.member("width", width);
    json.member("count", count);
    json.end_object();
  });
  json.end_array();
  json.key("intervals");
  json.begin_array();
  json.end_array();
}

void write_buckets(JsonWriter& json, const HistogramSnapshot& histogram, const StatsQuery& query) {
  json.key("buckets");
  json.begin_array();
  each_bucket(histogram, query, [&json](double bound, uint64_t count) {
    json.begin_object();
    json.member("upper_bound", bound);
    json.member("interval", 0);
    json.member("cumulative", count);
    json.end_object();
  });
  json.end_array();
}

bool shows_buckets(Buckets buckets) {
  return buckets == Buckets::kCumulative || buckets == Buckets::kDisjoint;
}

}  // namespace

void append_histogram(std::string& out, std::string_view name, const HistogramSnapshot& histogram,
                      const StatsQuery& query) {
  out.append(name) += ':';
  if (histogram.count == 0) {
    out += " No recorded values";
  } else if (shows_buckets(query.buckets)) {
    each_bucket(histogram, query, [&out](double bound, uint64_t count) {
      fmt::format_to(std::back_inserter(out), " B{:g}(0,{})", bound, count);
    });
  } else if (query.buckets == Buckets::kDetailed) {
    append_detailed(out, histogram);
  } else {
    out += ' ';
    append_quantiles(out, histogram);
  }
  out += '\n';
}

void begin_histograms(JsonWriter& json, Buckets buckets) {
  json.begin_object();
  json.key("histograms");
  if (shows_buckets(buckets)) {
    json.begin_array();
    return;
  }
  const bool detailed = buckets == Buckets::kDetailed;
  json.begin_object();
  json.key(detailed ? "supported_percentiles" : "supported_quantiles");
  json.begin_array();
  for (const double q : kQuantiles) json.value(q * 100);
  json.end_array();
  json.key(detailed ? "details" : "computed_quantiles");
  json.begin_array();
}

void write_histogram(JsonWriter& json, std::string_view name, const HistogramSnapshot& histogram,
                     const StatsQuery& query) {
  json.begin_object();
  json.member("name", name);
  if (shows_buckets(query.buckets)) {
    write_buckets(json, histogram, query);
  } else if (query.buckets == Buckets::kDetailed) {
    write_samples(json, histogram);
    write_quantiles(json, "percentiles", histogram);
  } else {
    write_quantiles(json, "values", histogram);
  }
  json.end_object();
}

void end_histograms(JsonWriter& json, Buckets buckets) {
  json.end_array();
  if (!shows_buckets(buckets)) json.end_object();
  json.end_object();
}

}  // namespace remora::admin
