#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "istio/model/resource.h"

namespace remora::istio {

/// "NAMESPACE/NAME" of a gateway as a VirtualService of `ns` writes it; "mesh" stays as it is.
std::string resolve_gateway(std::string_view name, std::string_view ns);

/// The mesh's Gateways, and which VirtualServices are for them. Pure.
class Gateways {
 public:
  /// Both oldest first: where two Gateways or routes want the same, the older one has it. `virtual_services`
  /// are those that take effect; others are not looked at.
  Gateways(const std::vector<ResourcePtr>& resources, const std::vector<ResourcePtr>& virtual_services);

  /// Those that choose proxies with these labels, wherever they are (as istiod, unless told otherwise).
  std::vector<const Resource*> of_proxy(const Labels& labels) const;
  /// The VirtualServices that name the Gateway `id`, "NAMESPACE/NAME".
  const std::vector<ResourcePtr>& routes_of(const std::string& id) const;

  /// VirtualServices that name Gateways which are not there: warnings.
  const Diagnostics& findings() const { return findings_; }

 private:
  std::vector<ResourcePtr> gateways_;
  std::map<std::string, std::vector<ResourcePtr>> routes_;
  Diagnostics findings_;
};

}  // namespace remora::istio
