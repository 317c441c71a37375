#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace remora::istio {

/// The names under which clients in `client_ns` may call the service: its host and its aliases, and the short
/// forms of both.
std::vector<std::string> names_of(const MeshService& service, const std::string& client_ns);

/// Which service a client means by what it writes into Host or :authority: the host, a short form, an address
/// of the service, a name that a wildcard covers. One for all proxies; the registry must outlive it.
class CallNames {
 public:
  explicit CallNames(const Registry& registry);

  /// `host` is in lower case and has no port; an IPv6 address may stand in brackets. As in a whole table:
  /// exact names before wildcards, longer wildcards before shorter ones, older services before younger ones.
  /// Null: none that takes requests on `port` and shows itself to the proxy.
  const MeshService* find(const std::string& host, uint16_t port, const ProxyNode& node) const;

 private:
  using Services = std::vector<const MeshService*>;

  Services exact(const std::string& host, const ProxyNode& node) const;
  /// The name as a client of the namespace may shorten it.
  const MeshService* by_alias(const std::string& host, const std::string& client_ns) const;

  const Registry& registry_;
  std::unordered_map<std::string, Services> by_address_;
  Services wildcards_;
};

/// "web.ns" of "web.ns:8080", "[::1]" of "[::1]:8080"; what has no port stays as it is.
std::string without_port(std::string authority);

}  // namespace remora::istio
