#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "istio/proxy_node.h"
#include "istio/registry.h"

namespace remora::istio {

/// The mesh as the clients of one namespace see it: what exportTo hides from them is not there.
class MeshView {
 public:
  /// Both must outlive the view.
  MeshView(const Registry& registry, const ProxyNode& node);

  const Registry& registry() const { return registry_; }
  const ProxyNode& node() const { return node_; }

  const std::vector<const MeshService*>& services() const { return services_; }

  /// The VirtualService that routes `host`: the most specific host wins, then the older resource. Null if
  /// none.
  const Resource* virtual_service_for(const std::string& host) const;

  /// Hosts that VirtualServices route and no service defines.
  const std::vector<std::pair<std::string, const Resource*>>& serviceless_hosts() const {
    return serviceless_;
  }

 private:
  void add_virtual_service(const Resource& resource);

  const Registry& registry_;
  const ProxyNode& node_;
  std::vector<const MeshService*> services_;
  std::map<std::string, const Resource*> exact_;
  std::map<std::string, const Resource*> wildcards_;
  std::vector<std::pair<std::string, const Resource*>> serviceless_;
};

}  // namespace remora::istio
