#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "remora/core/result.h"

namespace remora::inject {

/// The ports of a sidecar, as Istio numbers them.
inline constexpr int kOutboundPort = 15001;
inline constexpr int kInboundPort = 15006;
inline constexpr int kAdminPort = 15000;
inline constexpr int kProbePort = 15020;    ///< answers for the application's probes; metrics of both
inline constexpr int kReadyPort = 15021;    ///< /healthz/ready
inline constexpr int kMetricsPort = 15090;  ///< /stats/prometheus
/// The first of those that stand in for ports on which the application answers gRPC probes.
inline constexpr int kFirstGrpcProbePort = 15031;
inline constexpr int kProxyUser = 1337;  ///< whose traffic is not redirected

/// CPU and memory in Kubernetes' notation; an empty one is not asked for.
struct Resources {
  std::string cpu = "100m";
  std::string memory = "128Mi";
  std::string cpu_limit = "2";
  std::string memory_limit = "1Gi";
};

/// What is led through the sidecar, in istio-iptables' notation: lists with commas, "*" for all.
struct Capture {
  std::string mode = "REDIRECT";  ///< or TPROXY, or NONE: nothing is
  std::string include_outbound_ranges = "*";
  std::string exclude_outbound_ranges;
  std::string include_inbound_ports = "*";
  std::string exclude_inbound_ports;
  std::string include_outbound_ports;
  std::string exclude_outbound_ports;
  std::string exclude_interfaces;
};

/// When the sidecar counts as ready: Kubernetes' readiness probe of it.
struct Readiness {
  int initial_delay_seconds = 1;
  int period_seconds = 15;
  int failure_threshold = 4;
  bool enabled = true;
};

/// How pods get their sidecar: the mesh's settings, or those of one pod, whose annotations say otherwise.
struct Settings {
  std::string image = "remora:0.1.0";
  std::string image_pull_policy;  ///< empty: Kubernetes' default
  std::string discovery_address = "remora-control.istio-system.svc:15012";
  /// PEM: who has signed the control plane's certificate. Empty: it is spoken to in plain text.
  std::string root_certificate;
  std::string trust_domain = "cluster.local";
  std::string root_namespace = "istio-system";
  std::string cluster_id = "Kubernetes";
  std::string mesh_id;  ///< empty: the trust domain
  std::string revision = "default";
  std::string address_family = "ipv4";  ///< of the sidecar's own listeners: ipv4, ipv6 or dual
  std::string log_level = "info";
  std::string component_log_level;
  bool native_sidecar = true;  ///< an init container that goes on running (Kubernetes 1.29), or a container
  bool hold_application = false;
  bool rewrite_probes = true;
  bool merge_metrics = true;
  int concurrency = 0;  ///< 0: from the CPU limit
  /// Istio's terminationDrainDuration: how long the sidecar goes on for an application that does not end; 0:
  /// almost as long as the pod may.
  std::chrono::seconds drain{0};
  /// How long a sidecar that is a container of its own goes on at least, since it hears of the end when the
  /// application does. Nothing: as long as Istio's.
  std::optional<std::chrono::seconds> minimum_drain;
  /// The sidecar may end with the last connection even before `drain` is over.
  bool exit_when_idle = false;
  Resources resources;
  Capture capture;
  Readiness readiness;
  std::string user_volumes;        ///< JSON: volumes by name
  std::string user_volume_mounts;  ///< JSON: the sidecar's mounts of them by name
};

/// Refuses what no pod could have; the error names the setting.
Result<void> check(const Settings& settings);

/// "100m", "1.5Gi": what Kubernetes takes for an amount.
bool is_quantity(const std::string& text);

}  // namespace remora::inject
