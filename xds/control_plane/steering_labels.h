#pragma once

#include <set>
#include <string>

#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace remora::xds {

/// By what something in the mesh tells clients apart.
struct Steering {
  /// sourceLabels of routes, selectors of Sidecars and, where there are apertures, of services;
  /// failoverPriority.
  std::set<std::string> labels;
  bool localities = false;  ///< endpoints are preferred by where the client is
};

/// Pure.
Steering steering_of(const istio::Registry& registry);

/// Two proxies with equal keys get the same outbound resources: what nothing selects by tells no proxies
/// apart.
std::string outbound_key(istio::ProxyNode node, const Steering& steering);

}  // namespace remora::xds
