#pragma once

#include <memory>
#include <string_view>

#include "remora/core/stats.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// Where a filter of a connection manager counts: "http.<stat_prefix>.<family>." and, for Prometheus,
/// envoy_http_<family>_ with the label of the manager.
std::shared_ptr<StatScope> http_scope(const FilterFactoryContext& context, std::string_view family,
                                      StatSchema schema);

}  // namespace remora::filters
