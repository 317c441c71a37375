#include <algorithm>

#include "envoy/config/listener/v3/listener.pb.h"
#include "istio/build/filters.h"
#include "istio/build/gateway.h"
#include "istio/build/intercepted.h"
#include "istio/build/l4_routes.h"
#include "istio/build/tls.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;

/// A listener under construction.
class Builder {
 public:
  Builder(const GatewayPort& port, const MeshView& view, std::set<std::string>& clusters, GatewayNotes& notes)
      : port_(port),
        view_(view),
        clusters_(clusters),
        notes_(notes),
        listener_(port.bind.empty() ? wildcard_listener(view.node(), port.number)
                                    : empty_listener(port.bind, port.number)),
        byte_chains_(listener_) {
    listener_.set_traffic_direction(envoy::config::core::v3::TrafficDirection::OUTBOUND);
  }

  Listener build() && {
    const GatewayServer& first = *port_.servers.front().server;
    if (first.is_plain_http()) {
      add_requests(port_.servers.front(), *listener_.add_filter_chains());
      return std::move(listener_);
    }
    if (first.protocol != GatewayServer::Protocol::kTcp) inspect_tls(listener_);
    for (const BoundServer& bound : port_.servers) {
      if (bound.server->ends_tls()) add_secure(bound);
    }
    for (const BoundServer& bound : port_.servers) {
      if (!bound.server->ends_tls()) add_bytes(bound);
    }
    return std::move(listener_);
  }

 private:
  void add_requests(const BoundServer& bound, FilterChain& chain) {
    const ProxyNode& node = view_.node();
    add_gateway_http({.stat_prefix = "outbound_" + listener_.name(),
                      .grpc = true,
                      .jwt_rules = view_.registry().jwt_policies().rules_for(node.ns, node.labels)},
                     gateway_table_name(bound, port_.number), node, chain);
  }

  /// TLS ends here; requests are read, or the bytes go where `tcp` routes lead.
  void add_secure(const BoundServer& bound) {
    const bool by_secret =
        !bound.server->tls.credential.empty() || bound.server->tls.mode == ServerTls::Mode::kIstioMutual;
    if (by_secret && !view_.node().identified) {
      notes_.emplace_back(bound.gateway->id() + ' ' + bound.server->path,
                          "is left out: its certificate is for proxies that have proved who they are");
      return;
    }
    FilterChain chain;
    match_names(*bound.server, chain);
    for (const std::string& name : chain.filter_chain_match().server_names()) byte_chains_.reserve(name);
    if (bound.server->is_http()) {
      add_requests(bound, chain);
    } else if (!add_first_tcp(bound, chain)) {
      return;
    }
    set_server_tls(bound.server->tls, bound.server->is_http(), *chain.mutable_transport_socket());
    *listener_.add_filter_chains() = std::move(chain);
  }

  static void match_names(const GatewayServer& server, FilterChain& chain) {
    const bool any = std::ranges::any_of(server.hosts, [](const auto& host) { return host.second == "*"; });
    if (any) return;
    for (const auto& entry : server.hosts) chain.mutable_filter_chain_match()->add_server_names(entry.second);
  }

  /// The ways of `bound`'s connections, those of each VirtualService in its order.
  std::vector<L4Chain> chains_of(const BoundServer& bound) const {
    std::vector<L4Chain> chains;
    for (const Resource* resource : routed_by(bound, view_)) {
      if (common_hosts(bound, *resource).empty()) continue;
      auto more = gateway_chains(*resource, bound.server->passes_tls(), bound.server->port,
                                 bound.gateway_id(), view_);
      std::move(more.begin(), more.end(), std::back_inserter(chains));
    }
    return chains;
  }

  void take_clusters(const L4Chain& chain) {
    for (const ClusterShare& share : chain.clusters) clusters_.insert(share.cluster);
  }

  bool add_first_tcp(const BoundServer& bound, FilterChain& chain) {
    const auto chains = chains_of(bound);
    if (chains.empty()) {
      notes_.emplace_back(bound.gateway->id() + ' ' + bound.server->path,
                          "is left out: no VirtualService says where its connections go");
      return false;
    }
    take_clusters(chains.front());
    add_tcp(chains.front().stat_prefix, chains.front().clusters, chains.front().policy, chain);
    return true;
  }

  /// Connections that go on as they are. Of the names that routes are for, those that the server has.
  void add_bytes(const BoundServer& bound) {
    const auto foreign = [&](const std::string& name) {
      return std::ranges::none_of(bound.server->hosts,
                                  [&](const auto& host) { return host_matches(host.second, name); });
    };
    auto chains = chains_of(bound);
    if (chains.empty()) {
      notes_.emplace_back(bound.gateway->id() + ' ' + bound.server->path,
                          "is left out: no VirtualService says where its connections go");
    }
    for (L4Chain& chain : chains) {
      if (bound.server->passes_tls()) {
        std::erase_if(chain.server_names, foreign);
        if (chain.server_names.empty()) continue;
      }
      take_clusters(chain);
      byte_chains_.add(chain);
    }
  }

  const GatewayPort& port_;
  const MeshView& view_;
  std::set<std::string>& clusters_;
  GatewayNotes& notes_;
  Listener listener_;
  ChainList byte_chains_;
};

}  // namespace

Listener build_gateway_listener(const GatewayPort& port, const MeshView& view,
                                std::set<std::string>& clusters, GatewayNotes& notes) {
  return Builder(port, view, clusters, notes).build();
}

}  // namespace remora::istio
