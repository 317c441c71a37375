#pragma once

#include <set>
#include <string>

#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace remora::xds {

/// Labels of clients by which something in the mesh tells them apart: sourceLabels of routes, selectors of
/// Sidecars. Pure.
std::set<std::string> steering_labels(const istio::Registry& registry);

/// Two proxies with equal keys get the same outbound resources: what nothing selects by tells no proxies
/// apart.
std::string outbound_key(istio::ProxyNode node, const std::set<std::string>& steering);

}  // namespace remora::xds
