#include "istio/registry/service_endpoints.h"

#include <algorithm>

#include "istio/model/hosts.h"
#include "istio/registry/slice_endpoints.h"

namespace remora::istio {
namespace {

std::optional<uint16_t> named_port(const Workload& workload, const std::string& name) {
  const auto port = workload.ports.find(name);
  return port == workload.ports.end() ? std::nullopt : std::optional(port->second);
}

/// Where a workload serves a Service's port: by the target's name, the port's name, the target's number, the
/// port's number.
uint16_t endpoint_port(const ServicePort& port, const Workload& workload) {
  if (!port.target_name.empty()) {
    if (const auto number = named_port(workload, port.target_name)) return *number;
  }
  if (const auto number = named_port(workload, port.name)) return *number;
  return port.target_port.value_or(port.number);
}

uint16_t endpoint_port(const ServiceEntryPort& port, const Workload& workload) {
  if (const auto number = named_port(workload, port.name)) return *number;
  return port.target_port.value_or(port.number);
}

template <typename Port>
MeshPort mesh_port(const Port& port) {
  return {port.number, port.name, port.protocol, {}};
}

Endpoint endpoint_of(const Workload& workload, uint16_t port, const Resource& owner, Labels labels) {
  Endpoint endpoint;
  endpoint.address = workload.address;
  endpoint.port = port;
  endpoint.labels = std::move(labels);
  endpoint.ns = owner.ns;
  endpoint.workload = owner.name;
  endpoint.locality = workload.locality;
  endpoint.weight = workload.weight;
  endpoint.service_account = workload.service_account;
  return endpoint;
}

Endpoint endpoint_of(const Resource& entry, uint16_t port, const WorkloadIndex& workloads) {
  Endpoint endpoint = endpoint_of(std::get<Workload>(entry.spec), port, entry, workload_labels(entry));
  endpoint.service_account = workloads.service_account(entry);
  return endpoint;
}

/// A host that is looked up itself.
Endpoint endpoint_of(const std::string& host, const ServiceEntryPort& port, const Resource& owner) {
  Workload workload;
  workload.address = host;
  return endpoint_of(workload, port.target_port.value_or(port.number), owner, {});
}

MeshService kubernetes_service(const ResourcePtr& resource, const WorkloadIndex& workloads,
                               const Inventory* inventory) {
  const auto& spec = std::get<Service>(resource->spec);
  MeshService service;
  service.host = resolve_host(resource->name, resource->ns);
  service.name = resource->name;
  service.ns = resource->ns;
  service.headless = spec.headless;
  service.addresses = spec.cluster_ips;
  service.origin = resource;
  const auto selected = workloads.select(resource->ns, spec.selector);
  for (const ServicePort& port : spec.ports) service.ports.push_back(mesh_port(port));
  if (inventory != nullptr) {
    add_slice_endpoints(spec, {resource->ns, resource->name}, *inventory, service.ports);
  }
  for (size_t i = 0; i < spec.ports.size(); ++i) {
    for (const Resource* entry : selected) {
      const auto& workload = std::get<Workload>(entry->spec);
      if (!is_ip_address(workload.address)) continue;
      service.ports[i].endpoints.push_back(
          endpoint_of(*entry, endpoint_port(spec.ports[i], workload), workloads));
    }
  }
  return service;
}

MeshService service_entry_host(const ResourcePtr& resource, const std::string& host,
                               const WorkloadIndex& workloads, const Inventory* inventory) {
  const auto& spec = std::get<ServiceEntry>(resource->spec);
  MeshService service;
  service.host = resolve_host(host, resource->ns);
  service.name = service.host;
  service.ns = resource->ns;
  service.external = spec.external;
  service.resolution = spec.resolution;
  service.addresses = spec.addresses;
  service.export_to = spec.export_to;
  service.subject_alt_names = spec.subject_alt_names;
  service.origin = resource;
  const auto selected = workloads.select(resource->ns, spec.workload_selector);
  const auto pods = inventory == nullptr ? std::vector<PodPtr>()
                                         : select_pods(*inventory, resource->ns, spec.workload_selector);
  for (const ServiceEntryPort& port : spec.ports) {
    MeshPort& mesh = service.ports.emplace_back(mesh_port(port));
    for (const Workload& inline_endpoint : spec.endpoints) {
      mesh.endpoints.push_back(endpoint_of(inline_endpoint, endpoint_port(port, inline_endpoint), *resource,
                                           inline_endpoint.labels));
    }
    for (const Resource* entry : selected) {
      const auto& workload = std::get<Workload>(entry->spec);
      if (!service.by_name() && !is_ip_address(workload.address)) continue;
      mesh.endpoints.push_back(endpoint_of(*entry, endpoint_port(port, workload), workloads));
    }
    const bool is_endpoint = service.by_name() && spec.endpoints.empty() && spec.workload_selector.empty();
    if (is_endpoint) mesh.endpoints.push_back(endpoint_of(service.host, port, *resource));
    for (const PodPtr& pod : pods) {
      mesh.endpoints.push_back(
          pod_endpoint(*pod, pod->addresses.front(), port.target_port.value_or(port.number), *inventory));
    }
  }
  return service;
}

}  // namespace

Labels workload_labels(const Resource& workload) {
  Labels labels = std::get<Workload>(workload.spec).labels;
  labels.insert(workload.labels.begin(), workload.labels.end());
  return labels;
}

WorkloadIndex::WorkloadIndex(const std::vector<ResourcePtr>& workloads,
                             const std::vector<ResourcePtr>& resources) {
  for (const ResourcePtr& resource : resources) {
    const auto* deployment = std::get_if<Deployment>(&resource->spec);
    const bool useful =
        deployment != nullptr && !deployment->service_account.empty() && !deployment->pod_labels.empty();
    if (useful) deployments_[resource->ns].push_back(deployment);
  }
  for (const ResourcePtr& entry : workloads) {
    for (const auto& label : workload_labels(*entry)) by_label_[{entry->ns, label}].push_back(entry.get());
  }
}

std::vector<const Resource*> WorkloadIndex::select(const std::string& ns, const Labels& selector) const {
  // The rarest label leaves the fewest entries to compare with the others.
  const std::vector<const Resource*>* rarest = nullptr;
  for (const auto& label : selector) {
    const auto entries = by_label_.find({ns, label});
    if (entries == by_label_.end()) return {};
    if (rarest == nullptr || entries->second.size() < rarest->size()) rarest = &entries->second;
  }
  std::vector<const Resource*> selected;
  if (rarest == nullptr) return selected;
  std::copy_if(rarest->begin(), rarest->end(), std::back_inserter(selected),
               [&](const Resource* entry) { return labels_match(selector, workload_labels(*entry)); });
  return selected;
}

std::string WorkloadIndex::service_account(const Resource& workload) const {
  const std::string& own = std::get<Workload>(workload.spec).service_account;
  const auto deployments = deployments_.find(workload.ns);
  if (!own.empty() || deployments == deployments_.end()) return own;
  const Labels labels = workload_labels(workload);
  for (const Deployment* deployment : deployments->second) {
    if (labels_match(deployment->pod_labels, labels)) return deployment->service_account;
  }
  return "";
}

std::vector<MeshService> mesh_services(const ResourcePtr& resource, const WorkloadIndex& workloads,
                                       const Inventory* inventory) {
  std::vector<MeshService> services;
  if (std::holds_alternative<Service>(resource->spec)) {
    services.push_back(kubernetes_service(resource, workloads, inventory));
  } else if (const auto* entry = std::get_if<ServiceEntry>(&resource->spec)) {
    for (const std::string& host : entry->hosts) {
      services.push_back(service_entry_host(resource, host, workloads, inventory));
    }
  }
  return services;
}

}  // namespace remora::istio
