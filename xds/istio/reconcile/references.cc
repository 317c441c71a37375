#include "istio/reconcile/references.h"

#include <algorithm>
#include <map>

#include "istio/model/hosts.h"
#include "istio/registry/delegates.h"

namespace remora::istio {
namespace {

using Kind = DanglingReference::Kind;

class Checker {
 public:
  Checker(const Resource& resource, const Registry& registry) : resource_(resource), registry_(registry) {}

  std::vector<DanglingReference> check() {
    const auto& service = std::get<VirtualService>(resource_.spec);
    for (const HttpRoute& route : service.http) {
      for (const RouteDestination& entry : route.route) check(entry.destination);
      for (const HttpMirror& mirror : route.mirrors) check(mirror.destination);
      if (route.delegate) check(*route.delegate);
    }
    http_ = false;
    for (const auto* routes : {&service.tls, &service.tcp}) {
      for (const L4Route& route : *routes) {
        for (const RouteDestination& entry : route.route) check(entry.destination);
      }
    }
    return std::move(found_);
  }

 private:
  void check(const Delegate& delegate) {
    const std::string id = delegate_id(delegate, resource_);
    const std::string fault = delegate_fault(registry_.find_virtual_service(id), resource_);
    if (fault.empty()) return;
    DanglingReference reference;
    reference.kind = Kind::kDelegate;
    reference.delegate = id;
    reference.finding = finding(Severity::kError, resource_, delegate.path, id + ' ' + fault);
    reference.finding.line = delegate.line;
    found_.push_back(std::move(reference));
  }

  void check(const Destination& destination) {
    const std::string host = resolve_host(destination.host, resource_.ns);
    const MeshService* service = registry_.find_service(host);
    if (service == nullptr) {
      add(Kind::kHost, host, destination, "host", "no Service or ServiceEntry defines \"" + host + "\"");
    } else {
      check_port(destination, *service);
    }
    if (!destination.subset.empty()) check_subset(destination, host);
  }

  void check_subset(const Destination& destination, const std::string& host) {
    const MergedRule* rule = registry_.find_rule(host, resource_.ns);
    if (rule != nullptr && rule->find_subset(destination.subset) != nullptr) return;
    const std::string subset = '"' + destination.subset + "\" is not defined by ";
    add(Kind::kSubset, host, destination, "subset",
        subset + (rule == nullptr ? "any DestinationRule for " + host : rule->parts.front()->id()));
    found_.back().rule_missing = rule == nullptr;
  }

  void check_port(const Destination& destination, const MeshService& service) {
    if (destination.port) {
      const MeshPort* port = service.find_port(*destination.port);
      if (port == nullptr) {
        add(Kind::kPort, service.host, destination, "port.number", missing_port(service, *destination.port));
      } else if (http_ && !port->is_http()) {
        add(Kind::kPort, service.host, destination, "port.number",
            "port " + std::to_string(port->number) + " of " + service.origin->id() +
                " is not HTTP, and http routes lead to it");
      }
      return;
    }
    if (service.ports.size() == 1) return;
    // Without a port the client's port counts, so the destination must have each port on which the route is
    // used.
    for (const uint16_t port : own_ports()) {
      if (service.find_port(port) == nullptr) {
        add(Kind::kPort, service.host, destination, "port", missing_port(service, port) + ": name one");
        return;
      }
    }
  }

  static std::string missing_port(const MeshService& service, uint16_t port) {
    return service.origin->id() + " has no port " + std::to_string(port);
  }

  /// The ports of the hosts that the VirtualService itself routes.
  std::vector<uint16_t> own_ports() const {
    std::vector<uint16_t> ports;
    for (const std::string& host : std::get<VirtualService>(resource_.spec).hosts) {
      const MeshService* service = registry_.find_service(resolve_host(host, resource_.ns));
      if (service == nullptr) continue;
      for (const MeshPort& port : service->ports) {
        // What declares nothing may be either.
        const bool both = port.protocol == Protocol::kUndeclared;
        if (port.carried() && (both || port.is_http() == http_)) ports.push_back(port.number);
      }
    }
    return ports;
  }

