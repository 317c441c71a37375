#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace remora::xds {

/// The types that come over ADS, in the order in which they must change so that nothing is used before it is
/// there.
enum class ResourceType : uint8_t {
  kClusters,
  kEndpoints,
  kListeners,
  kRoutes,
  kSecrets,
  kVirtualHosts,
  kExtensions
};

inline constexpr std::array<ResourceType, 7> kResourceTypes = {
    ResourceType::kClusters, ResourceType::kEndpoints,    ResourceType::kListeners, ResourceType::kRoutes,
    ResourceType::kSecrets,  ResourceType::kVirtualHosts, ResourceType::kExtensions};
inline constexpr size_t kResourceTypeCount = kResourceTypes.size();

constexpr size_t index_of(ResourceType type) { return static_cast<size_t>(type); }

constexpr std::string_view type_url(ResourceType type) {
  constexpr std::string_view kUrls[] = {
      "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
      "type.googleapis.com/envoy.config.listener.v3.Listener",
      "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
      "type.googleapis.com/envoy.config.route.v3.VirtualHost",
      "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"};
  return kUrls[index_of(type)];
}

constexpr std::optional<ResourceType> type_of(std::string_view url) {
  for (const ResourceType type : kResourceTypes) {
    if (type_url(type) == url) return type;
  }
  return std::nullopt;
}

/// What virtual hosts that come on their own are named by: "table/name" -> "table"; "" if it is no such name.
constexpr std::string_view table_of(std::string_view virtual_host) {
  const size_t slash = virtual_host.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : virtual_host.substr(0, slash);
}

/// Clusters and listeners come as the whole set: what is missing is gone. The others are asked for by name
/// and go with what names them.
constexpr bool is_whole_set(ResourceType type) {
  return type == ResourceType::kClusters || type == ResourceType::kListeners;
}

}  // namespace remora::xds
