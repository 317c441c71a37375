#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "remora/config/demand.h"
#include "remora/core/clock.h"
#include "translate/context.h"

namespace remora {
struct DnsDiscovery;
}

namespace remora::xds {

/// Where resources come from. Source: envoy.config.core.v3.ConfigSource.
struct ResourceSource {
  enum class Kind : uint8_t {
    kAds,     ///< the management server of the bootstrap
    kServer,  ///< a server of its own, with a stream for each type
    kFile,    ///< a file that holds a DiscoveryResponse
    kDns,     ///< the hosts of one cluster, by their names
  };
  Kind kind = Kind::kAds;
  std::string key;                              // tells sources apart; "" is ADS
  envoy::config::core::v3::GrpcService server;  // kServer
  bool is_delta = false;                        // kServer
  bool node_on_first_message_only = false;      // kServer
  std::string path;                             // kFile
  std::string folder;                           // kFile: what is watched
  std::shared_ptr<const DnsDiscovery> dns;      // kDns
  std::string stat_name;                        // kDns: of the cluster
  Milliseconds fetch_timeout{15000};            // 0: wait for ever
  bool is_waited_for = true;                    // false: what needs it does not wait
};

/// The same, as filters hold it.
struct DemandOrigin final : DemandSource {
  explicit DemandOrigin(ResourceSource from) : source(std::move(from)) {}
  const ResourceSource source;
};

/// Reads a source. The context stands at the message that has it as `field`; errors are recorded.
ResourceSource to_resource_source(const envoy::config::core::v3::ConfigSource& source, std::string_view field,
                                  Context& context);

/// For keeping: what most clusters say is there once.
std::shared_ptr<const ResourceSource> share(ResourceSource source);

/// What tells a resource from those of the same name and another source: its name, and where it is from
/// unless that is ADS.
std::string resource_key(const std::string& name, const std::string& source_key);

/// The folder that a file is in.
std::string folder_of(const std::string& path);

}  // namespace remora::xds