  void add(Kind kind, const std::string& host, const Destination& destination, std::string_view field,
           std::string message) {
    DanglingReference reference;
    reference.kind = kind;
    reference.host = host;
    reference.finding =
        finding(Severity::kError, resource_, destination.path + '.' + std::string(field), std::move(message));
    reference.finding.line = destination.line;
    found_.push_back(std::move(reference));
  }

  const Resource& resource_;
  const Registry& registry_;
  bool http_ = true;  ///< of which kind the routes are that are looked at
  std::vector<DanglingReference> found_;
};

bool any_service_matches(const Registry& registry, const std::string& pattern) {
  if (!pattern.starts_with('*')) return registry.find_service(pattern) != nullptr;
  return std::any_of(registry.services().begin(), registry.services().end(),
                     [&](const MeshService& service) { return host_matches(pattern, service.host); });
}

/// Why what is said of `host` has no effect although something defines it; empty: it has.
std::string stands_for(const std::string& host, const Registry& registry) {
  const MeshService* service = host.starts_with('*') ? nullptr : registry.find_service(host);
  if (service == nullptr || service->host == host) return "";
  return "has no effect: \"" + host + "\" is a Service of type ExternalName, and what holds for \"" +
         service->host + "\" holds for it";
}

std::string fault_of_alias(const std::string& host, const Registry& registry) {
  const MeshService* service = registry.find_service(host);
  const std::string& meant = registry.meant_host(host);
  if (service == nullptr && meant == host) return "leads in a circle: requests are those to an unknown host";
  if (service == nullptr)
    return "no Service or ServiceEntry defines \"" + meant + "\": requests are those to an unknown host";
  return service->host == host ? "has no effect: " + service->origin->id() + " defines " + host + " already"
                               : "";
}

/// Services that should be other names of hosts, and are not.
void add_idle_aliases(const Registry& registry, Diagnostics& findings) {
  for (const ResourcePtr& resource : registry.resources()) {
    const auto* service = std::get_if<Service>(&resource->spec);
    if (service == nullptr || service->external_name.empty()) continue;
    const std::string fault = fault_of_alias(resolve_host(resource->name, resource->ns), registry);
    if (!fault.empty())
      findings.push_back(finding(Severity::kWarning, *resource, "spec.externalName", fault));
  }
}

}  // namespace

std::vector<DanglingReference> dangling_references(const Resource& virtual_service,
                                                   const Registry& registry) {
  return Checker(virtual_service, registry).check();
}

Diagnostics idle_resources(const Registry& registry) {
  Diagnostics findings;
  std::map<std::string, ResourcePtr> owners;
  for (const ResourcePtr& resource : registry.virtual_services()) {
    const auto& service = std::get<VirtualService>(resource->spec);
    if (!service.for_mesh()) continue;
    for (size_t i = 0; i < service.hosts.size(); ++i) {
      const std::string path = "spec.hosts[" + std::to_string(i) + ']';
      const std::string host = resolve_host(service.hosts[i], resource->ns);
      const auto [owner, fresh] = owners.emplace(host, resource);
      if (!fresh) {
        findings.push_back(finding(Severity::kWarning, *resource, path,
                                   "has no effect: " + owner->second->id() + " routes " + host + " already"));
      } else if (const std::string why = stands_for(host, registry); !why.empty()) {
        findings.push_back(finding(Severity::kWarning, *resource, path, why));
      } else if (!any_service_matches(registry, host)) {
        findings.push_back(finding(Severity::kWarning, *resource, path,
                                   "no Service or ServiceEntry defines \"" + host + "\""));
      }
    }
  }
  for (const ResourcePtr& resource : registry.resources()) {
    const auto* rule = std::get_if<DestinationRule>(&resource->spec);
    if (rule == nullptr) continue;
    const std::string host = resolve_host(rule->host, resource->ns);
    const std::string why = stands_for(host, registry);
    if (why.empty() && any_service_matches(registry, host)) continue;
    findings.push_back(finding(Severity::kWarning, *resource, "spec.host",
                               why.empty() ? "no Service or ServiceEntry defines \"" + host + '"' : why));
    findings.back().line = rule->host_line;
  }
  add_idle_aliases(registry, findings);
  return findings;
}

}  // namespace remora::istio
