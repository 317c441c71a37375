#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/proto_config.h"
#include "jwt_authn/requirement.h"
#include "remora/config/filter_overrides.h"
#include "remora/config/route_table.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication. Immutable.
struct JwtAuthnConfig {
  JwtProviders providers;
  std::map<std::string, JwtRequirement, std::less<>> by_name;  ///< requirement_map
  /// The rules as a table with one virtual host: its first match is the rule that counts.
  std::shared_ptr<const RouteTable> rules;
  std::vector<JwtRequirement> rule_requirements;  ///< by the route's position in it
  /// What only this filter may say (claims): taken out of every request, whether or not a rule holds for it.
  std::vector<std::string> own_headers;
  bool bypass_preflight = false;
  bool strip_failure_response = false;
  std::shared_ptr<StatScope> stats;

  /// What a request of this head must show; null: nothing.
  [[nodiscard]] const JwtRequirement* of_rules(const HeaderMap& head, uint64_t random) const;
};

/// envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig: instead of the rules.
struct JwtRouteConfig final : RouteFilterConfig {
  bool disabled = false;
  std::string requirement;  ///< its name
};

/// Lets those requests through that show the tokens they need. One instance per worker. Source: RFC 7519,
/// RFC 6750; Envoy, JWT authentication.
std::unique_ptr<HttpFilter> make_jwt_authn_filter(std::shared_ptr<const JwtAuthnConfig> config);

/// The messages -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_jwt_authn(const FilterSource& source,
                                                    const FilterFactoryContext& context,
                                                    ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_jwt_authn(const FilterSource& source,
                                                              const FilterFactoryContext& context,
                                                              ConfigReport& report);

}  // namespace remora::filters
