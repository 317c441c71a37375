#pragma once

#include <string>

#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace remora::istio {

/// The cluster whose hosts the proxy and those like it are: the first port of the first Service or
/// ServiceEntry (in the registry's order) of its namespace that selects its labels, and whose endpoints
/// proxies are told. "": there is none. O(services).
std::string find_peers_cluster(const Registry& registry, const ProxyNode& node);

}  // namespace remora::istio
