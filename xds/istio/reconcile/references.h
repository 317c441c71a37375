#pragma once

#include <string>
#include <vector>

#include "istio/registry/registry.h"

namespace remora::istio {

/// A name in a VirtualService that leads nowhere.
struct DanglingReference {
  enum class Kind { kHost, kSubset, kPort, kDelegate };
  Kind kind = Kind::kHost;
  std::string host;           ///< fully qualified; for a subset or port, the host that lacks it
  std::string delegate;       ///< of a delegate: the id of the VirtualService that is wanted
  bool rule_missing = false;  ///< of a subset: no DestinationRule for the host at all
  Diagnostic finding;
};

/// Every destination and mirror of a VirtualService that names an unknown host, an undefined subset or a
/// missing port, and every delegate that is not there for it.
std::vector<DanglingReference> dangling_references(const Resource& virtual_service, const Registry& registry);

/// Resources that are right by themselves and still without effect: VirtualServices whose host another one
/// has or that nothing defines, DestinationRules for hosts that nothing defines. Warnings.
Diagnostics idle_resources(const Registry& registry);

}  // namespace remora::istio
