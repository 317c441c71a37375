#include "istio/build/call_names.h"

#include <algorithm>

#include "istio/model/address_range.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

bool takes_requests(const MeshService& service, uint16_t port, const ProxyNode& node) {
  const MeshPort* called = service.find_port(port);
  return called != nullptr && called->is_http() && exported_to(service.export_to, service.ns, node.ns) &&
         (!service.as_called() || node.intercepted());
}

/// The full name that a short one stands for, if it is one.
std::string completed(const std::string& host, const std::string& client_ns) {
  const std::string domain(kClusterDomain);
  const auto dots = std::count(host.begin(), host.end(), '.');
  if (dots == 0) return host + '.' + client_ns + '.' + domain;
  if (dots == 1) return host + '.' + domain;
  if (dots == 2 && host.ends_with(".svc")) return host.substr(0, host.size() - 3) + domain;
  return host;
}

}  // namespace

std::vector<std::string> names_of(const MeshService& service, const std::string& client_ns) {
  std::vector<std::string> names = host_aliases(service.host, client_ns);
  for (const std::string& alias : service.aliases) {
    for (std::string& name : host_aliases(alias, client_ns)) names.push_back(std::move(name));
  }
  return names;
}

CallNames::CallNames(const Registry& registry) : registry_(registry) {
  for (const MeshService& service : registry.services()) {
    if (service.host.starts_with('*')) wildcards_.push_back(&service);
    for (const std::string& address : service.addresses) {
      if (is_ip_address(address)) by_address_[address].push_back(&service);
    }
  }
}

const MeshService* CallNames::by_alias(const std::string& host, const std::string& client_ns) const {
  const MeshService* service = registry_.find_service(completed(host, client_ns));
  if (service == nullptr) return nullptr;
  const auto names = names_of(*service, client_ns);
  return std::find(names.begin(), names.end(), host) == names.end() ? nullptr : service;
}

CallNames::Services CallNames::exact(const std::string& host, const ProxyNode& node) const {
  Services found;
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  const auto at = by_address_.find(brackets ? host.substr(1, host.size() - 2) : host);
  if (at != by_address_.end()) found = at->second;
  if (const MeshService* service = registry_.find_service(host)) found.push_back(service);
  if (const MeshService* service = by_alias(host, node.ns)) found.push_back(service);
  std::sort(found.begin(), found.end());  // they lie in the registry's order
  return found;
}

const MeshService* CallNames::find(const std::string& host, uint16_t port, const ProxyNode& node) const {
  for (const MeshService* service : exact(host, node)) {
    if (takes_requests(*service, port, node)) return service;
  }
  const MeshService* best = nullptr;
  size_t longest = 0;
  // The pods of a headless service have names of their own.
  for (size_t dot = host.find('.'); node.intercepted() && dot != std::string::npos && best == nullptr;
       dot = host.find('.', dot + 1)) {
    const MeshService* service = by_alias(host.substr(dot + 1), node.ns);
    if (service == nullptr || !service->headless || !takes_requests(*service, port, node)) continue;
    best = service;
    longest = host.size() - dot;
  }
  for (const MeshService* service : wildcards_) {
    const size_t length = service->host.size() - 1;
    if (best != nullptr && length <= longest) continue;
    if (!host_matches(service->host, host) || !takes_requests(*service, port, node)) continue;
    best = service;
    longest = length;
  }
  return best;
}

std::string without_port(std::string authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string::npos) return authority;
  const bool has_port =
      authority.starts_with('[') ? authority[colon - 1] == ']' : authority.find(':') == colon;
  if (has_port) authority.resize(colon);
  return authority;
}

}  // namespace remora::istio
