#include "istio/reconcile/mtls_findings.h"

#include <map>
#include <set>

#include "istio/build/tls.h"

namespace remora::istio {
namespace {

/// Whether a rule says how this port is reached; then labels do not matter.
bool has_rule(const MeshService& service, const MeshPort& port, const Registry& registry) {
  const MergedRule* rule = registry.find_rule(service.host, service.ns);
  return effective_policy(rule, nullptr, port.number).tls.has_value();
}

bool is_misunderstood(const Endpoint& endpoint, const Registry& registry) {
  return !takes_mutual_tls(endpoint, registry) &&
         registry.peer_policies().mode_for(endpoint.ns, endpoint.labels, endpoint.port) == MtlsMode::kStrict;
}

/// The WorkloadEntry, or the ServiceEntry that holds the endpoint itself.
const Resource* origin_of(const Endpoint& endpoint, const MeshService& service,
                          const std::map<std::string, const Resource*>& workloads) {
  const auto workload = workloads.find(endpoint.ns + '/' + endpoint.workload);
  return workload == workloads.end() ? service.origin.get() : workload->second;
}

}  // namespace

Diagnostics mtls_findings(const Registry& registry) {
  std::map<std::string, const Resource*> workloads;
  for (const ResourcePtr& resource : registry.resources()) {
    if (std::holds_alternative<Workload>(resource->spec))
      workloads[resource->ns + '/' + resource->name] = resource.get();
  }
  Diagnostics findings;
  std::set<const Resource*> told;
  for (const MeshService& service : registry.services()) {
    if (service.external) continue;
    for (const MeshPort& port : service.ports) {
      if (!port.carried() || has_rule(service, port, registry)) continue;
      for (const Endpoint& endpoint : port.endpoints) {
        if (!is_misunderstood(endpoint, registry)) continue;
        const Resource* origin = origin_of(endpoint, service, workloads);
        if (!told.insert(origin).second) continue;
        findings.push_back(
            finding(Severity::kWarning, *origin, "",
                    "takes mutual TLS only (PeerAuthentication), but does not say that it has a "
                    "sidecar: without the label security.istio.io/tlsMode: istio clients come in "
                    "plain text"));
      }
    }
  }
  return findings;
}

}  // namespace remora::istio
