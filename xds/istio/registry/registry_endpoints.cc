#include <algorithm>

#include "istio/model/hosts.h"
#include "istio/registry/registry.h"
#include "istio/registry/service_endpoints.h"

// The part of the registry that follows what runs: one service at a time.
namespace remora::istio {
namespace {

std::set<std::pair<std::string, std::string>> identities_of(const MeshPort& port) {
  std::set<std::pair<std::string, std::string>> identities;
  for (const Endpoint& endpoint : port.endpoints) {
    if (!endpoint.service_account.empty()) identities.emplace(endpoint.ns, endpoint.service_account);
  }
  return identities;
}

/// What an address' own proxy is told: all of the endpoint but whether others send it traffic.
const Endpoint* find_alike(const std::vector<Endpoint>& endpoints, Endpoint endpoint) {
  for (const Endpoint& candidate : endpoints) {
    if (candidate.address != endpoint.address) continue;
    endpoint.ready = candidate.ready;
    if (candidate == endpoint) return &candidate;
  }
  return nullptr;
}

void add_missing(const std::vector<Endpoint>& from, const std::vector<Endpoint>& to,
                 std::set<std::string>& addresses) {
  // Both are small, and mostly in one order: what stands at the same place is the same.
  for (size_t i = 0; i < from.size(); ++i) {
    if (i < to.size() && to[i] == from[i]) continue;
    if (find_alike(to, from[i]) == nullptr) addresses.insert(from[i].address);
  }
}

EndpointChange compare(const MeshService& before, const MeshService& now) {
  EndpointChange change;
  for (size_t i = 0; i < now.ports.size(); ++i) {
    const MeshPort& old_port = before.ports[i];
    const MeshPort& new_port = now.ports[i];
    add_missing(old_port.endpoints, new_port.endpoints, change.addresses);
    add_missing(new_port.endpoints, old_port.endpoints, change.addresses);
    change.identities = change.identities || identities_of(old_port) != identities_of(new_port);
  }
  return change;
}

bool same_endpoints(const MeshService& a, const MeshService& b) {
  return std::equal(a.ports.begin(), a.ports.end(), b.ports.begin(), b.ports.end(),
                    [](const MeshPort& x, const MeshPort& y) { return x.endpoints == y.endpoints; });
}

}  // namespace

void Registry::index_service(size_t place) {
  const MeshService& service = services_[place];
  if (std::holds_alternative<Service>(service.origin->spec)) {
    service_by_name_[{service.origin->ns, service.origin->name}] = place;
  } else if (const auto* entry = std::get_if<ServiceEntry>(&service.origin->spec)) {
    if (!entry->workload_selector.empty()) selecting_by_ns_[service.origin->ns].push_back(place);
  }
  count_addresses(service, place, 1);
}

void Registry::count_addresses(const MeshService& service, size_t place, int step) {
  for (const MeshPort& port : service.ports) {
    for (const Endpoint& endpoint : port.endpoints) {
      auto& services = services_by_address_[endpoint.address];
      if ((services[place] += step) == 0) services.erase(place);
      if (services.empty()) services_by_address_.erase(endpoint.address);
    }
  }
}

std::set<size_t> Registry::concerned(const Inventory::Changes& changes) const {
  std::set<size_t> places;
  for (const ObjectName& name : changes.services) {
    const auto service = service_by_name_.find(name);
    if (service != service_by_name_.end()) places.insert(service->second);
  }
  for (const PodPtr& pod : changes.pods) {
    const auto selecting = selecting_by_ns_.find(pod->ns);
    if (selecting == selecting_by_ns_.end()) continue;
    for (const size_t place : selecting->second) {
      const auto& entry = std::get<ServiceEntry>(services_[place].origin->spec);
      if (labels_match(entry.workload_selector, pod->labels)) places.insert(place);
    }
  }
  return places;
}

std::vector<EndpointChange> Registry::update_endpoints(const Inventory::Changes& changes) {
  std::vector<EndpointChange> result;
  for (const size_t place : concerned(changes)) {
    MeshService& service = services_[place];
    for (MeshService& fresh : mesh_services(service.origin, *workload_index_, inventory_)) {
      if (fresh.host != service.host || same_endpoints(service, fresh)) continue;
      EndpointChange change = compare(service, fresh);
      count_addresses(fresh, place, 1);
      count_addresses(service, place, -1);
      service.ports = std::move(fresh.ports);
      change.service = &service;
      result.push_back(std::move(change));
    }
  }
  return result;
}

std::vector<Instance> Registry::instances_at(const std::string& address) const {
  std::vector<Instance> instances;
  const auto services = services_by_address_.find(address);
  if (services == services_by_address_.end()) return instances;
  for (const auto& entry : services->second) {
    const MeshService& service = services_[entry.first];
    for (const MeshPort& port : service.ports) {
      for (const Endpoint& endpoint : port.endpoints) {
        if (endpoint.address == address) instances.push_back({&service, &port, &endpoint});
      }
    }
  }
  return instances;
}

}  // namespace remora::istio
