#pragma once

#include <string_view>
#include <vector>

#include "remora/config/route_table.h"
#include "remora/http/header_map.h"

namespace remora {

struct ExchangeInfo;

/// What routes may ask of a request besides its head.
RouteFacts facts_of(const ExchangeInfo& info);

/// The cluster that a forwarding route gives a request to.
struct ClusterChoice {
  std::string_view name;                      ///< empty where a header should have named it
  const WeightedCluster* weighted = nullptr;  ///< which of several; null where the route names one
};

/// `random` is the request's own number: a random one, or where weighted clusters say use_hash_policy, the
/// hash of the request. A whole number in the header that the route names for it (header_name) takes its
/// place. Either lets a caller stay with a cluster. Source: Envoy, WeightedCluster.
ClusterChoice choose_cluster(const RouteAction& action, const HeaderMap& request, uint64_t random);

/// The mirrors of the route, else of its virtual host, else of the table. Source: Envoy,
/// request_mirror_policies.
const RareList<MirrorPolicy>& choose_mirrors(const RouteConfig& table, const VirtualHost& host,
                                             const Route& route);
std::string_view mirror_cluster(const MirrorPolicy& policy, const HeaderMap& request);

/// Whether a request may ask for this upgrade: as its route says, else as the listener does.
bool allows_upgrade(const RouteAction& action, const std::vector<std::string>& listener,
                    std::string_view type);

/// Whether the request's body is for an upstream that speaks TCP. Source: Envoy, ConnectConfig.
bool asks_for_tcp(const RouteAction& action, const HeaderMap& request);

}  // namespace remora
