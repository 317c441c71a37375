#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/call_metadata.h"
#include "client/grpc_tls.h"
#include "client/kept_bootstrap.h"
#include "translate/context.h"

namespace grpc {
class Channel;
}

namespace remora::xds {

/// How a server that speaks gRPC is reached.
struct GrpcTarget {
  /// For gRPC: "ipv4:1.2.3.4:15010,1.2.3.5:15010" (tried in their order), "unix:/run/xds.sock",
  /// "dns:///istiod:15010".
  std::string target;
  std::string authority;           // "": gRPC's choice
  MetadataList initial_metadata;   // as configured: see make_metadata
  uint32_t max_message_bytes = 0;  // 0: gRPC's default
  Milliseconds connect_timeout{5000};
  std::optional<GrpcTls> tls;  // nothing: plain text
};

/// Reads a GrpcService, whose cluster is one of the bootstrap's own. Errors are recorded, those about the
/// cluster itself under its own path.
void set_grpc_target(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                     const envoy::config::core::v3::GrpcService& service, Context& context, GrpcTarget& out);

/// Warns of what is set on the cluster of a gRPC server and has no effect, and refuses what cannot work.
void check_grpc_cluster(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const std::string& name,
                        Context& at_root);

/// Says whether a GrpcService of a resource can be reached. What it is made of outlives it.
using GrpcServiceCheck = std::function<void(const envoy::config::core::v3::GrpcService&, Context&)>;
GrpcServiceCheck grpc_service_check(const envoy::config::bootstrap::v3::Bootstrap& bootstrap);
GrpcServiceCheck grpc_service_check(const KeptBootstrap& bootstrap);

/// A fresh connection for each channel, so that the only back-off is the caller's.
std::shared_ptr<grpc::Channel> make_grpc_channel(const GrpcTarget& target);

}  // namespace remora::xds
