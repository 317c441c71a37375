#pragma once

#include "remora/config/route.h"
#include "remora/http/exchange_info.h"
#include "remora/http/header_map.h"

namespace remora {

/// What a route's place in its table adds to and takes from heads.
struct RouteLevels {
  const RouteConfig& table;
  const VirtualHost& host;
  const Route& route;
  const WeightedCluster* weighted;  ///< the chosen one; may be null
};

/// Applies the header mutations of all levels in the order in which Envoy does: those of the weighted
/// cluster, then from the route to the table, or from the table to the route where the table says
/// `most_specific_header_mutations_wins`. The host that a weighted cluster asks for is set among them.
void apply_request_mutations(const RouteLevels& levels, HeaderMap& head, const ExchangeInfo& info);
void apply_response_mutations(const RouteLevels& levels, HeaderMap& head, const ExchangeInfo& info);

}  // namespace remora
