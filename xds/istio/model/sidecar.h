#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/services.h"

namespace remora::istio {

/// What proxies do with traffic to hosts that the mesh does not know.
enum class OutboundPolicy {
  kAllowAny,      ///< it goes where it was going
  kRegistryOnly,  ///< it is refused
};

/// https://istio.io/latest/docs/reference/config/networking/sidecar/, as far as it says what workloads call.
struct Sidecar {
  Labels workload_selector;  ///< empty: the whole namespace
  /// Namespace ("." own, "*" any, "~" none) and host (also "*", "*.suffix"). Empty: everything.
  std::vector<std::pair<std::string, std::string>> egress_hosts;
  std::optional<OutboundPolicy> outbound_policy;  ///< absent: as the mesh says
};

}  // namespace remora::istio
