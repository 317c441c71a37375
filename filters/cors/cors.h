#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/proto_config.h"
#include "remora/config/filter_overrides.h"
#include "remora/config/matchers.h"
#include "remora/core/stats.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.cors.v3.CorsPolicy: who may read the answers of a place's routes. Where
/// several places have one, each value is that of the most specific place that sets it.
struct CorsPolicy final : RouteFilterConfig {
  std::vector<StringMatcher> allow_origins;
  bool any_origin = false;  ///< one of allow_origins takes the origin "*": then it takes all
  std::string allow_methods;
  std::string allow_headers;
  std::string expose_headers;
  std::string max_age;
  std::optional<bool> allow_credentials;
  std::optional<bool> allow_private_network_access;
  std::optional<bool> forward_not_matching_preflights;
  Fraction enabled{100, 100};
  Fraction shadow{0, 100};  ///< counted, and nothing else
};

enum CorsStat : size_t { kOriginValid, kOriginInvalid, kCorsStats };
std::shared_ptr<StatScope> make_cors_scope(const FilterFactoryContext& context);

/// Answers preflight requests, and tells browsers in responses who may read them. Without a policy in the
/// route table it does nothing. One instance per worker. Source: the WHATWG's fetch standard, CORS protocol.
std::unique_ptr<HttpFilter> make_cors_filter(std::shared_ptr<StatScope> scope);

/// The messages -> factory and policy (config.cc).
std::shared_ptr<const FilterFactory> make_cors(const FilterSource& source,
                                               const FilterFactoryContext& context, ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_cors_policy(const FilterSource& source,
                                                          const FilterFactoryContext& context,
                                                          ConfigReport& report);

}  // namespace remora::filters
