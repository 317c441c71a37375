#include "istio/build/peers.h"

#include <algorithm>

#include "istio/build/names.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

const Labels* selector_of(const MeshService& service) {
  if (const auto* spec = std::get_if<Service>(&service.origin->spec)) return &spec->selector;
  if (const auto* entry = std::get_if<ServiceEntry>(&service.origin->spec)) return &entry->workload_selector;
  return nullptr;
}

bool selects(const MeshService& service, const ProxyNode& node) {
  if (service.ns != node.ns || service.by_name() || service.as_called()) return false;
  if (service.headless && node.intercepted()) return false;  // then clients choose among its endpoints
  const Labels* selector = selector_of(service);
  return selector != nullptr && !selector->empty() && labels_match(*selector, node.labels);
}

}  // namespace

std::string find_peers_cluster(const Registry& registry, const ProxyNode& node) {
  for (const MeshService& service : registry.services()) {
    if (!selects(service, node)) continue;
    const auto port = std::ranges::find_if(service.ports, &MeshPort::carried);
    if (port != service.ports.end()) return outbound_cluster_name(port->number, "", service.host);
  }
  return "";
}

}  // namespace remora::istio
