#include "istio/registry/config_change.h"

#include <algorithm>
#include <iterator>

#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

bool same_ports(const MeshPort& before, const MeshPort& now) {
  return before.number == now.number && before.name == now.name && before.protocol == now.protocol &&
         before.endpoints == now.endpoints;
}

/// Resources never change, so equal pointers are equal resources.
bool same_service(const MeshService& before, const MeshService& now) {
  return before.origin == now.origin && before.host == now.host &&
         std::equal(before.ports.begin(), before.ports.end(), now.ports.begin(), now.ports.end(), same_ports);
}

/// What only rollouts look at.
bool concerns_no_proxy(const Resource& resource) {
  return std::holds_alternative<Canary>(resource.spec) ||
         std::holds_alternative<MetricTemplate>(resource.spec) ||
         std::holds_alternative<AlertProvider>(resource.spec) ||
         std::holds_alternative<Deployment>(resource.spec);
}

/// Resources of one list and not of the other.
std::vector<const Resource*> differing(const std::vector<ResourcePtr>& before,
                                       const std::vector<ResourcePtr>& now) {
  const auto pointers = [](const std::vector<ResourcePtr>& resources) {
    std::vector<const Resource*> out;
    out.reserve(resources.size());
    for (const ResourcePtr& resource : resources) out.push_back(resource.get());
    std::sort(out.begin(), out.end());
    return out;
  };
  const auto was = pointers(before);
  const auto is = pointers(now);
  std::vector<const Resource*> out;
  std::set_symmetric_difference(was.begin(), was.end(), is.begin(), is.end(), std::back_inserter(out));
  return out;
}

class Comparison {
 public:
  explicit Comparison(const Registry& now) : now_(now) {}

  ConfigChange of(const std::vector<const Resource*>& resources) {
    const bool told = std::all_of(resources.begin(), resources.end(),
                                  [this](const Resource* resource) { return take(*resource); });
    if (!told) return {true, {}, {}};
    add_callers();
    return std::move(change_);
  }

 private:
  /// False where the resource reaches further than the services that it names.
  bool take(const Resource& resource) {
    if (concerns_no_proxy(resource)) return true;
    if (const auto* routes = std::get_if<VirtualService>(&resource.spec))
      return take_routes(resource, *routes);
    if (const auto* rule = std::get_if<DestinationRule>(&resource.spec)) return take_rule(resource, *rule);
    return false;
  }

  /// Routes of bytes are filter chains of listeners, and hosts without a service are part of a table's
  /// layout.
  bool take_routes(const Resource& resource, const VirtualService& service) {
    const bool http_only = service.tls.empty() && service.tcp.empty();
    if (!http_only || service.is_delegate() || service.is_root()) return false;
    return std::all_of(service.hosts.begin(), service.hosts.end(), [&](const std::string& name) {
      const std::string host = resolve_host(name, resource.ns);
      if (now_.find_service(host) == nullptr) return false;
      change_.routes.insert(host);
      return true;
    });
  }

  bool take_rule(const Resource& resource, const DestinationRule& rule) {
    const std::string host = now_.meant_host(resolve_host(rule.host, resource.ns));
    const MeshService* service = now_.find_service(host);
    if (service == nullptr) return false;  // a wildcard, or of no effect
    const bool http_only =
        std::all_of(service->ports.begin(), service->ports.end(), [](const MeshPort& port) {
          return !port.carried() || (port.is_http() && port.protocol != Protocol::kUndeclared);
        });
    if (!http_only) return false;
    change_.clusters.insert(host);
    change_.routes.insert(host);
    return true;
  }

  /// How requests are spread over a host is part of the routes that lead there.
  void add_callers() {
    if (change_.clusters.empty()) return;
    for (const ResourcePtr& resource : now_.effective_virtual_services()) {
      const auto& service = std::get<VirtualService>(resource->spec);
      if (!leads_to_changed(service, resource->ns)) continue;
      for (const std::string& name : service.hosts) add_callers_of(resolve_host(name, resource->ns));
    }
  }

  bool leads_to_changed(const VirtualService& service, const std::string& ns) const {
    return std::any_of(service.http.begin(), service.http.end(), [&](const HttpRoute& route) {
      return std::any_of(route.route.begin(), route.route.end(), [&](const RouteDestination& entry) {
        return change_.clusters.contains(now_.meant_host(resolve_host(entry.destination.host, ns)));
      });
    });
  }

  void add_callers_of(const std::string& host) {
    if (now_.find_service(host) != nullptr) {
      change_.routes.insert(host);
      return;
    }
    change_ = {true, {}, {}};
  }

  const Registry& now_;
  ConfigChange change_;
};

}  // namespace

ConfigChange compare(const Registry& before, const Registry& now) {
  const auto& was = before.services();
  const auto& is = now.services();
  if (!std::equal(was.begin(), was.end(), is.begin(), is.end(), same_service)) return {true, {}, {}};
  return Comparison(now).of(differing(before.resources(), now.resources()));
}

}  // namespace remora::istio
