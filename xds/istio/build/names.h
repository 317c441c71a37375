#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "istio/model/resource.h"

// The names that istiod gives to Envoy's resources: operators, dashboards and metrics depend on them.
namespace remora::istio {

/// "outbound|8080|v1|myapp.default.svc.cluster.local"
std::string outbound_cluster_name(uint16_t port, std::string_view subset, std::string_view host);

/// Where connections go as they are, from the application and to it; and where nothing is.
inline constexpr const char* kPassthroughCluster = "PassthroughCluster";
inline constexpr const char* kInboundPassthroughCluster = "InboundPassthroughCluster";
inline constexpr const char* kBlackHoleCluster = "BlackHoleCluster";

/// "myapp.default.svc.cluster.local:8080": the route table of a port that declares no protocol.
std::string sniffed_table_name(std::string_view host, uint16_t port);

/// "inbound|8080||"
std::string inbound_name(uint16_t port);

/// "outbound_.8080_.v1_.myapp.default.svc.cluster.local": what a sidecar asks another one for, in TLS.
std::string mesh_server_name(uint16_t port, std::string_view subset, std::string_view host);

/// The HTTP filters that routes speak to.
inline constexpr const char* kJwtFilter = "envoy.filters.http.jwt_authn";
/// Where a good token's claims stand in its dynamic metadata.
inline constexpr const char* kJwtPayload = "payload";
inline constexpr const char* kFaultFilter = "envoy.filters.http.fault";
inline constexpr const char* kCorsFilter = "envoy.filters.http.cors";

/// "127.0.0.1_8080"
std::string listener_name(std::string_view address, uint16_t port);

/// "/apis/networking.istio.io/v1/namespaces/default/virtual-service/myapp": what the `config` metadata holds.
std::string config_path(const Resource& resource);

}  // namespace remora::istio
