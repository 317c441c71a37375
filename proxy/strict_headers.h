#pragma once

#include <optional>
#include <string>
#include <vector>

#include "remora/filter/http_filter.h"
#include "remora/http/header_map.h"

namespace remora {

/// The answer to a request with a value in one of `headers` that cannot be read; none if there is no such.
/// Its details are kept in `details`. Source: Envoy, Router.strict_check_headers.
std::optional<LocalReply> refuse_bad_headers(const std::vector<HeaderId>& headers, const HeaderMap& request,
                                             std::string& details);

}  // namespace remora
