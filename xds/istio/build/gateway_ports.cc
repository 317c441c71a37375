#include <algorithm>
#include <map>
#include <set>

#include "istio/build/gateway.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

enum class Kind { kHttp, kTls, kTcp };

Kind kind_of(const GatewayServer& server) {
  if (server.is_plain_http()) return Kind::kHttp;
  return server.protocol == GatewayServer::Protocol::kTcp ? Kind::kTcp : Kind::kTls;
}

/// The Services of the proxy's namespace that have it as an endpoint.
std::vector<const MeshService*> services_of(const MeshView& view) {
  std::vector<const MeshService*> services;
  for (const MeshService& service : view.registry().services()) {
    if (service.ns != view.node().ns) continue;
    const auto* spec = std::get_if<Service>(&service.origin->spec);
    if (spec == nullptr || spec->selector.empty()) continue;
    if (labels_match(spec->selector, view.node().labels)) services.push_back(&service);
  }
  return services;
}

/// Where connections to port `number` of these services arrive.
std::set<uint16_t> target_ports(const std::vector<const MeshService*>& services, uint16_t number) {
  std::set<uint16_t> targets;
  for (const MeshService* service : services) {
    const auto& ports = std::get<Service>(service->origin->spec).ports;
    for (const ServicePort& port : ports) {
      if (port.number != number) continue;
      const MeshPort* known = service->find_port(number);
      if (port.target_port) {
        targets.insert(*port.target_port);
      } else if (!port.target_name.empty() && known != nullptr && !known->endpoints.empty()) {
        targets.insert(known->endpoints.front().port);
      } else {
        targets.insert(number);
      }
    }
  }
  if (targets.empty()) targets.insert(number);
  return targets;
}

class Ports {
 public:
  explicit Ports(GatewayNotes& notes) : notes_(notes) {}

  void add(const BoundServer& bound, uint16_t number) {
    GatewayPort& port = ports_[{bound.server->bind, number}];
    const std::string path = bound.gateway->id() + ' ' + bound.server->path;
    if (!port.servers.empty() && kind_of(*port.servers.front().server) != kind_of(*bound.server)) {
      notes_.emplace_back(path, "is left out: port " + std::to_string(number) +
                                    " is taken with another protocol by " +
                                    port.servers.front().gateway->id());
      return;
    }
    if (const std::string host = taken_host(bound, number); !host.empty()) {
      notes_.emplace_back(path, "is left out: another server of port " + std::to_string(number) + " has \"" +
                                    host + "\" already, and TLS clients are told apart by that name only");
      return;
    }
    port.bind = bound.server->bind;
    port.number = number;
    port.servers.push_back(bound);
  }

  std::vector<GatewayPort> finish() {
    std::vector<GatewayPort> ports;
    for (auto& entry : ports_) {
      if (!entry.second.servers.empty()) ports.push_back(std::move(entry.second));
    }
    return ports;
  }

 private:
  /// TLS servers of one port must not have a name in common: Envoy refuses that. Takes the names if they are
  /// free; else says which one is not.
  std::string taken_host(const BoundServer& bound, uint16_t number) {
    if (kind_of(*bound.server) != Kind::kTls) return "";
    auto& taken = tls_hosts_[{bound.server->bind, number}];
    for (const auto& [ns, host] : bound.server->hosts) {
      if (taken.contains(host)) return host;
    }
    for (const auto& entry : bound.server->hosts) taken.insert(entry.second);
    return "";
  }

  using Place = std::pair<std::string, uint16_t>;
  std::map<Place, GatewayPort> ports_;
  std::map<Place, std::set<std::string>> tls_hosts_;
  GatewayNotes& notes_;
};

bool sees(const std::string& wanted, const BoundServer& bound, const std::string& ns) {
  return wanted == "*" || ns == (wanted == "." ? bound.gateway->ns : wanted);
}

}  // namespace

std::vector<GatewayPort> gateway_ports(const MeshView& view, GatewayNotes& notes) {
  const auto services = services_of(view);
  Ports ports(notes);
  for (const Resource* gateway : view.registry().gateways().of_proxy(view.node().labels)) {
    for (const GatewayServer& server : std::get<Gateway>(gateway->spec).servers) {
      for (const uint16_t number : target_ports(services, server.port)) ports.add({gateway, &server}, number);
    }
  }
  return ports.finish();
}

std::vector<std::string> common_hosts(const BoundServer& bound, const Resource& virtual_service) {
  std::vector<std::string> common;
  const auto add = [&](const std::string& host) {
    if (std::ranges::find(common, host) == common.end()) common.push_back(host);
  };
  for (const auto& [ns, host] : bound.server->hosts) {
    if (!sees(ns, bound, virtual_service.ns)) continue;
    for (const std::string& name : std::get<VirtualService>(virtual_service.spec).hosts) {
      const std::string wanted = resolve_host(name, virtual_service.ns);
      if (host_matches(host, wanted)) {
        add(wanted);
      } else if (host_matches(wanted, host)) {
        add(host);
      }
    }
  }
  return common;
}

std::vector<const Resource*> routed_by(const BoundServer& bound, const MeshView& view) {
  std::vector<const Resource*> found;
  for (const ResourcePtr& resource : view.registry().gateways().routes_of(bound.gateway_id())) {
    const auto& service = std::get<VirtualService>(resource->spec);
    if (exported_to(service.export_to, resource->ns, view.node().ns)) found.push_back(resource.get());
  }
  return found;
}

}  // namespace remora::istio
