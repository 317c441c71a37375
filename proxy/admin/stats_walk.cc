#include "admin/stats_walk.h"

#include <algorithm>

namespace remora::admin {

StatsWalk::StatsWalk(std::vector<std::shared_ptr<StatScope>> scopes, const StatsQuery& query)
    : scopes_(std::move(scopes)),
      query_(query) {
  std::ranges::stable_sort(scopes_, {},
                           [](const auto& scope) -> const std::string& { return scope->name().prefix; });
}

void StatsWalk::start(Pass pass) {
  pass_ = pass;
  position_ = 0;
}

bool StatsWalk::next() {
  items_.clear();
  if (position_ == scopes_.size()) return false;
  const std::string& first = scopes_[position_]->name().prefix;
  do {
    add_scope(*scopes_[position_++]);
  } while (position_ < scopes_.size() && scopes_[position_]->name().prefix.starts_with(first));
  std::ranges::sort(items_, {}, &Item::name);
  return true;
}

void StatsWalk::add_scope(const StatScope& scope) {
  const StatSchema schema = scope.schema();
  for (size_t i = 0; i < schema.size(); ++i) {
    const bool histogram = schema[i].kind == StatKind::kHistogram;
    if (histogram != (pass_ == Pass::kHistograms) || !query_.wants(schema[i].kind)) continue;
    const uint64_t value = histogram ? 0 : scope.value(i);
    if (!histogram && query_.used_only && value == 0) continue;
    // Where exact statuses are counted, their classes show once they have occurred, as in Envoy.
    if (value == 0 && !scope.name().status_prefix.empty() &&
        schema[i].tag_name == "envoy_response_code_class")
      continue;
    add(scope, schema[i].name, {}, i, value);
  }
  if (pass_ == Pass::kHistograms || scope.name().status_prefix.empty() || !query_.wants(StatKind::kCounter))
    return;
  for (const auto& [status, count] : scope.statuses()) {
    if (count != 0 || !query_.used_only)
      add(scope, scope.name().status_prefix, std::to_string(status), 0, count);
  }
}

void StatsWalk::add(const StatScope& scope, std::string_view name, std::string_view end, size_t stat,
                    uint64_t value) {
  name_.assign(scope.name().prefix).append(name).append(end);
  if (query_.matches(name_)) items_.push_back({name_, &scope, stat, value});
}

}  // namespace remora::admin
