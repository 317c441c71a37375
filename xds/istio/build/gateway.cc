#include "istio/build/gateway.h"

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/intercepted.h"
#include "istio/build/named_clusters.h"
#include "istio/build/names.h"

namespace remora::istio {
namespace {

/// Where the keys of tokens are.
void take_key_servers(const MeshView& view, std::set<std::string>& clusters) {
  const ProxyNode& node = view.node();
  for (const JwtRule* rule : view.registry().jwt_policies().rules_for(node.ns, node.labels)) {
    if (const auto address = parse_jwks_uri(rule->jwks_uri); rule->jwks.empty() && address)
      clusters.insert(outbound_cluster_name(address->port, "", address->host));
  }
}

/// Plain HTTP shares a table; where TLS ends, each server has its own.
void add_tables(const GatewayPort& port, const MeshView& view, GatewayLayout& layout) {
  const auto add = [&](const std::vector<BoundServer>& servers) {
    layout.layout.routes.push_back(
        build_gateway_routes(gateway_table_name(servers.front(), port.number), servers, view));
    for (const auto& host : layout.layout.routes.back().virtual_hosts()) take_clusters(host, layout.clusters);
  };
  if (port.servers.front().server->is_plain_http()) return add(port.servers);
  for (const BoundServer& bound : port.servers) {
    if (bound.server->is_http()) add({bound});
  }
}

void add_credentials(const GatewayPort& port, GatewayLayout& layout) {
  for (const BoundServer& bound : port.servers) {
    const ServerTls& tls = bound.server->tls;
    if (!bound.server->ends_tls() || tls.credential.empty()) continue;
    layout.credentials.push_back({tls.credential,
                                  tls.takes_client_certificates(),
                                  {Severity::kError, bound.gateway->file, bound.server->line,
                                   bound.gateway->id(), bound.server->path + ".tls.credentialName", ""}});
  }
}

}  // namespace

GatewayLayout build_gateway(const MeshView& view) {
  GatewayLayout layout;
  take_key_servers(view, layout.clusters);
  for (const GatewayPort& port : gateway_ports(view, layout.layout.notes)) {
    auto listener = build_gateway_listener(port, view, layout.clusters, layout.layout.notes);
    if (listener.filter_chains_size() == 0 && !listener.has_default_filter_chain()) continue;
    layout.layout.listeners.push_back(std::move(listener));
    add_tables(port, view, layout);
    if (view.node().identified) add_credentials(port, layout);
  }
  return layout;
}

}  // namespace remora::istio
