#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/proto_config.h"
#include "header_mutation/query_edits.h"
#include "remora/config/filter_overrides.h"
#include "remora/config/route.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.header_mutation.v3.Mutations: of a filter, or of a place of a route table.
struct HeaderEdits final : RouteFilterConfig {
  std::vector<HeaderEdit> request;
  std::vector<HeaderEdit> request_trailers;
  std::vector<QueryEdit> query;  ///< after `request`
  std::vector<HeaderEdit> response;
  std::vector<HeaderEdit> response_trailers;
};

struct HeaderMutationConfig {
  HeaderEdits edits;
  bool most_specific_wins = false;  ///< and so comes last
};

/// Edits heads, query parameters and trailers: first as the filter says, then as the places of the route
/// table do. One instance per worker. Source: Envoy, header mutation filter.
std::unique_ptr<HttpFilter> make_header_mutation_filter(std::shared_ptr<const HeaderMutationConfig> config);

/// The messages -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_header_mutation(const FilterSource& source,
                                                          const FilterFactoryContext& context,
                                                          ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_header_mutation(const FilterSource& source,
                                                                    const FilterFactoryContext& context,
                                                                    ConfigReport& report);

}  // namespace remora::filters
