#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "remora/config/route_table.h"
#include "remora/http/header_map.h"

namespace remora {

/// A Location that can be followed: an absolute URL.
struct RedirectTarget {
  std::string_view scheme;
  std::string_view host;  ///< with its port
  std::string_view path;  ///< with its query; never empty, without a fragment
};
/// nullopt: it is none. Views into `location`, or of static text.
std::optional<RedirectTarget> parse_location(std::string_view location);

/// Redirects that one request has followed. One per exchange; the worker's thread.
class RedirectHistory {
 public:
  struct Found {
    RouteTable::Match match;       ///< where the request goes now; empty route: nowhere
    std::optional<size_t> reason;  ///< the counter (HttpStat) of why it does not; nullopt: it goes
  };
  /// Who asks: the table, the request's random number, whether the client's connection is plain text.
  struct Place {
    const RouteTable& table;
    uint64_t random;
    bool plain_text;
    RouteFacts facts;
  };

  /// Makes `request` the one that the response `head` of `route` redirects to, if the route's policy lets it;
  /// else leaves it as it was. Source: Envoy, internal redirects.
  Found follow(const Place& place, const Route& route, const HeaderMap& head, HeaderMap& request);
  void clear() {
    count_ = 0;
    taken_.clear();
  }

 private:
  bool accepts(const Route& route, const Route& target, bool from_http, bool to_http);

  uint32_t count_ = 0;
  std::vector<std::pair<const Route*, const Route*>> taken_;  // from and to, for previous_routes
};

}  // namespace remora
