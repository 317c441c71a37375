#include "istio/registry/slice_endpoints.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

/// Gathers one port's endpoints from all slices of a Service.
class PortEndpoints {
 public:
  PortEndpoints(const Service& spec, const std::string& ns, const Inventory& inventory)
      : spec_(spec),
        ns_(ns),
        inventory_(inventory) {}

  void add(const EndpointSlice& slice, const std::string& port_name) {
    const auto port = std::find_if(slice.ports.begin(), slice.ports.end(),
                                   [&](const EndpointSlice::Port& p) { return p.name == port_name; });
    if (port == slice.ports.end()) return;
    for (const EndpointSlice::Entry& entry : slice.entries) add(entry, slice.ipv6, port->number);
  }

  std::vector<Endpoint> take() {
    std::sort(endpoints_.begin(), endpoints_.end(),
              [](const Endpoint& a, const Endpoint& b) { return a.address < b.address; });
    return std::move(endpoints_);
  }

 private:
  void add(const EndpointSlice::Entry& entry, bool ipv6, uint16_t port) {
    const PodPtr pod =
        entry.pod.empty() ? inventory_.pod_at(entry.address) : inventory_.find_pod({ns_, entry.pod});
    if (pod == nullptr && !entry.pod.empty()) return;
    const auto [family, first] = family_of_pod_.emplace(entry.pod.empty() ? entry.address : entry.pod, ipv6);
    if (family->second != ipv6) return;
    const bool ready = entry.ready || spec_.publish_not_ready;
    const auto [place, fresh] = place_of_address_.emplace(entry.address, endpoints_.size());
    if (!fresh) {  // while entries move from slice to slice, they may be in two of them
      endpoints_[place->second].ready = endpoints_[place->second].ready || ready;
      return;
    }
    endpoints_.push_back(pod == nullptr ? bare(entry, port)
                                        : pod_endpoint(*pod, entry.address, port, inventory_));
    endpoints_.back().ready = ready;
  }

  /// Somewhere outside of the cluster, of which nothing but the address is known.
  Endpoint bare(const EndpointSlice::Entry& entry, uint16_t port) const {
    Endpoint endpoint;
    endpoint.address = entry.address;
    endpoint.port = port;
    endpoint.ns = ns_;
    endpoint.locality = inventory_.locality_of_node(entry.node);
    if (endpoint.locality.empty() && !entry.zone.empty()) endpoint.locality = '/' + entry.zone;
    return endpoint;
  }

  const Service& spec_;
  const std::string& ns_;
  const Inventory& inventory_;
  std::vector<Endpoint> endpoints_;
  std::unordered_map<std::string, size_t> place_of_address_;
  std::unordered_map<std::string, bool> family_of_pod_;  ///< whether it is IPv6
};

}  // namespace

void add_slice_endpoints(const Service& spec, const ObjectName& name, const Inventory& inventory,
                         std::vector<MeshPort>& ports) {
  const auto* slices = inventory.slices_of(name);
  if (slices == nullptr) return;
  for (MeshPort& port : ports) {
    PortEndpoints endpoints(spec, name.first, inventory);
    for (const bool preferred : {true, false}) {
      for (const auto& entry : *slices) {
        const EndpointSlice& slice = entry.second;
        if ((slice.ipv6 == spec.ipv6_first) == preferred) endpoints.add(slice, port.name);
      }
    }
    for (Endpoint& endpoint : endpoints.take()) port.endpoints.push_back(std::move(endpoint));
  }
}

std::vector<PodPtr> select_pods(const Inventory& inventory, const std::string& ns, const Labels& selector) {
  std::vector<PodPtr> selected;
  if (selector.empty()) return selected;
  const auto& pods = inventory.pods();
  for (auto pod = pods.lower_bound({ns, ""}); pod != pods.end() && pod->first.first == ns; ++pod) {
    const Pod& candidate = *pod->second;
    if (candidate.ready && !candidate.addresses.empty() && labels_match(selector, candidate.labels)) {
      selected.push_back(pod->second);
    }
  }
  return selected;
}

Endpoint pod_endpoint(const Pod& pod, const std::string& address, uint16_t port, const Inventory& inventory) {
  Endpoint endpoint;
  endpoint.address = address;
  endpoint.port = port;
  endpoint.labels = pod.labels;
  endpoint.ns = pod.ns;
  endpoint.workload = pod.workload;
  endpoint.locality = pod.locality.empty() ? inventory.locality_of_node(pod.node) : pod.locality;
  endpoint.service_account = pod.service_account;
  return endpoint;
}

}  // namespace remora::istio
