#include "istio/build/l4_routes.h"

#include <algorithm>

#include "envoy/config/listener/v3/listener.pb.h"
#include "istio/build/names.h"
#include "istio/build/translate.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChainMatch;

/// Whether connections of this proxy's application can match. Without interception they go where the listener
/// is, and nowhere else.
bool may_match(const L4Match& match, uint16_t port, const ProxyNode& node) {
  if (match.port && *match.port != port) return false;
  if (!match.destination_subnets.empty() && !node.intercepted()) return false;
  if (!match.gateways.empty()) {
    return std::find(match.gateways.begin(), match.gateways.end(), "mesh") != match.gateways.end();
  }
  if (!match.source_namespace.empty() && match.source_namespace != node.ns) return false;
  return labels_match(match.source_labels, node.labels);
}

/// The ways to one port of one service, in the order of the VirtualService.
class Chains {
 public:
  Chains(const MeshService& service, const MeshPort& port, const MeshView& view)
      : service_(service),
        port_(port),
        view_(view),
        owner_(view.virtual_service_for(service.host)) {}

  std::vector<L4Chain> tls(bool by_name) {
    if (owner_ != nullptr) add_routes(std::get<VirtualService>(owner_->spec).tls);
    if (!chains_.empty()) return std::move(chains_);
    L4Chain chain = to_service();
    if (by_name) chain.server_names = host_aliases(service_.host, view_.node().ns);
    return {std::move(chain)};
  }

  std::vector<L4Chain> tcp() {
    if (owner_ != nullptr) add_routes(std::get<VirtualService>(owner_->spec).tcp);
    if (chains_.empty() || !chains_.back().takes_everything()) chains_.push_back(to_service());
    return std::move(chains_);
  }

 private:
  L4Chain to_service() const {
    L4Chain chain = empty_chain();
    chain.stat_prefix = outbound_cluster_name(port_.number, "", service_.host);
    chain.clusters.push_back({chain.stat_prefix, 1});
    return chain;
  }

  L4Chain empty_chain() const {
    L4Chain chain;
    const MergedRule* rule = view_.registry().find_rule(service_.host, view_.node().ns);
    chain.policy = effective_policy(rule, nullptr, port_.number);
    return chain;
  }

  /// Stops behind the first that takes everything: none of the others is ever reached.
  void add_routes(const std::vector<L4Route>& routes) {
    for (const L4Route& route : routes) {
      if (route.match.empty()) return add(route, {});
      for (const L4Match& match : route.match) {
        if (!may_match(match, port_.number, view_.node())) continue;
        add(route, match);
        if (chains_.back().takes_everything()) return;
      }
    }
  }

  void add(const L4Route& route, const L4Match& match) {
    L4Chain chain = empty_chain();
    chain.server_names = match.sni_hosts;
    for (const std::string& subnet : match.destination_subnets) {
      if (const auto range = parse_address_range(subnet)) chain.destinations.push_back(*range);
    }
    for (const RouteDestination& entry : route.route) {
      if (route.route.size() > 1 && entry.weight == 0) continue;
      chain.clusters.push_back(
          {view_.destination_cluster(entry.destination, *owner_, port_.number), std::max(entry.weight, 1U)});
    }
    chain.stat_prefix =
        chain.clusters.size() == 1 ? chain.clusters.front().cluster : owner_->name + '.' + owner_->ns;
    chains_.push_back(std::move(chain));
  }

  const MeshService& service_;
  const MeshPort& port_;
  const MeshView& view_;
  const Resource* owner_;
  std::vector<L4Chain> chains_;
};

void add_ranges(const std::vector<AddressRange>& ranges, FilterChainMatch& match) {
  for (const AddressRange& range : ranges) {
    auto& out = *match.add_prefix_ranges();
    out.set_address_prefix(range.address);
    out.mutable_prefix_len()->set_value(range.bits);
  }
}

std::vector<std::string> keys_of(const std::string& name, const std::vector<AddressRange>& ranges) {
  std::vector<std::string> keys;
  keys.reserve(ranges.size() + 1);
  for (const AddressRange& range : ranges)
    keys.push_back(name + ' ' + range.address + '/' + std::to_string(range.bits));
  if (keys.empty()) keys.push_back(name + ' ');
  return keys;
}

}  // namespace

void ChainList::add(const L4Chain& chain) {
  std::vector<std::string> names;
  const auto claim = [&](const std::string& name) {
    const auto wanted = keys_of(name, chain.destinations);
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
  if (!chain.destinations.empty()) add_ranges(chain.destinations, *out.mutable_filter_chain_match());
  add_tcp(chain.stat_prefix, chain.clusters, chain.policy, out);
  catch_all_ = catch_all_ || chain.takes_everything();
  server_names_ = server_names_ || !names.empty();
}

std::vector<L4Chain> l4_chains(const MeshService& service, const MeshPort& port, bool by_name,
                               const MeshView& view) {
  Chains chains(service, port, view);
  return port.protocol == Protocol::kTls ? chains.tls(by_name) : chains.tcp();
}

}  // namespace remora::istio
