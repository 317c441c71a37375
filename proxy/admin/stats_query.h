#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "admin/request.h"
#include "remora/core/result.h"
#include "remora/core/stats.h"

namespace re2 {
class RE2;
}

namespace remora::admin {

/// What /stats was asked for.
struct StatsQuery {
  enum class Format : uint8_t { kText, kJson, kPrometheus };
  enum class Type : uint8_t { kAll, kCounters, kGauges, kHistograms, kTextReadouts };
  enum class Buckets : uint8_t { kUnset, kSummary, kCumulative, kDisjoint, kDetailed };

  Format format = Format::kText;
  Type type = Type::kAll;
  Buckets buckets = Buckets::kUnset;
  bool used_only = false;
  bool invert_filter = false;
  std::shared_ptr<const re2::RE2> filter;
  std::vector<double> bounds;  ///< upper bounds of histogram buckets, ascending

  /// Errors are those of the request: status 400. `format` is the default, `bounds` empty means Envoy's.
  static Result<StatsQuery> parse(const Request& request, Format format, const std::vector<double>& bounds);

  [[nodiscard]] bool wants(StatKind kind) const;
  /// Whether the filter lets this text name pass.
  [[nodiscard]] bool matches(std::string_view name) const;
};

}  // namespace remora::admin
