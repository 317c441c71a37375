#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "remora/http/header_map.h"

namespace remora {

/// A request target in origin form, cut at the first '?'. A fragment belongs to neither part.
struct PathParts {
  std::string_view path;
  std::string_view query;  // without the '?'
  bool has_query = false;  // "/a?" has an empty one
};
PathParts split_path(std::string_view target);

/// The value of the first parameter of that name in a query ("" for "name" alone), as it stands, not
/// percent-decoded; nullopt if there is none. Names are compared exactly.
std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name);

/// What to do with %2F and %5C in paths.
/// Source: envoy.extensions.filters.network.http_connection_manager.v3, path_with_escaped_slashes_action.
enum class EscapedSlashes : uint8_t { kKeep, kReject, kUnescapeAndRedirect, kUnescapeAndForward };

struct PathPolicy {
  bool normalize = false;
  bool merge_slashes = false;
  EscapedSlashes escaped_slashes = EscapedSlashes::kKeep;
};

enum class PathVerdict : uint8_t {
  kAccept,    ///< :path is what filters, routes and the upstream shall see
  kRedirect,  ///< as kAccept, but the client shall ask for the new :path itself (307; gRPC: INTERNAL)
  kReject,    ///< 400, details "path_normalization_failed"
};

/// Brings :path into the form that routes are matched on, in Envoy's order: a '#' is refused; escaped slashes
/// as the policy says; then, if `normalize`, RFC 3986 section 6 (dot segments removed, unreserved characters
/// unescaped, characters that must be escaped escaped, '\' taken as '/'); then, if `merge_slashes`, runs of
/// '/' become one. The query is never touched. Does nothing, and allocates nothing, for a path that is in
/// this form already or absent. Source: Envoy, path normalization of the HTTP connection manager; RFC 3986
/// sections 5.2.4 and 6.2.2.
PathVerdict apply_path_policy(HeaderMap& head, const PathPolicy& policy);

}  // namespace remora
