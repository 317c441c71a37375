#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/proto_config.h"
#include "remora/config/filter_overrides.h"
#include "remora/core/format.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.set_filter_state.v3.Config: what requests leave for other filters, for
/// access logs and for hash policies. Of a listener, and of places of the route table.
struct SetFilterStateConfig final : RouteFilterConfig {
  struct Value {
    std::string key;
    Format format;
    bool skip_if_empty = false;
    bool hashable = false;  // hash policies may look at it
  };
  std::vector<Value> on_request_head;
};

/// One instance per worker. Source: Envoy, set filter state filter.
std::unique_ptr<HttpFilter> make_set_filter_state_filter(std::shared_ptr<const SetFilterStateConfig> config);

/// The message -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_set_filter_state(const FilterSource& source,
                                                           const FilterFactoryContext& context,
                                                           ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_set_filter_state(const FilterSource& source,
                                                                     const FilterFactoryContext& context,
                                                                     ConfigReport& report);

}  // namespace remora::filters
