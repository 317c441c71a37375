#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "inject/probes.h"
#include "inject/settings.h"

namespace remora::inject {

/// Who a sidecar is. In a pod most of it is known only when it starts: then these are $(VARIABLES), which
/// kubelet replaces in a container's arguments.
struct SidecarNode {
  std::string type = "sidecar";  ///< or "router": a gateway, by itself at the mesh's edge
  std::string ip = "$(INSTANCE_IP)";
  std::string ips = "$(INSTANCE_IPS)";  ///< all of them, with commas
  std::string name = "$(POD_NAME)";
  std::string ns = "$(POD_NAMESPACE)";
  std::string service_account = "$(SERVICE_ACCOUNT)";
  std::string workload;  ///< the Deployment's name, or of whatever made the pod
  std::string service;   ///< its canonical service
  boost::json::object labels;
};

/// Where a proxy finds what proves to the control plane who it is.
struct SidecarProof {
  std::string token_file;  ///< sent as a bearer token, read anew for every stream; empty: none
  std::string token;       ///< the same as a text; where both are empty, nothing is sent
};

/// Where the application has metrics of its own.
struct AppMetrics {
  int port = 0;  ///< 0: nowhere
  std::string path = "/metrics";
};

/// The bootstrap of a sidecar: its control plane over ADS, its metrics sent there, and the ports at which
/// kubelet and Prometheus ask it. All else comes over xDS.
boost::json::object sidecar_bootstrap(const Settings& settings, const SidecarNode& node,
                                      const SidecarProof& proof, const std::vector<AppProbe>& probes,
                                      const AppMetrics& metrics = {});

}  // namespace remora::inject
