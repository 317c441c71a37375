#include "page/mesh_json.h"

#include <boost/json/array.hpp>
#include <map>
#include <set>

#include "istio/build/mesh_view.h"
#include "istio/model/hosts.h"
#include "istio/text/finding_json.h"

namespace remora::page {
namespace {

namespace json = boost::json;
using AppVersion = std::pair<std::string, std::string>;

std::string label(const istio::Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? "" : found->second;
}

/// How many endpoints each version has, among those that carry all of `labels`. An endpoint with several
/// ports counts once.
std::map<AppVersion, size_t> versions_of(const istio::MeshService& service, const istio::Labels& labels) {
  std::map<AppVersion, std::set<std::string>> workloads;
  for (const istio::MeshPort& port : service.ports) {
    for (const istio::Endpoint& endpoint : port.endpoints) {
      if (!istio::labels_match(labels, endpoint.labels)) continue;
      const AppVersion version{label(endpoint.labels, "app"), label(endpoint.labels, "version")};
      workloads[version].insert(endpoint.ns + '/' + endpoint.workload + '/' + endpoint.address);
    }
  }
  std::map<AppVersion, size_t> counts;
  for (const auto& [version, names] : workloads) counts[version] = names.size();
  return counts;
}

/// The endpoints a destination means: of a whole service, or of a subset of it.
std::map<AppVersion, size_t> versions_of(const istio::Registry& registry,
                                         const istio::Destination& destination, const std::string& ns) {
  const std::string host = istio::resolve_host(destination.host, ns);
  const istio::MeshService* service = registry.find_service(host);
  if (service == nullptr) return {};
  const istio::MergedRule* rule = destination.subset.empty() ? nullptr : registry.find_rule(host, ns);
  const istio::Subset* subset = rule == nullptr ? nullptr : rule->find_subset(destination.subset);
  return versions_of(*service, subset == nullptr ? istio::Labels() : subset->labels);
}

json::object destination_json(const istio::Registry& registry, const istio::Destination& destination,
                              double weight, const std::string& ns) {
  json::array apps;
  json::array versions;
  for (const auto& [version, count] : versions_of(registry, destination, ns)) {
    apps.emplace_back(version.first);
    versions.emplace_back(version.second);
  }
  return {{"host", destination.host},
          {"subset", destination.subset},
          {"weight", weight},
          {"apps", std::move(apps)},
          {"versions", std::move(versions)}};
}

/// Whose requests a route takes, in a few words.
std::string requests_of(const istio::HttpRoute& route) {
  if (route.match.empty()) return "all requests";
  return route.name.empty() ? "requests that match" : "requests that match " + route.name;
}

json::array routes_json(const istio::Registry& registry, const istio::Resource& resource) {
  json::array routes;
  for (const istio::HttpRoute& route : std::get<istio::VirtualService>(resource.spec).http) {
    json::array destinations;
    json::array mirrors;
    for (const istio::RouteDestination& to : route.route) {
      const double weight = route.route.size() == 1 ? 100 : to.weight;
      destinations.push_back(destination_json(registry, to.destination, weight, resource.ns));
    }
    for (const istio::HttpMirror& mirror : route.mirrors) {
      mirrors.push_back(destination_json(registry, mirror.destination, mirror.percentage, resource.ns));
    }
    routes.push_back(json::object{{"requests", requests_of(route)},
                                  {"destinations", std::move(destinations)},
                                  {"mirrors", std::move(mirrors)}});
  }
  return routes;
}

json::object service_json(const istio::Registry& registry, const istio::MeshView& view,
                          const istio::MeshService& service) {
  json::array versions;
  for (const auto& [version, count] : versions_of(service, {})) {
    versions.push_back(
        json::object{{"app", version.first}, {"version", version.second}, {"endpoints", count}});
  }
  const istio::Resource* routing = view.virtual_service_for(service.host);
  return {{"namespace", service.ns},
          {"name", service.name},
          {"host", service.host},
          {"versions", std::move(versions)},
          {"virtualService", routing == nullptr ? "" : routing->id()},
          {"routes", routing == nullptr ? json::array() : routes_json(registry, *routing)}};
}

}  // namespace

json::object mesh_json(const istio::Registry& registry, const istio::Diagnostics& findings) {
  // Routing as the clients of a service's own namespace see it.
  std::map<std::string, std::pair<istio::ProxyNode, std::unique_ptr<istio::MeshView>>> views;
  json::array services;
  for (const istio::MeshService& service : registry.services()) {
    if (service.external) continue;
    auto& [node, view] = views[service.ns];
    if (view == nullptr) {
      node.ns = service.ns;
      view = std::make_unique<istio::MeshView>(registry, node);
    }
    services.push_back(service_json(registry, *view, service));
  }
  json::array list;
  for (const istio::Diagnostic& finding : findings) list.push_back(istio::finding_json(finding));
  return {{"services", std::move(services)}, {"findings", std::move(list)}};
}

}  // namespace remora::page
