#pragma once

#include <set>
#include <string>

#include "istio/registry/registry.h"

namespace remora::istio {

/// What differs between two registries, where that can be told by the services that it concerns. Most changes
/// of a running mesh are of this kind: another VirtualService or DestinationRule for services that stay.
struct ConfigChange {
  /// More has changed than the sets below can say, which are then empty.
  bool everything = false;
  std::set<std::string> routes;    ///< hosts of services to which requests may go another way than before
  std::set<std::string> clusters;  ///< hosts of services whose clusters may be others than before

  bool nothing() const { return !everything && routes.empty() && clusters.empty(); }
};

/// Pure; costs a look at each resource, service and endpoint. Of registries with equal settings.
ConfigChange compare(const Registry& before, const Registry& now);

}  // namespace remora::istio
