#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace remora::istio {

/// The mesh as the workload of one proxy sees it: what exportTo hides from it, or its Sidecar leaves out, is
/// not there.
class MeshView {
 public:
  /// What the view is for. Single routes need no list of all services, and single clusters none of all routes
  /// either.
  enum class Scope { kEverything, kRoutes, kClusters };

  /// Both must outlive the view.
  MeshView(const Registry& registry, const ProxyNode& node, Scope scope = Scope::kEverything);

  const Registry& registry() const { return registry_; }
  const ProxyNode& node() const { return node_; }

  const std::vector<const MeshService*>& services() const { return services_; }
  /// Services that only intercepted connections reach, where the proxy's are not.
  const std::vector<const MeshService*>& unreachable() const { return unreachable_; }
  /// Of a proxy that asks (ProxyNode::on_demand): the services that it has no clusters for until it does.
  /// They take nothing but requests, so all that must be there before the first one is a listener for their
  /// port.
  const std::vector<const MeshService*>& unasked() const { return unasked_; }
  /// find_peers_cluster(), looked for when it is first asked for.
  const std::string& peers_cluster() const;
  /// Whether the application finds the service at one of its Sidecar's listeners; of one with a port the
  /// service must have that.
  bool serves(const EgressListener& listener, const MeshService& service) const;
  /// Whether no Sidecar keeps anything from the proxy.
  bool knows_everything() const { return scope_.knows_everything(); }
  /// The Sidecar that holds for the workload; null: none does.
  const Sidecar* sidecar() const { return scope_.sidecar(); }
  /// Whether hosts that the mesh does not know are refused.
  bool registry_only() const { return scope_.policy() == OutboundPolicy::kRegistryOnly; }
  /// The cluster of such hosts: where connections were going, or what the Sidecar names.
  std::string unknown_cluster() const;

  /// The VirtualService that routes `host`: the most specific host wins, then the older resource. Null if
  /// none.
  const Resource* virtual_service_for(const std::string& host) const;

  /// Host and port that `destination` of the VirtualService `owner` means for traffic to `port`.
  std::pair<std::string, uint16_t> destination_of(const Destination& destination, const Resource& owner,
                                                  uint16_t port) const;
  /// The cluster that `destination` of the VirtualService `owner` means for traffic to `port`: without a port
  /// of its own, the destination's only port, else the same one.
  std::string destination_cluster(const Destination& destination, const Resource& owner, uint16_t port) const;

  /// Hosts that VirtualServices route and no service defines.
  const std::vector<std::pair<std::string, const Resource*>>& serviceless_hosts() const {
    return serviceless_;
  }

 private:
  void add_services();
  bool knows(const MeshService& service) const;
  void add_destinations(const VirtualService& service, const std::string& ns);
  void add_virtual_service(const Resource& resource);
  bool is_standing(const MeshService& service) const;
  bool leads_from_standing(const Resource& resource) const;
  void add_key_servers();
  void add_peers();

  const Registry& registry_;
  const ProxyNode& node_;
  const SidecarScope scope_;
  std::vector<const MeshService*> services_;
  std::vector<const MeshService*> unreachable_;
  std::vector<const MeshService*> unasked_;
  /// Of VirtualServices, where a Sidecar does not know everything; of what a proxy that asks has unasked.
  std::set<std::string> destinations_;
  std::map<std::string, const Resource*> exact_;
  std::map<std::string, const Resource*> wildcards_;
  std::vector<std::pair<std::string, const Resource*>> serviceless_;
  mutable std::optional<std::string> peers_cluster_;
};

}  // namespace remora::istio
