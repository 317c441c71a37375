#pragma once

#include <optional>
#include <string>

#include "client/grpc_target.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "translate/context.h"

namespace remora::xds {

/// How the management server is reached, and what is asked of it.
struct AdsConfig : GrpcTarget {
  bool is_delta = false;  // otherwise the state of the world
  bool node_on_first_message_only = false;
  bool listeners = false;                       // lds_config over ADS
  bool clusters = false;                        // cds_config over ADS
  Milliseconds listeners_fetch_timeout{15000};  // 0: wait for ever
  Milliseconds clusters_fetch_timeout{15000};
};

/// The name of the static cluster that stands for the management server; "" if there is none.
std::string management_cluster_name(const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

/// Reads dynamic_resources. nullopt if there is no ads_config. Errors are recorded: sources other than ADS
/// over gRPC; a cluster that is not there.
std::optional<AdsConfig> to_ads_config(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                       Context& context);

}  // namespace remora::xds
