#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "istio/model/services.h"
#include "remora/core/result.h"

namespace envoy::config::core::v3 {
class Node;
}

namespace remora::istio {

/// How the application's connections come to the proxy (Istio: INTERCEPTION_MODE).
enum class Interception : uint8_t {
  kNone,      ///< both sides are told the proxy's addresses
  kRedirect,  ///< the kernel redirects them; the proxy asks it where they were going
  kTproxy,    ///< the kernel hands inbound ones over as they are, so that the application sees its clients
};

/// What a proxy is there for.
enum class ProxyType : uint8_t {
  kSidecar,  ///< beside one workload
  kGateway,  ///< by itself, at the mesh's edge; Istio calls it router
};

/// What the translation knows of one proxy, from the node it sends: Istio's id
/// `TYPE~<ip>~<name>.<ns>~<ns>.svc.cluster.local` and Istio's metadata keys, plus four of ours, for
/// proxies that share a machine (REMORA_OUTBOUND, REMORA_APP_ADDRESS), for REMORA_PLAIN_ENVOY and
/// REMORA_VHDS.
struct ProxyNode {
  ProxyType type = ProxyType::kSidecar;
  std::string id;
  std::string ip;  ///< where other proxies reach this one's workload; empty: a client only
  /// All addresses of the workload, `ip` among them (Istio: INSTANCE_IPS): of one family or of both.
  std::vector<std::string> addresses;
  Interception interception = Interception::kNone;
  std::string name;  ///< "<name>.<ns>"
  std::string ns;
  std::string service_account;  ///< as it says itself; empty: it does not say
  /// It has proved to be who it says it is, so it has a certificate and can have mutual TLS.
  bool identified = false;
  std::string cluster_id = "Kubernetes";
  Labels labels;
  std::string locality;  ///< where it is: "region/zone/sub-zone"; empty: nobody has said
  /// Where outbound listeners bind. Empty: this proxy has none.
  std::string outbound_address = "127.0.0.1";
  /// Where the application listens, on the same port as the workload.
  std::string app_address = "127.0.0.1";
  /// A stock Envoy, which has none of Istio's filters: they are left out, and so are Istio's metrics.
  bool plain_envoy = false;
  /// A gRPC client that is its own proxy (Istio: GENERATOR grpc). It has no inbound side, and no certificate
  /// of ours.
  bool grpc = false;
  /// It takes the virtual hosts of its route tables as resources of their own. Over delta only: state of the
  /// world has no such thing.
  bool vhds = false;
  /// It knows of services that take requests only by asking for them, over its own stream. Whether it may is
  /// for the control plane to say; it goes with `vhds`.
  bool on_demand = false;

  bool is_gateway() const { return type == ProxyType::kGateway; }
  bool intercepted() const { return interception != Interception::kNone; }
  /// The families that the workload has. One that names no address is taken for IPv4.
  bool has_ipv4() const;
  bool has_ipv6() const;

  /// Two proxies with equal keys get the same outbound resources.
  std::string outbound_key() const;
  /// Two proxies with equal keys get the same resources.
  std::string key() const;
};

/// An error where the node is neither a sidecar nor a gateway, or its metadata is none that can be followed.
Result<ProxyNode> parse_proxy_node(const envoy::config::core::v3::Node& node);

}  // namespace remora::istio
