#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "remora/config/route_table.h"

namespace remora::test {

// Route tables of one virtual host for tests, by hand and by chance, and the plain reading of a route that
// the index must agree with.

Route route(PathMatch::Kind kind, const std::string& value, bool case_sensitive = true);
HeaderMatcher header_is(const std::string& name, const std::string& value);
Route with_header(Route made, const std::string& name, const std::string& value);
HeaderMap request(const std::string& path, const std::string& authority = "host",
                  const std::string& method = "GET");
std::shared_ptr<const RouteTable> table_of(std::vector<Route> routes);

/// Whether a route takes a request, looked at by itself.
bool matches(const Route& route, const HeaderMap& head, uint64_t random);
bool path_matches(const PathMatch& rule, const HeaderMap& head);

/// Routes and requests that often meet.
class RandomRoutes {
 public:
  explicit RandomRoutes(uint32_t seed) : random_(seed) {}
  std::vector<Route> routes(size_t count);
  HeaderMap head();
  uint64_t below(uint64_t bound) { return random_() % bound; }

 private:
  std::string text(size_t longest);
  Route any_route();

  std::mt19937 random_;
};

}  // namespace remora::test
