#include "istio/build/l4_routes.h"

#include <algorithm>

#include "envoy/config/listener/v3/listener.pb.h"
#include "istio/build/call_names.h"
#include "istio/build/names.h"
#include "istio/build/translate.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChainMatch;

/// Whether connections of this proxy's application can match. Without interception they go where the listener
/// is, and nowhere else.
bool may_match(const L4Match& match, uint16_t port, const ProxyNode& node, const std::string& ns,
               const std::string& gateway) {
  if (match.port && *match.port != port) return false;
  if (!match.destination_subnets.empty() && !node.intercepted() && !node.is_gateway()) return false;
  if (!match.gateways.empty()) return names_gateway(match.gateways, ns, gateway);
  if (!match.source_namespace.empty() && match.source_namespace != node.ns) return false;
  return labels_match(match.source_labels, node.labels);
}

PolicySettings policy_for(const std::string& host, uint16_t port, const MeshView& view) {
  return effective_policy(view.registry().find_rule(host, view.node().ns), nullptr, port);
}

/// What connections have come to that VirtualServices say something about.
struct Arrival {
  uint16_t port = 0;
  std::string gateway = kMeshGateway;
};

L4Chain to_chain(const L4Route& route, const L4Match& match, const Resource& owner, const Arrival& arrival,
                 const MeshView& view) {
  L4Chain chain;
  chain.server_names = match.sni_hosts;
  for (const std::string& subnet : match.destination_subnets) {
    if (const auto range = parse_address_range(subnet)) chain.destinations.push_back(*range);
  }
  chain.source = parse_address_range(match.source_subnet);
  for (const RouteDestination& entry : route.route) {
    if (route.route.size() > 1 && entry.weight == 0) continue;
    chain.clusters.push_back(
        {view.destination_cluster(entry.destination, owner, arrival.port), std::max(entry.weight, 1U)});
  }
  chain.stat_prefix =
      chain.clusters.size() == 1 ? chain.clusters.front().cluster : owner.name + '.' + owner.ns;
  return chain;
}

/// In the order of the VirtualService. Stops behind the first that takes everything: none of the others is
/// ever reached.
std::vector<L4Chain> chains_of(const std::vector<L4Route>& routes, const Resource& owner,
                               const Arrival& arrival, const MeshView& view) {
  static const L4Match kEverything;
  std::vector<L4Chain> chains;
  for (const L4Route& route : routes) {
    if (route.match.empty()) {
      chains.push_back(to_chain(route, kEverything, owner, arrival, view));
      return chains;
    }
    for (const L4Match& match : route.match) {
      if (!may_match(match, arrival.port, view.node(), owner.ns, arrival.gateway)) continue;
      chains.push_back(to_chain(route, match, owner, arrival, view));
      if (chains.back().takes_everything()) return chains;
    }
  }
  return chains;
}

L4Chain to_service(const MeshService& service, uint16_t port) {
  L4Chain chain;
  chain.stat_prefix = outbound_cluster_name(port, "", service.host);
  chain.clusters.push_back({chain.stat_prefix, 1});
  return chain;
}

void set_range(const AddressRange& range, envoy::config::core::v3::CidrRange& out) {
  out.set_address_prefix(range.address);
  out.mutable_prefix_len()->set_value(range.bits);
}

void add_ranges(const L4Chain& chain, FilterChainMatch& match) {
  for (const AddressRange& range : chain.destinations) set_range(range, *match.add_prefix_ranges());
  if (chain.source) set_range(*chain.source, *match.add_source_prefix_ranges());
}

std::string text_of(const AddressRange& range) { return range.address + '/' + std::to_string(range.bits); }

/// What a chain matches, one text for each name and destination.
std::vector<std::string> keys_of(const std::string& name, const L4Chain& chain) {
  const std::string source = ' ' + (chain.source ? text_of(*chain.source) : "");
  std::vector<std::string> keys;
  keys.reserve(chain.destinations.size() + 1);
  for (const AddressRange& range : chain.destinations) keys.push_back(name + ' ' + text_of(range) + source);
  if (keys.empty()) keys.push_back(name + ' ' + source);
  return keys;
}

}  // namespace

void ChainList::add(const L4Chain& chain) {
  std::vector<std::string> names;
  const auto claim = [&](const std::string& name) {
    const auto wanted = keys_of(name, chain);
    const bool free = std::none_of(wanted.begin(), wanted.end(),
                                   [&](const std::string& key) { return taken_.contains(key); });
    if (free) taken_.insert(wanted.begin(), wanted.end());
    return free;
  };
  std::copy_if(chain.server_names.begin(), chain.server_names.end(), std::back_inserter(names), claim);
  if (chain.server_names.empty() ? !claim("") : names.empty()) return;
  auto& out = chain.takes_everything() && beside_http_ ? *listener_.mutable_default_filter_chain()
                                                       : *listener_.add_filter_chains();
  for (const std::string& name : names) out.mutable_filter_chain_match()->add_server_names(name);
  if (!chain.destinations.empty() || chain.source) add_ranges(chain, *out.mutable_filter_chain_match());
  add_tcp(chain.stat_prefix, chain.clusters, chain.policy, out);
  catch_all_ = catch_all_ || chain.takes_everything();
  server_names_ = server_names_ || !names.empty();
}

std::vector<L4Chain> l4_chains(const MeshService& service, const MeshPort& port, Protocol protocol,
                               bool by_name, const MeshView& view) {
  const Resource* owner = view.virtual_service_for(service.host);
  const bool tls = protocol == Protocol::kTls;
  std::vector<L4Chain> chains;
  if (owner != nullptr) {
    const auto& spec = std::get<VirtualService>(owner->spec);
    chains = chains_of(tls ? spec.tls : spec.tcp, *owner, {port.number}, view);
  }
  if (chains.empty() || (!tls && !chains.back().takes_everything())) {
    chains.push_back(to_service(service, port.number));
    if (tls && by_name) chains.back().server_names = names_of(service, view.node().ns);
  }
  for (L4Chain& chain : chains) chain.policy = policy_for(service.host, port.number, view);
  return chains;
}

std::vector<L4Chain> gateway_chains(const Resource& virtual_service, bool tls, uint16_t port,
                                    const std::string& gateway, const MeshView& view) {
  const auto& spec = std::get<VirtualService>(virtual_service.spec);
  const auto& routes = tls ? spec.tls : spec.tcp;
  auto chains = chains_of(routes, virtual_service, {port, gateway}, view);
  if (chains.empty()) return chains;
  const Destination& first = routes.front().route.front().destination;
  const PolicySettings policy =
      policy_for(resolve_host(first.host, virtual_service.ns), first.port.value_or(port), view);
  for (L4Chain& chain : chains) chain.policy = policy;
  return chains;
}

}  // namespace remora::istio
