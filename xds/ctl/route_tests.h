#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/matchers.h"
#include "remora/config/metadata.h"
#include "remora/core/result.h"
#include "remora/http/header_map.h"

namespace remora::ctl {

/// One test of a route table. Source: the schema of Envoy's route table check tool.
struct RouteTest {
  std::string name;

  // input
  HeaderMap request;          ///< with its pseudo headers
  HeaderMap response_fields;  ///< additional_response_headers: what the upstream's answer would have
  uint64_t random = 0;
  bool internal = false;
  std::string runtime;  ///< the one runtime key that is on
  Metadata metadata;

  // validate; absent: not looked at
  std::optional<std::string> cluster;
  std::optional<std::string> virtual_cluster;
  std::optional<std::string> virtual_host;
  std::optional<std::string> path_rewrite;
  std::optional<std::string> host_rewrite;
  std::optional<std::string> path_redirect;
  std::optional<uint64_t> code;
  std::vector<std::pair<std::string, HeaderMatcher>> request_headers;  ///< with their text, for messages
  std::vector<std::pair<std::string, HeaderMatcher>> response_headers;
};

/// Reads tests, JSON or YAML. Errors name the test and the field: "tests[2].input.authority: is required".
Result<std::vector<RouteTest>> read_route_tests(const std::string& text, const std::string& origin);

}  // namespace remora::ctl
