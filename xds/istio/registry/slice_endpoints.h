#pragma once

#include <vector>

#include "istio/registry/inventory.h"
#include "istio/registry/registry.h"

// Endpoints as Kubernetes knows them. Pure.
namespace remora::istio {

/// Adds to each of `service.ports` what the EndpointSlices of the Service `name` say, in order of addresses.
/// An entry that names a Pod counts once the Pod is known, since only the Pod says whether it has a sidecar.
/// A Pod with addresses of both families counts once, with the one that `spec` prefers.
void add_slice_endpoints(const Service& spec, const ObjectName& name, const Inventory& inventory,
                         std::vector<MeshPort>& ports);

/// The Pods of `ns` that are ready, have an address and all labels of `selector`; none for an empty selector.
std::vector<PodPtr> select_pods(const Inventory& inventory, const std::string& ns, const Labels& selector);

Endpoint pod_endpoint(const Pod& pod, const std::string& address, uint16_t port, const Inventory& inventory);

}  // namespace remora::istio
