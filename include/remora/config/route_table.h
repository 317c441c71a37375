#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "remora/config/route.h"
#include "remora/core/result.h"

namespace remora {

class FilterState;
struct RouteSearch;
struct ShadowedRoute;
struct TlsInfo;

/// What is known of a request besides its head, for routes that ask. Borrowed; null: nothing.
struct RouteFacts {
  const Metadata* metadata = nullptr;         ///< what filters have found out so far
  const FilterState* filter_state = nullptr;  ///< objects that filters have left
  const TlsInfo* tls = nullptr;               ///< of the client's connection
};

/// A RouteConfig compiled for lookup: hosts by hash (exact) and by longest suffix or prefix (wildcards); per
/// virtual host an exact-path hash, a prefix trie and one RE2::Set. First-match semantics at a cost that does
/// not grow with the number of routes: every index yields candidates with their position, the lowest position
/// whose other predicates hold wins. Immutable, any thread. Versions of one table share what is compiled of
/// the virtual hosts that they have in common. Source: Envoy, route matching and virtual host
/// domain search order.
class RouteTable {
 public:
  /// `before`: a table that `config` shares virtual hosts with, and with it all that is compiled of them:
  /// the cost is that of the others. What the table itself says to filters must be the same objects then.
  /// Errors: a domain that occurs twice, a wildcard in the wrong place.
  static Result<std::shared_ptr<const RouteTable>> compile(RouteConfig config,
                                                           const RouteTable* before = nullptr);
  ~RouteTable();

  struct Match {
    const VirtualHost* virtual_host = nullptr;  // null: no virtual host for this authority
    const Route* route = nullptr;               // null: no route in that host
  };

  /// `random` is the request's stable random value (runtime_fraction). `head` needs :authority, :path and
  /// :method.
  [[nodiscard]] Match match(const HeaderMap& head, uint64_t random, const RouteFacts& facts = {}) const;

  /// The same search with its reasons: why each earlier route of the virtual host did not match, at most
  /// `limit` of them. Not for the path of a request.
  [[nodiscard]] RouteSearch explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts,
                                    size_t limit) const;

  /// Routes of the virtual host of that number that no request can reach. Sound, not complete: a route is
  /// only named when one earlier route alone certainly matches whatever it would match. The cost is about
  /// that of compiling the table.
  [[nodiscard]] std::vector<ShadowedRoute> shadowed(size_t virtual_host) const;

  [[nodiscard]] const RouteConfig& config() const { return config_; }
  /// Tells this table apart from every other one of this process, earlier ones included.
  [[nodiscard]] uint64_t id() const { return id_; }

 private:
  RouteTable(RouteConfig config, const RouteTable* before);
  struct Index;
  uint64_t id_;
  RouteConfig config_;
  std::unique_ptr<Index> index_;
};

}  // namespace remora
