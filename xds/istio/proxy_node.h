#pragma once

#include <cstdint>
#include <string>

#include "istio/services.h"
#include "remora/core/result.h"

namespace envoy::config::core::v3 {
class Node;
}

namespace remora::istio {

/// What the translation knows of one proxy, from the node it sends: Istio's id
/// `sidecar~<ip>~<name>.<ns>~<ns>.svc.cluster.local` and Istio's metadata keys, plus three of ours for
/// proxies that share a machine: REMORA_OUTBOUND_ADDRESS, REMORA_APP_ADDRESS and REMORA_PLAIN_ENVOY.
struct ProxyNode {
  std::string id;
  std::string ip;    ///< where other proxies reach this one's workload; empty: a client only
  std::string name;  ///< "<name>.<ns>"
  std::string ns;
  std::string service_account;  ///< as it says itself; empty: it does not say
  /// It has proved to be who it says it is, so it has a certificate and can have mutual TLS.
  bool identified = false;
  std::string cluster_id = "Kubernetes";
  Labels labels;
  /// Where outbound listeners bind. Empty: this proxy has none.
  std::string outbound_address = "127.0.0.1";
  /// Where the application listens, on the same port as the workload.
  std::string app_address = "127.0.0.1";
  /// A stock Envoy, which has none of Istio's filters: they are left out, and so are Istio's metrics.
  bool plain_envoy = false;

  /// Two proxies with equal keys get the same outbound resources.
  std::string outbound_key() const;
  /// Two proxies with equal keys get the same resources.
  std::string key() const;
};

/// An error where the node is no sidecar, or asks for traffic interception, which this build cannot do.
Result<ProxyNode> parse_proxy_node(const envoy::config::core::v3::Node& node);

}  // namespace remora::istio
