#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remora/config/route_table.h"
#include "remora/core/result.h"

namespace remora {

/// How one text of a scope's key is read from a request: from the first value of a header. Source:
/// envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.
struct ScopeKeyPart {
  struct Element {
    std::string key;
    std::string separator;  // between the key and its value; empty: the element is the key
  };
  std::string header;              // lower-case
  std::string separator;           // between elements; empty: the value is one element
  std::optional<Element> element;  // the first one with this key; else the one at `index`
  uint32_t index = 0;
};

/// Source: envoy.config.route.v3.ScopedRouteConfiguration.
struct RouteScope {
  std::string name;
  std::vector<std::string> key;              // one text for each part
  std::shared_ptr<const RouteTable> routes;  // null: those of `rds_name`
  std::string rds_name;
};

/// Route tables by something that requests say: a request's key finds its scope, at a cost that does not grow
/// with their number. Immutable, any thread. Source: Envoy, scoped routes.
class ScopedRoutes {
 public:
  /// Errors: two scopes of one key or of one name, a scope without a key.
  static Result<std::shared_ptr<const ScopedRoutes>> compile(std::string name, std::vector<ScopeKeyPart> key,
                                                             std::vector<RouteScope> scopes);
  ~ScopedRoutes();

  static constexpr uint32_t kNone = 0xffffffff;
  /// The number of the request's scope; kNone: it has none, so there is no route.
  [[nodiscard]] uint32_t find(const HeaderMap& head) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<RouteScope>& scopes() const { return scopes_; }

 private:
  struct Index;
  ScopedRoutes(std::string name, std::vector<ScopeKeyPart> key, std::vector<RouteScope> scopes);

  std::string name_;
  std::vector<ScopeKeyPart> key_;
  std::vector<RouteScope> scopes_;
  std::unique_ptr<const Index> index_;
};

}  // namespace remora
