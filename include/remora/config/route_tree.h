#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/matchers.h"

namespace remora {

struct RouteTree;

/// What a tree asks about a request: the values of a header, joined by commas, or an object that a filter has
/// left. Source: Envoy, envoy.type.matcher.v3.HttpRequestHeaderMatchInput and
/// envoy.extensions.matching.common_inputs.network.v3.FilterStateInput, the two that routes may ask.
struct RouteInput {
  bool filter_state = false;
  std::string name;  // of the header (lower-case, also ":path") or of the object
};

/// A question with a yes or a no. Source: xds.type.matcher.v3.Matcher.MatcherList.Predicate.
struct RoutePredicate {
  enum class Kind : uint8_t { kValue, kAnd, kOr, kNot };
  Kind kind = Kind::kValue;
  RouteInput input;                   // kValue: what is not there matches nothing
  StringMatcher value;                // likewise
  std::vector<RoutePredicate> parts;  // of the others; kNot has one
};

/// Where an answer leads to: to another tree, or to a group of routes. Source:
/// xds.type.matcher.v3.Matcher.OnMatch.
struct RouteBranch {
  std::shared_ptr<const RouteTree> tree;  // null: to `group`
  uint32_t group = 0;                     // of VirtualHost::groups
};

/// Which group of a virtual host's routes a request is tried on. What leads to nothing is as if it had not
/// matched: the next of a list, the next shorter prefix, and in the end `on_no_match`. As deep as translated,
/// which is bounded. Source: xds.type.matcher.v3.Matcher as VirtualHost.matcher has it.
struct RouteTree {
  enum class Kind : uint8_t { kList, kExact, kPrefix };
  Kind kind = Kind::kList;
  std::vector<std::pair<RoutePredicate, RouteBranch>> list;  // kList: the first that holds
  RouteInput input;                                          // of the maps
  std::vector<std::pair<std::string, RouteBranch>> map;      // keys are unique
  std::optional<RouteBranch> on_no_match;
};

}  // namespace remora
