#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/destination_rule.h"
#include "istio/model/services.h"

namespace remora::istio {

/// What proxies do with traffic to hosts that the mesh does not know.
enum class OutboundPolicy {
  kAllowAny,      ///< it goes where it was going
  kRegistryOnly,  ///< it is refused
};

/// Where an ingress listener leads: to which of the workload's own addresses.
struct IngressEndpoint {
  enum class At : uint8_t {
    kListener,  ///< where the connection was going; without interception, the application's address
    kLoopback4,
    kLoopback6,
    kInstance,  ///< the workload's address
    kSocket,    ///< a Unix domain socket
  };
  At at = At::kListener;
  uint16_t port = 0;  ///< 0 with kListener and kSocket
  std::string path;   ///< of the socket
};

/// A port on which a workload takes connections.
struct IngressListener {
  uint16_t port = 0;
  std::string name;
  Protocol protocol = Protocol::kHttp;
  std::string bind;  ///< an address of its own; empty: where connections are intercepted, or the workload's
  bool captured = true;  ///< false (captureMode NONE): clients are told the port, and nothing is intercepted
  IngressEndpoint endpoint;
  std::optional<ConnectionPool> connection_pool;

  /// Whether it is a listener of its own where the pod's connections are intercepted.
  bool own_socket() const { return !captured || !bind.empty(); }
};

/// https://istio.io/latest/docs/reference/config/networking/sidecar/, without `egress.port`.
struct Sidecar {
  Labels workload_selector;  ///< empty: the whole namespace
  /// Namespace ("." own, "*" any, "~" none) and host (also "*", "*.suffix"). Empty: everything.
  std::vector<std::pair<std::string, std::string>> egress_hosts;
  std::optional<OutboundPolicy> outbound_policy;  ///< absent: as the mesh says
  std::vector<IngressListener> ingress;           ///< empty: the ports of the workload's services
  std::optional<ConnectionPool> inbound_pool;     ///< of all its ports, instead of the DestinationRules'
};

}  // namespace remora::istio
