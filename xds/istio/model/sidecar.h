#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/destination_rule.h"
#include "istio/model/gateway.h"
#include "istio/model/services.h"
#include "istio/model/virtual_service.h"

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
  /// For clients that are not of the mesh, where PeerAuthentication asks for no mutual TLS. `protocol` is
  /// what is inside of it.
  std::optional<ServerTls> tls;

  /// Whether it is a listener of its own where the pod's connections are intercepted.
  bool own_socket() const { return !captured || !bind.empty(); }
};

/// Namespace ("." own, "*" any, "~" none; "~NAMESPACE": all but what matches) and host (also "*",
/// "*.suffix").
using HostChoice = std::pair<std::string, std::string>;

/// Where the application finds some of the services that it calls.
struct EgressListener {
  struct Port {
    uint16_t number = 0;
    std::string name;
    Protocol protocol = Protocol::kHttp;  ///< whatever the services say of theirs
  };
  std::optional<Port> port;  ///< absent: all ports of its services that no other listener has
  std::string bind;  ///< an address; empty: that of each service, or the loopback without interception
  /// False (captureMode NONE): clients are told the address, and nothing is intercepted.
  bool captured = true;
  std::vector<HostChoice> hosts;
};

/// https://istio.io/latest/docs/reference/config/networking/sidecar/
struct Sidecar {
  Labels workload_selector;                       ///< empty: the whole namespace
  std::vector<EgressListener> egress;             ///< the one without a port is the last; empty: everything
  std::optional<OutboundPolicy> outbound_policy;  ///< absent: as the mesh says
  std::optional<Destination> egress_proxy;        ///< where unknown traffic goes under ALLOW_ANY; has a port
  std::vector<IngressListener> ingress;           ///< empty: the ports of the workload's services
  std::optional<ConnectionPool> inbound_pool;     ///< of all its ports, instead of the DestinationRules'
};

}  // namespace remora::istio
