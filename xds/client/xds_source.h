#pragma once

#include <map>
#include <memory>
#include <string>

#include "client/ads_config.h"
#include "client/metrics_config.h"
#include "client/static_resources.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "remora/config/bootstrap.h"

namespace remora::xds {

/// All that a configuration source is made of.
struct XdsSourceOptions {
  envoy::config::bootstrap::v3::Bootstrap bootstrap;
  DynamicConfig dynamic;
  StaticResources resources;
  std::vector<MetricsSinkConfig> metrics_sinks;
  NodeInfo node;
  std::map<std::string, std::string> runtime;
  StatsStore& stats;  // outlives the source
  bool reject_unknown_fields = false;
  SecretCheck check_secret;
};

/// The one ConfigSource of the proxy: static resources, and ADS and pushes of
/// statistics if the bootstrap asks for them.
std::unique_ptr<ConfigSource> make_xds_source(XdsSourceOptions options);

}  // namespace remora::xds
