#include "istio_stats/service.h"

#include <array>

#include "remora/config/route.h"

namespace remora::filters {
namespace {

constexpr std::string_view kBlackHole = "BlackHoleCluster";
constexpr std::string_view kPassthrough = "PassthroughCluster";
constexpr std::array<std::string_view, 5> kSpecialClusters = {
    kBlackHole, kPassthrough, "InboundPassthroughCluster", "InboundPassthroughClusterIpv4",
    "InboundPassthroughClusterIpv6"};

// The first of `istio.services`; null if there is none.
const MetadataValue* first_service(const Metadata& cluster) {
  const MetadataValue* services = cluster.find("istio", "services");
  const auto* list = services == nullptr ? nullptr : std::get_if<MetadataValue::List>(&services->value);
  return list == nullptr || list->empty() ? nullptr : &list->front();
}

std::string member(const MetadataValue& service, std::string_view key) {
  const MetadataValue* value = service.find(key);
  return value == nullptr ? std::string() : value->text();
}

}  // namespace

std::string_view special_service(const ExchangeInfo& info) {
  if (info.route != nullptr) {
    if (info.route->name == "block_all") return kBlackHole;
    if (info.route->name == "allow_any") return kPassthrough;
  }
  if (info.cluster == nullptr) return {};
  for (const std::string_view name : kSpecialClusters) {
    if (info.cluster->name == name) return name;
  }
  return {};
}

bool names_service(const Metadata& cluster) { return first_service(cluster) != nullptr; }

Service service_of(const Metadata* cluster, std::string_view special, std::string_view host) {
  Service service;
  service.host = service.name = host;
  if (!special.empty()) {
    service.name = special;
    return service;
  }
  const MetadataValue* known = cluster == nullptr ? nullptr : first_service(*cluster);
  if (known == nullptr) return service;
  if (std::string full = member(*known, "host"); !full.empty()) service.host = std::move(full);
  service.name = member(*known, "name");
  if (service.name.empty()) service.name = service.host.substr(0, service.host.find('.'));
  service.namespace_name = member(*known, "namespace");
  return service;
}

}  // namespace remora::filters
