#include "istio/build/asked.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/named_clusters.h"
#include "istio/build/snapshot_edit.h"
#include "istio/build/translate.h"
#include "istio/build/virtual_hosts.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::VirtualHost;

/// Tables of requests are called by their port.
std::optional<uint16_t> port_of_table(std::string_view table) {
  uint16_t port = 0;
  const auto [end, code] = std::from_chars(table.data(), table.data() + table.size(), port);
  if (code != std::errc() || end != table.data() + table.size() || port == 0) return std::nullopt;
  return port;
}

/// The VirtualService of a host that no service defines.
const Resource* serviceless(const std::string& host, const MeshView& view) {
  for (const auto& [name, owner] : view.serviceless_hosts()) {
    const auto aliases = host_aliases(name, view.node().ns);
    if (std::find(aliases.begin(), aliases.end(), host) != aliases.end()) return owner;
  }
  return nullptr;
}

std::vector<Route> routes_to(const std::string& host, uint16_t port, const MeshView& view,
                             const CallNames& names, std::set<std::string>& hosts) {
  if (const MeshService* service = names.find(host, port, view.node())) {
    hosts.insert(service->host);
    return build_service_routes(*service, port, view);
  }
  const Resource* owner = port == kServicelessPort ? serviceless(host, view) : nullptr;
  if (owner != nullptr) return build_routes(*owner, port, view);
  return {build_unknown_route(cluster_of_unknown_hosts(view))};
}

void add_clusters(const std::set<std::string>& names, const MeshView& view, AskedPart& part) {
  for (const std::string& name : names) part.hosts.insert(host_of_cluster(name));
  add_named_clusters(names, view, part.resources);
  part.resources.seal();
}

}  // namespace

AskedPart build_asked_host(const std::string& name, const MeshView& view, const CallNames& names) {
  AskedPart part;
  const std::string_view table = table_of(name);
  const auto port = port_of_table(table);
  if (!port || name.size() > kLongestAsked) return part;
  const std::string authority = name.substr(table.size() + 1);
  // Domains with a wildcard would take what others have asked for.
  if (authority.empty() || authority.find('*') != std::string::npos) return part;
  VirtualHost host;
  host.set_name(name);
  host.add_domains(authority);
  host.set_include_request_attempt_count(true);
  for (Route& route : routes_to(without_port(authority), *port, view, names, part.hosts))
    *host.add_routes() = std::move(route);
  add_resource(host, name, XdsType::kVirtualHost, part.resources);
  std::set<std::string> clusters;
  take_clusters(host, clusters);
  add_clusters(clusters, view, part);
  return part;
}

AskedPart build_asked_cluster(const std::string& name, const MeshView& view) {
  AskedPart part;
  if (name.size() <= kLongestAsked) add_clusters({name}, view, part);
  return part;
}

}  // namespace remora::istio
