#include "common/http_scope.h"

#include <algorithm>
#include <string>

namespace remora::filters {

std::shared_ptr<StatScope> http_scope(const FilterFactoryContext& context, std::string_view family,
                                      StatSchema schema) {
  constexpr std::string_view kStart = "http.";
  std::string manager = context.stat_prefix;  // "http.<name>."
  if (manager.starts_with(kStart)) manager.erase(0, kStart.size());
  if (manager.ends_with('.')) manager.pop_back();
  std::string flat(family);
  std::ranges::replace(flat, '.', '_');
  return context.stats.make_scope(schema, {.prefix = context.stat_prefix + std::string(family) + ".",
                                           .prometheus_prefix = "envoy_http_" + flat + "_",
                                           .tags = {{"envoy_http_conn_manager_prefix", manager}}});
}

}  // namespace remora::filters
