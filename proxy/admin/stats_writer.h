#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/stats_query.h"

namespace remora::admin {

/// Makes an answer piece by piece: appends some, and says whether there is more to come (see Response::more).
using PieceWriter = std::function<bool(std::string& piece)>;

/// A piece ends at the first boundary behind this size.
inline constexpr size_t kPieceSize = 128 * 1024;

using Scopes = std::vector<std::shared_ptr<StatScope>>;

PieceWriter text_writer(Scopes scopes, StatsQuery query);
PieceWriter json_writer(Scopes scopes, StatsQuery query);
PieceWriter prometheus_writer(Scopes scopes, StatsQuery query);  // prometheus.cc

}  // namespace remora::admin
