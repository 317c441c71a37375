#pragma once

#include <array>
#include <string>
#include <string_view>

#include "admin/json_writer.h"
#include "admin/stats_query.h"
#include "remora/core/stats.h"

namespace remora::admin {

/// How one histogram is shown. Envoy shows each number twice: for the last flush interval and since start.
/// Remora keeps no interval: that half says what Envoy says of an interval without samples (nan, null or 0).

inline constexpr std::array<double, 10> kQuantiles = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1};

/// The lines of the text form, each with its end.
void append_histogram(std::string& out, std::string_view name, const HistogramSnapshot& histogram,
                      const StatsQuery& query);

/// The JSON form is one object for all histograms: begin, each, end.
void begin_histograms(JsonWriter& json, StatsQuery::Buckets buckets);
void write_histogram(JsonWriter& json, std::string_view name, const HistogramSnapshot& histogram,
                     const StatsQuery& query);
void end_histograms(JsonWriter& json, StatsQuery::Buckets buckets);

}  // namespace remora::admin
