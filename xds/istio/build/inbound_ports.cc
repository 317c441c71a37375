#include "istio/build/inbound_ports.h"

#include <algorithm>

#include "istio/build/intercepted.h"

namespace remora::istio {
namespace {

/// A listener without interception stands at the one address that the proxy is known by.
std::vector<std::string> served_addresses(const ProxyNode& node) {
  if (node.intercepted()) return node.addresses;
  return node.ip.empty() ? std::vector<std::string>{} : std::vector{node.ip};
}

InboundPorts ports_of_services(const MeshView& view) {
  InboundPorts ports;
  for (const std::string& address : served_addresses(view.node())) {
    for (const Instance& instance : view.registry().instances_at(address)) {
      if (!instance.port->carried()) continue;
      InboundPort& inbound = ports[instance.endpoint->port];
      inbound.port = instance.endpoint->port;
      if (inbound.workload == nullptr) inbound.workload = instance.endpoint;
      const std::pair service(instance.service, instance.port);  // once, whatever families it has
      if (std::find(inbound.services.begin(), inbound.services.end(), service) == inbound.services.end()) {
        inbound.services.push_back(service);
      }
    }
  }
  return ports;
}

/// The port as the Sidecar describes it. A service whose endpoints have it keeps its name and its rules.
InboundPort port_of(const IngressListener& listener, const InboundPort* known, const ProxyNode& node) {
  auto own = std::make_shared<InboundPort::Own>();
  own->port.number = known == nullptr ? listener.port : known->services.front().second->number;
  own->port.name = listener.name;
  own->port.protocol = listener.protocol;
  InboundPort inbound;
  inbound.port = listener.port;
  inbound.ingress = &listener;
  if (known != nullptr) {
    inbound.workload = known->workload;
    for (const auto& entry : known->services) inbound.services.emplace_back(entry.first, &own->port);
  } else {
    own->service.ns = node.ns;
    own->workload.address = node.ip;
    own->workload.port = listener.port;
    own->workload.ns = node.ns;
    own->workload.labels = node.labels;
    inbound.workload = &own->workload;
    inbound.services.emplace_back(&own->service, &own->port);
  }
  inbound.own = std::move(own);
  return inbound;
}

}  // namespace

InboundPorts inbound_ports(const MeshView& view) {
  InboundPorts services = ports_of_services(view);
  const Sidecar* sidecar = view.sidecar();
  if (sidecar == nullptr || sidecar->ingress.empty()) return services;
  InboundPorts ports;
  for (const IngressListener& listener : sidecar->ingress) {
    const auto known = services.find(listener.port);
    ports[listener.port] = port_of(listener, known == services.end() ? nullptr : &known->second, view.node());
  }
  return ports;
}

const ServerTls* own_tls(const InboundPort& inbound, const MeshView& view) {
  if (inbound.ingress == nullptr || !inbound.ingress->tls) return nullptr;
  const Endpoint& workload = *inbound.workload;
  const MtlsMode mode = view.registry().peer_policies().mode_for(workload.ns, workload.labels, inbound.port);
  return mode == MtlsMode::kDisable ? &*inbound.ingress->tls : nullptr;
}

std::string inbound_address(const InboundPort& inbound, const ProxyNode& node) {
  if (inbound.ingress != nullptr && !inbound.ingress->bind.empty()) return inbound.ingress->bind;
  return node.intercepted() ? wildcard_address(node) : node.ip;
}

}  // namespace remora::istio
