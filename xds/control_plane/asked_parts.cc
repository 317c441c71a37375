#include "control_plane/asked_parts.h"

#include <algorithm>
#include <utility>

#include "istio/build/virtual_hosts.h"

namespace remora::xds {

using istio::AskedPart;
using istio::XdsType;

void AskedParts::use(std::shared_ptr<const istio::Registry> now, const istio::ConfigChange& change) {
  for (auto& entry : kinds_) entry.second.view.reset();
  names_.reset();
  registry_ = std::move(now);
  if (change.everything) {
    kinds_.clear();
    return;
  }
  std::set<std::string> hosts = change.routes;
  hosts.insert(change.clusters.begin(), change.clusters.end());
  forget(hosts);
}

void AskedParts::forget(const std::vector<istio::EndpointChange>& changes) {
  std::set<std::string> hosts;
  for (const istio::EndpointChange& change : changes) hosts.insert(change.service->host);
  forget(hosts);
}

void AskedParts::forget(const std::set<std::string>& hosts) {
  const auto leads_there = [&](const AskedPart& part) {
    return std::any_of(part.hosts.begin(), part.hosts.end(),
                       [&](const std::string& host) { return hosts.contains(host); });
  };
  for (auto& entry : kinds_) {
    std::erase_if(entry.second.parts, [&](const auto& known) {
      const auto part = known.second.lock();
      return part == nullptr || leads_there(*part);
    });
  }
  std::erase_if(kinds_, [](const auto& entry) { return entry.second.parts.empty(); });
}

AskedPart AskedParts::make(Kind& kind, const istio::Snapshot& outbound, const AskedNames::Name& name) {
  if (!names_) names_.emplace(*registry_);
  if (!kind.view) kind.view.emplace(*registry_, kind.node, istio::MeshView::Scope::kRoutes);
  if (name.first == XdsType::kCluster) return build_asked_cluster(name.second, *kind.view);
  const auto table = istio::table_of(name.second);
  if (!outbound.group(XdsType::kRoute).resources.contains(table)) return {};
  return build_asked_host(name.second, *kind.view, *names_);
}

std::shared_ptr<const AskedPart> AskedParts::part(const std::string& key, const istio::ProxyNode& node,
                                                  const istio::Snapshot& outbound,
                                                  const AskedNames::Name& name) {
  const auto [place, fresh] = kinds_.try_emplace(key);
  Kind& kind = place->second;
  if (fresh) kind.node = node;
  auto& known = kind.parts[name];
  if (auto part = known.lock()) return part;
  auto part = std::make_shared<const AskedPart>(make(kind, outbound, name));
  known = part;
  return part;
}

}  // namespace remora::xds
