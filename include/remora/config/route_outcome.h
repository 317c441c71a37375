#pragma once

#include <cstdint>
#include <string>

#include "remora/config/listener.h"
#include "remora/config/route_table.h"
#include "remora/http/exchange_info.h"

namespace remora {

/// What a route makes of one request, apart from filters and upstreams: the very functions that requests go
/// through, for those who ask what would happen. Implemented in proxy/.
struct RouteOutcome {
  std::string cluster;                        ///< where it goes; empty where nothing is forwarded
  const WeightedCluster* weighted = nullptr;  ///< which of several
  uint16_t status = 0;                        ///< of the proxy's own answer; 0: it is forwarded
  std::string details;                        ///< of that answer, as %RESPONSE_CODE_DETAILS%
  std::string location;                       ///< where a redirect leads to
  std::string body;
};

/// `random` chooses among weighted clusters; `internal`: the client is one of ours. `http` may refuse
/// upgrades.
RouteOutcome route_outcome(const RouteTable::Match& match, const HttpConnectionManagerConfig& http,
                           const HeaderMap& request, uint64_t random, bool internal);

/// The head that would go upstream: mutations and rewrites. Only for what is forwarded.
void apply_to_request(const RouteTable& table, const RouteTable::Match& match, const RouteOutcome& outcome,
                      const HttpConnectionManagerConfig& http, const ExchangeInfo& info, HeaderMap& request);
/// The mutations of a response head.
void apply_to_response(const RouteTable& table, const RouteTable::Match& match, const RouteOutcome& outcome,
                       const ExchangeInfo& info, HeaderMap& response);

}  // namespace remora
