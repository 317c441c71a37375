#include "admin/stats_query.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <re2/re2.h>

namespace remora::admin {
namespace {

using Format = StatsQuery::Format;
using Type = StatsQuery::Type;
using Buckets = StatsQuery::Buckets;

// Envoy's, in milliseconds where the histogram is one of times.
constexpr double kDefaultBounds[] = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                     2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

constexpr std::pair<std::string_view, Format> kFormats[] = {
    {"text", Format::kText}, {"json", Format::kJson}, {"prometheus", Format::kPrometheus}};
constexpr std::pair<std::string_view, Type> kTypes[] = {{"All", Type::kAll},
                                                        {"Counters", Type::kCounters},
                                                        {"Gauges", Type::kGauges},
                                                        {"Histograms", Type::kHistograms},
                                                        {"TextReadouts", Type::kTextReadouts}};
constexpr std::pair<std::string_view, Buckets> kBuckets[] = {{"summary", Buckets::kSummary},
                                                             {"cumulative", Buckets::kCumulative},
                                                             {"disjoint", Buckets::kDisjoint},
                                                             {"detailed", Buckets::kDetailed}};

// Reads one of a fixed list of words into `value`; an absent parameter leaves it. False: none of the words.
template <typename T, size_t N>
bool read_word(const Request& request, std::string_view name,
               const std::pair<std::string_view, T> (&words)[N], T& value) {
  const auto text = request.parameter(name);
  if (!text) return true;
  const auto* found = std::ranges::find(words, *text, &std::pair<std::string_view, T>::first);
  if (found == std::end(words)) return false;
  value = found->second;
  return true;
}

}  // namespace

Result<StatsQuery> StatsQuery::parse(const Request& request, Format format,
                                     const std::vector<double>& bounds) {
  StatsQuery query;
  query.format = format;
  query.used_only = request.has("usedonly");
  query.invert_filter = request.has("invert_filter");
  if (!read_word(request, "format", kFormats, query.format)) {
    return Error{"usage: /stats?format=(json|prometheus|text)\n\n"};
  }
  if (!read_word(request, "type", kTypes, query.type)) return Error{"invalid &type= param\n"};
  if (!read_word(request, "histogram_buckets", kBuckets, query.buckets)) {
    return Error{"usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n"};
  }
  if (query.format == Format::kPrometheus &&
      (query.buckets == Buckets::kDisjoint || query.buckets == Buckets::kDetailed)) {
    return Error{"unsupported prometheus histogram bucket mode\n"};
  }
  if (const auto pattern = request.parameter("filter")) {
    auto filter =
        std::make_shared<re2::RE2>(re2::StringPiece(pattern->data(), pattern->size()), re2::RE2::Quiet);
    if (!filter->ok()) return Error{"Invalid re2 regex: " + filter->error() + "\n"};
    query.filter = std::move(filter);
  }
  query.bounds = bounds;
  if (bounds.empty()) query.bounds.assign(std::begin(kDefaultBounds), std::end(kDefaultBounds));
  std::ranges::sort(query.bounds);
  return query;
}

bool StatsQuery::wants(StatKind kind) const {
  switch (type) {
    case Type::kAll: return true;
    case Type::kCounters: return kind == StatKind::kCounter;
    case Type::kGauges: return kind == StatKind::kGauge;
    case Type::kHistograms: return kind == StatKind::kHistogram;
    case Type::kTextReadouts: break;  // this build has none
  }
  return false;
}

bool StatsQuery::matches(std::string_view name) const {
  if (filter == nullptr) return true;
  return re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *filter) != invert_filter;
}

}  // namespace remora::admin
