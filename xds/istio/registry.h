#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "istio/peer_policies.h"
#include "istio/resource.h"
#include "istio/spiffe_id.h"

namespace remora::istio {

/// What holds for the mesh as a whole (Istio: MeshConfig).
struct MeshSettings {
  std::string trust_domain = kDefaultTrustDomain;
  std::string root_namespace = "istio-system";  ///< whose PeerAuthentication holds for every workload
  bool auto_mtls = true;  ///< mutual TLS wherever the endpoint has a sidecar and no rule says otherwise
};

/// One address that serves a port of a service.
struct Endpoint {
  std::string address;
  uint16_t port = 0;
  Labels labels;
  std::string ns;
  std::string workload;  ///< the WorkloadEntry's name, or the ServiceEntry's for inline endpoints
  std::string locality;
  uint32_t weight = 1;
  std::string service_account;  ///< empty: not known
};

struct MeshPort {
  uint16_t number = 0;
  std::string name;
  Protocol protocol = Protocol::kHttp;
  std::vector<Endpoint> endpoints;

  /// Whether sidecars carry the port's traffic. What declares nothing is taken for HTTP.
  bool carried() const { return protocol != Protocol::kOther; }
  bool is_http() const {
    return protocol == Protocol::kHttp || protocol == Protocol::kHttp2 || protocol == Protocol::kUndeclared;
  }
};

/// A host that can be called: from a Kubernetes Service, or one host of a ServiceEntry.
struct MeshService {
  std::string host;  ///< fully qualified
  std::string name;  ///< what metrics call it: the Service's name, or the host
  std::string ns;
  bool external = false;
  std::vector<std::string> addresses;
  std::vector<std::string> export_to;
  std::vector<std::string> subject_alt_names;  ///< by which its TLS servers are known, outside of the mesh
  std::vector<MeshPort> ports;
  ResourcePtr origin;

  const MeshPort* find_port(uint16_t number) const;
};

/// All DestinationRules of one namespace for one host, merged: the first rule's trafficPolicy, everybody's
/// subsets.
struct MergedRule {
  std::vector<ResourcePtr> parts;
  TrafficPolicy traffic_policy;
  std::vector<Subset> subsets;

  const Subset* find_subset(const std::string& name) const;
  const std::vector<std::string>& export_to() const;
};

/// The mesh as its resources define it: who can be called, where they live, which rules hold. Immutable and
/// independent of any proxy; equal resources give an equal registry, in whatever order they come.
class Registry {
 public:
  explicit Registry(std::vector<ResourcePtr> resources, MeshSettings settings = {});

  const MeshSettings& settings() const { return settings_; }
  const PeerPolicies& peer_policies() const { return peer_policies_; }

  const std::vector<ResourcePtr>& resources() const { return resources_; }
  const std::vector<MeshService>& services() const { return services_; }
  /// By fully qualified host; null where nothing defines it.
  const MeshService* find_service(const std::string& host) const;

  /// VirtualServices, oldest first: where two claim one host, the first has it.
  const std::vector<ResourcePtr>& virtual_services() const { return virtual_services_; }

  /// The rule for `host` as clients of `client_ns` see it: their own namespace's, else the service's; null if
  /// none.
  const MergedRule* find_rule(const std::string& host, const std::string& client_ns) const;

  /// Resources that lost against others (one host defined twice): warnings.
  const Diagnostics& findings() const { return findings_; }

 private:
  void add_services();
  void add_service(MeshService service);
  void add_rules();
  const MergedRule* rule_in(const std::string& ns, const std::string& host) const;

  MeshSettings settings_;
  std::vector<ResourcePtr> resources_;  // oldest first
  PeerPolicies peer_policies_;
  std::vector<ResourcePtr> workloads_;
  std::vector<ResourcePtr> virtual_services_;
  std::vector<MeshService> services_;
  std::map<std::string, size_t> service_by_host_;
  std::map<std::string, std::map<std::string, MergedRule>> rules_;  // namespace, then host or wildcard
  Diagnostics findings_;
};

/// A finding about a whole resource.
Diagnostic finding(Severity severity, const Resource& resource, std::string path, std::string message);

}  // namespace remora::istio
