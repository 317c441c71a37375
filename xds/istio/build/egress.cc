#include "istio/build/egress.h"

#include <algorithm>
#include <set>
#include <string>

namespace remora::istio {
namespace {

void add_called(const std::vector<const MeshService*>& services, EgressGroup& group) {
  for (const MeshService* service : services) {
    for (const MeshPort& port : service->ports) {
      if (port.carried()) group.called.push_back({service, &port, port.protocol});
    }
  }
}

/// Of a listener: its port of the services that have it, or, without one, all ports. What VirtualServices
/// lead to belongs to no listener by itself.
EgressGroup group_of(const EgressListener& listener, const MeshView& view) {
  EgressGroup group{&listener, {}};
  std::vector<const MeshService*> served;
  std::ranges::copy_if(view.services(), std::back_inserter(served),
                       [&](const MeshService* service) { return view.serves(listener, *service); });
  if (!listener.port) {
    add_called(served, group);
    return group;
  }
  for (const MeshService* service : served) {
    const MeshPort* port = service->find_port(listener.port->number);
    group.called.push_back({service, port, listener.port->protocol});
  }
  return group;
}

using PlaceKey = std::pair<std::string, uint16_t>;

void add_to(OutboundPort& outbound, const CalledPort& called) {
  if (called.is_http()) {
    outbound.http.push_back(called.service);
  } else {
    (called.protocol == Protocol::kTls ? outbound.tls : outbound.tcp).push_back(called.service);
  }
}

void put_routed_first(const MeshView& view, OutboundPort& port) {
  std::stable_partition(port.tcp.begin(), port.tcp.end(), [&](const MeshService* service) {
    const Resource* owner = view.virtual_service_for(service->host);
    return owner != nullptr && !std::get<VirtualService>(owner->spec).tcp.empty();
  });
}

}  // namespace

std::vector<EgressGroup> egress_groups(const MeshView& view) {
  std::vector<EgressGroup> groups;
  if (view.knows_everything()) {
    add_called(view.services(), groups.emplace_back());
    add_called(view.unasked(), groups.back());
    return groups;
  }
  for (const EgressListener& listener : view.sidecar()->egress) groups.push_back(group_of(listener, view));
  return groups;
}

std::map<uint16_t, std::vector<const MeshService*>> http_tables(const std::vector<EgressGroup>& groups) {
  std::map<uint16_t, std::vector<const MeshService*>> tables;
  std::set<uint16_t> taken;
  for (const EgressGroup& group : groups) {
    for (const CalledPort& called : group.called) {
      if (called.is_http() && !taken.contains(called.port->number))
        tables[called.port->number].push_back(called.service);
    }
    for (const auto& entry : tables) taken.insert(entry.first);
  }
  return tables;
}

std::vector<OutboundPort> outbound_ports(const std::vector<EgressGroup>& groups, const MeshView& view,
                                         const std::string& address, bool only_own_sockets) {
  std::map<PlaceKey, std::pair<const EgressGroup*, OutboundPort>> places;
  for (const EgressGroup& group : groups) {
    if (only_own_sockets && !group.own_socket()) continue;
    const bool bound = group.listener != nullptr && !group.listener->bind.empty();
    const std::string& at = bound ? group.listener->bind : address;
    for (const CalledPort& called : group.called) {
      const uint16_t number = called.port->number;
      auto& [owner, port] =
          places.try_emplace({at, number}, &group, OutboundPort{at, number, {}, {}, {}}).first->second;
      if (owner == &group) add_to(port, called);
    }
  }
  std::vector<OutboundPort> ports;
  for (auto& [key, place] : places) {
    put_routed_first(view, place.second);
    ports.push_back(std::move(place.second));
  }
  return ports;
}

}  // namespace remora::istio
