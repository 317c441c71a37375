#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "remora/config/bootstrap.h"
#include "remora/config/report.h"
#include "remora/filter/http_filter.h"

namespace remora {

class StatsStore;

/// What a filter's configuration may depend on besides its own message. Borrowed for the call.
struct FilterFactoryContext {
  StatsStore& stats;
  const NodeInfo& node;
  std::string stat_prefix;  // "http.<stat_prefix>."; empty for what a route says to a filter
  TrafficDirection direction = TrafficDirection::kUnspecified;
  const std::map<std::string, std::string>* runtime = nullptr;  // the static layers; null: none
};

/// Makes the factory for one entry of http_filters. `type_url` and `serialized` are those of its typed_config
/// (TypedStruct already unwrapped: then `type_url` is the inner one and `serialized` the bytes of the
/// google.protobuf.Struct, with `is_struct`). Findings go to `report` under `path`; null if there was an
/// error. Implemented in filters/registry.cc: an explicit list, no static registration.
std::shared_ptr<const FilterFactory> make_filter(std::string_view name, std::string_view type_url,
                                                 std::string_view serialized, bool is_struct,
                                                 const FilterFactoryContext& context, const std::string& path,
                                                 ConfigReport& report);

/// True if this build knows the type at all.
bool knows_filter(std::string_view type_url);

/// The same for one value of typed_per_filter_config: what a route says to the filter called `name`. The type
/// says whose it is.
std::shared_ptr<const RouteFilterConfig> make_route_filter_config(
    std::string_view name, std::string_view type_url, std::string_view serialized, bool is_struct,
    const FilterFactoryContext& context, const std::string& path, ConfigReport& report);
bool knows_route_filter_config(std::string_view type_url);

}  // namespace remora
