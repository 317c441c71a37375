#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "remora/config/route_table.h"

namespace remora {

/// The first condition of a route that did not hold for a request, for people to read.
struct UnmetCondition {
  std::string condition;  ///< the field of RouteMatch: "path", "headers[1]", "grpc"
  std::string expected;   ///< what it asks for: x-user: exact "alice"
  std::string seen;       ///< what the request has; "(absent)" where it has nothing
};

/// How a table answers one request: RouteTable::match, with its reasons.
struct RouteSearch {
  RouteTable::Match match;
  std::string domain;  ///< the domain by which the virtual host was found; empty: none was
  /// Where the virtual host has a tree: the action that it leads to; empty: to none, so there is no route.
  std::string action;
  struct Earlier {
    uint32_t position;  ///< in the virtual host's routes
    UnmetCondition why;
  };
  /// The routes before the one that matched (all of them, if none did), in order; of a tree's action, only
  /// its own.
  std::vector<Earlier> earlier;
  size_t left_out = 0;  ///< how many of them are not told: there were more than asked for
};

/// What a route is matched on, in one line: prefix "/api", headers x-user: exact "alice".
std::string to_string(const RouteMatch& match);

/// Where a route stands in its virtual host's configuration: routes[2], or where there is a tree the path
/// through it.
std::string place_of(const VirtualHost& host, size_t position);

/// One route that can never match, and the earlier one that takes all its requests.
struct ShadowedRoute {
  uint32_t position;
  uint32_t by;
};

}  // namespace remora
