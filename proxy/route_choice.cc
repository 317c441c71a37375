#include "route_choice.h"

#include <algorithm>

#include "core/text.h"
#include "remora/http/exchange_info.h"

namespace remora {
namespace {

const WeightedCluster* choose_weighted(const RouteAction& action, const HeaderMap& request, uint64_t random) {
  if (!action.weighted_random_header->empty()) {
    const auto text = request.get(*action.weighted_random_header).value_or(std::string_view());
    random = read_number<uint64_t>(text).value_or(random);
  }
  uint64_t pick = random % action.total_weight;
  for (const auto& choice : action.weighted) {
    if (pick < choice.weight) return &choice;
    pick -= choice.weight;
  }
  return nullptr;  // not reached: the weights sum to total_weight
}

}  // namespace

RouteFacts facts_of(const ExchangeInfo& info) {
  return {info.dynamic_metadata, info.filter_state, info.downstream_tls};
}

ClusterChoice choose_cluster(const RouteAction& action, const HeaderMap& request, uint64_t random) {
  const auto named_by = [&request](std::string_view header) {
    return request.get(header).value_or(std::string_view());
  };
  switch (action.target) {
    case RouteAction::Target::kCluster: return {action.cluster};
    case RouteAction::Target::kClusterHeader: return {named_by(action.cluster)};
    case RouteAction::Target::kWeighted: break;
  }
  const auto* weighted = choose_weighted(action, request, random);
  const bool by_header = !weighted->cluster_header.empty();
  return {by_header ? named_by(weighted->cluster_header) : std::string_view(weighted->name), weighted};
}

const RareList<MirrorPolicy>& choose_mirrors(const RouteConfig& table, const VirtualHost& host,
                                             const Route& route) {
  if (!route.forward.mirrors.empty()) return route.forward.mirrors;
  return !host.mirrors.empty() ? host.mirrors : table.mirrors;
}

std::string_view mirror_cluster(const MirrorPolicy& policy, const HeaderMap& request) {
  if (policy.cluster_header.empty()) return policy.cluster;
  return request.get(policy.cluster_header).value_or(std::string_view());
}

bool allows_upgrade(const RouteAction& action, const std::vector<std::string>& listener,
                    std::string_view type) {
  const auto same = [type](std::string_view name) { return equals_ignoring_case(type, name); };
  for (const auto& [name, enabled] : action.upgrades) {
    if (same(name)) return enabled;
  }
  return std::any_of(listener.begin(), listener.end(), same);
}

bool asks_for_tcp(const RouteAction& action, const HeaderMap& request) {
  if (!action.tcp_tunnel) return false;
  return request.method() == "CONNECT" || (action.tcp_tunnel->allow_post && request.method() == "POST");
}

}  // namespace remora
