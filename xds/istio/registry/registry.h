#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "istio/model/resource.h"
#include "istio/model/spiffe_id.h"
#include "istio/registry/gateways.h"
#include "istio/registry/inventory.h"
#include "istio/registry/jwt_policies.h"
#include "istio/registry/peer_policies.h"
#include "istio/registry/sidecar_scopes.h"

namespace remora::istio {

/// What holds for the mesh as a whole (Istio: MeshConfig).
struct MeshSettings {
  std::string trust_domain = kDefaultTrustDomain;
  std::string root_namespace = "istio-system";  ///< whose PeerAuthentication holds for every workload
  bool auto_mtls = true;  ///< mutual TLS wherever the endpoint has a sidecar and no rule says otherwise
  /// With interception: what becomes of traffic to unknown hosts, unless a Sidecar says otherwise.
  OutboundPolicy outbound_policy = OutboundPolicy::kAllowAny;
  /// With interception: how long a client may be silent before its connection is taken for one whose server
  /// speaks first.
  std::chrono::milliseconds protocol_detection_timeout{5000};
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
  /// Whether it gets traffic. One that does not is known all the same: its own proxy has to be ready first.
  bool ready = true;

  bool operator==(const Endpoint&) const = default;
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
  bool headless = false;  ///< a Service without an address of its own: clients look its endpoints up
  Resolution resolution = Resolution::kStatic;
  std::vector<std::string> aliases;  ///< ExternalName Services that lead here: its other hosts, sorted
  std::vector<std::string> addresses;
  std::vector<std::string> export_to;
  std::vector<std::string> subject_alt_names;  ///< by which its TLS servers are known, outside of the mesh
  std::vector<MeshPort> ports;
  ResourcePtr origin;

  /// Clients know its endpoints, and nobody else does. Only intercepted connections say where they go.
  bool as_called() const { return resolution == Resolution::kNone; }
  /// Proxies look its endpoints' names up.
  bool by_name() const { return is_looked_up(resolution); }
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

/// What a change of the inventory has done to a service.
struct EndpointChange {
  const MeshService* service = nullptr;
  bool identities = false;          ///< other service accounts than before: clients expect other certificates
  std::set<std::string> addresses;  ///< whose own proxies serve something else than before
};

/// An endpoint of a port of a service.
struct Instance {
  const MeshService* service = nullptr;
  const MeshPort* port = nullptr;
  const Endpoint* endpoint = nullptr;
};

class WorkloadIndex;

/// The mesh as its resources define it: who can be called, where they live, which rules hold. Independent of
/// any proxy; equal resources (and inventories) give an equal registry, in whatever order they come. Nothing
/// but the endpoints ever changes.
class Registry {
 public:
  /// `inventory` outlives the registry; null where no Kubernetes says where things run.
  explicit Registry(std::vector<ResourcePtr> resources, MeshSettings settings = {},
                    const Inventory* inventory = nullptr);

  /// Brings the endpoints in line with the inventory, of which `changes` have been taken. Costs what changed.
  std::vector<EndpointChange> update_endpoints(const Inventory::Changes& changes);

  /// All that is served at `address`, ready or not. For the registry's present endpoints.
  std::vector<Instance> instances_at(const std::string& address) const;

  const MeshSettings& settings() const { return settings_; }
  const PeerPolicies& peer_policies() const { return peer_policies_; }
  const JwtPolicies& jwt_policies() const { return jwt_policies_; }
  const SidecarScopes& sidecars() const { return sidecars_; }
  const Gateways& gateways() const { return *gateways_; }

  const std::vector<ResourcePtr>& resources() const { return resources_; }
  const std::vector<MeshService>& services() const { return services_; }
  /// By fully qualified host, or an alias of it; null where nothing defines it.
  const MeshService* find_service(const std::string& host) const;
  /// The host that `host` stands for: what an ExternalName Service leads to, through others of them; `host`
  /// itself where it is none.
  const std::string& meant_host(const std::string& host) const;

  /// VirtualServices, oldest first: where two claim one host, the first has it.
  const std::vector<ResourcePtr>& virtual_services() const { return virtual_services_; }
  /// The same as they take effect: those that delegate with the routes of their delegates, which are not
  /// there themselves.
  const std::vector<ResourcePtr>& effective_virtual_services() const { return effective_virtual_services_; }
  /// By Resource::id(), as written; null if there is none.
  const Resource* find_virtual_service(const std::string& id) const;

  /// The rule for the host `name` as clients of `client_ns` see it: their own namespace's, else the
  /// service's; null if none.
  const MergedRule* find_rule(const std::string& name, const std::string& client_ns) const;

  /// Whether a rule lets proxies speak to some of a host's endpoints only, so that it matters who a proxy's
  /// peers are.
  bool has_apertures() const { return has_apertures_; }

  /// Resources that lost against others (one host defined twice): warnings.
  const Diagnostics& findings() const { return findings_; }

 private:
  void add_virtual_services();
  void add_services();
  void add_service(MeshService service);
  void settle_aliases();
  void index_service(size_t place);
  std::set<size_t> concerned(const Inventory::Changes& changes) const;
  void count_addresses(const MeshService& service, size_t place, int step);
  void add_rules();
  const MergedRule* rule_in(const std::string& ns, const std::string& host) const;

  MeshSettings settings_;
  std::vector<ResourcePtr> resources_;  // oldest first
  PeerPolicies peer_policies_;
  JwtPolicies jwt_policies_;
  SidecarScopes sidecars_;
  std::vector<ResourcePtr> workloads_;
  std::vector<ResourcePtr> virtual_services_;
  std::vector<ResourcePtr> effective_virtual_services_;
  std::unordered_map<std::string, const Resource*> virtual_service_by_id_;
  std::optional<Gateways> gateways_;  ///< always there: made when the VirtualServices are
  std::vector<MeshService> services_;
  std::map<std::string, size_t> service_by_host_;
  std::map<std::string, std::string> aliases_;  ///< ExternalName Services, by host, and what they stand for
  const Inventory* inventory_;
  std::shared_ptr<const WorkloadIndex> workload_index_;
  std::map<ObjectName, size_t> service_by_name_;                ///< of Kubernetes' Services
  std::map<std::string, std::vector<size_t>> selecting_by_ns_;  ///< ServiceEntries that select workloads
  std::unordered_map<std::string, std::map<size_t, int>> services_by_address_;
  std::map<std::string, std::map<std::string, MergedRule>> rules_;  // namespace, then host or wildcard
  bool has_apertures_ = false;
  Diagnostics findings_;
};

/// A finding about a whole resource.
Diagnostic finding(Severity severity, const Resource& resource, std::string path, std::string message);

}  // namespace remora::istio
