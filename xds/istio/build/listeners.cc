#include <algorithm>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/filters.h"
#include "istio/build/l4_routes.h"
#include "istio/build/names.h"
#include "istio/build/tls.h"
#include "istio/build/translate.h"

// Listeners without interception: each has an address that its clients are told.
namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;

void add_outbound_requests(const OutboundPort& port, const ProxyNode& node, FilterChain& chain) {
  const bool grpc = std::any_of(port.http.begin(), port.http.end(), [&](const MeshService* service) {
    return service->find_port(port.number)->protocol == Protocol::kHttp2;
  });
  add_outbound_http({"outbound_" + listener_name(port.address, port.number), grpc},
                    std::to_string(port.number), node, chain);
}

/// A client's TLS goes through as it is, to the service that it asks for; other bytes to the one service that
/// can have them.
void add_byte_chains(const OutboundPort& port, const MeshView& view, Listener& listener) {
  ChainList chains(listener);
  for (const MeshService* service : port.tls) {
    for (const L4Chain& chain :
         l4_chains(*service, *service->find_port(port.number), Protocol::kTls, true, view)) {
      chains.add(chain);
    }
  }
  if (port.http.empty() && !port.tcp.empty()) {
    const MeshService& service = *port.tcp.front();
    for (const L4Chain& chain :
         l4_chains(service, *service.find_port(port.number), Protocol::kTcp, false, view)) {
      chains.add(chain);
    }
  }
  if (chains.has_server_names()) inspect_tls(listener);
}

/// What an inbound port hands to the application: requests, or bytes.
void add_inbound_filter(const InboundPort& inbound, const MeshView& view, FilterChain& chain) {
  const auto& [service, port] = inbound.services.front();
  if (port->is_http()) {
    const Endpoint& workload = *inbound.workload;
    return add_inbound_http(
        {"inbound_" + listener_name(view.node().ip, inbound.port), port->protocol == Protocol::kHttp2,
         view.registry().jwt_policies().rules_for(workload.ns, workload.labels)},
        build_inbound_route_configuration(inbound), view.node(), chain);
  }
  const MergedRule* rule = view.registry().find_rule(service->host, view.node().ns);
  const std::string cluster = inbound_name(inbound.port);
  add_tcp(cluster, {{cluster, 1}}, effective_policy(rule, nullptr, port->number), chain);
}

void match_mesh_clients(FilterChain& chain) {
  auto& match = *chain.mutable_filter_chain_match();
  match.set_transport_protocol("tls");
  for (const std::string& word : mesh_words()) match.add_application_protocols(word);
}

}  // namespace

Listener build_outbound_listener(const OutboundPort& port, const MeshView& view) {
  Listener listener = empty_listener(port.address, port.number);
  listener.set_traffic_direction(envoy::config::core::v3::TrafficDirection::OUTBOUND);
  add_byte_chains(port, view, listener);
  if (!port.http.empty()) add_outbound_requests(port, view.node(), *listener.add_filter_chains());
  return listener;
}

Listener build_inbound_listener(const InboundPort& inbound, const MeshView& view, MtlsMode mode) {
  Listener listener = empty_listener(inbound_address(inbound, view.node()), inbound.port);
  listener.set_traffic_direction(envoy::config::core::v3::TrafficDirection::INBOUND);
  if (const ServerTls* own = own_tls(inbound, view)) {
    inspect_tls(listener);
    FilterChain& chain = *listener.add_filter_chains();
    chain.set_name(listener.name());
    chain.mutable_filter_chain_match()->set_transport_protocol("tls");
    set_server_tls(*own, inbound.services.front().second->is_http(), *chain.mutable_transport_socket());
    add_inbound_filter(inbound, view, chain);
    return listener;
  }
  if (mode == MtlsMode::kStrict || mode == MtlsMode::kPermissive) {
    FilterChain& chain = *listener.add_filter_chains();
    chain.set_name(listener.name() + "_mtls");
    if (mode == MtlsMode::kPermissive) {
      inspect_tls(listener);
      match_mesh_clients(chain);
    }
    set_inbound_tls(view.registry().settings().trust_domain, *chain.mutable_transport_socket());
    add_inbound_filter(inbound, view, chain);
  }
  if (mode == MtlsMode::kDisable || mode == MtlsMode::kPermissive) {
    FilterChain& chain = *listener.add_filter_chains();
    // HTTP is plain text or the mesh's TLS; bytes may be TLS between the applications.
    const bool http = inbound.services.front().second->is_http();
    if (mode == MtlsMode::kPermissive) {
      chain.set_name(listener.name() + "_plain");
      if (http) chain.mutable_filter_chain_match()->set_transport_protocol("raw_buffer");
    }
    add_inbound_filter(inbound, view, chain);
  }
  return listener;
}

}  // namespace remora::istio
