#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/grpc_target.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "translate/context.h"
#include "translate/resource_source.h"

namespace remora::xds {

/// How the management server is reached, and what is spoken with it.
struct AdsConfig : GrpcTarget {
  bool is_delta = false;  // otherwise the state of the world
  bool node_on_first_message_only = false;
};

/// dynamic_resources.
struct DynamicConfig {
  std::optional<AdsConfig> ads;
  std::optional<ResourceSource> clusters;
  std::optional<ResourceSource> listeners;

  [[nodiscard]] bool empty() const { return !ads && !clusters && !listeners; }
  /// A server is asked, which wants to know who asks.
  [[nodiscard]] bool has_server() const;
};

/// The names of the static clusters that stand for management servers.
std::vector<std::string> management_cluster_names(const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

/// Reads dynamic_resources. Errors are recorded.
DynamicConfig to_dynamic_config(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, Context& context);

}  // namespace remora::xds
