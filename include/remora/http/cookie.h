#pragma once

#include <optional>
#include <string_view>

#include "remora/http/header_map.h"

namespace remora {

/// The value of the request's first cookie of that name, without the quotes around it; nullopt if there is
/// none. The view lives as long as `request`. Source: RFC 6265 section 5.4; Envoy, cookies.
std::optional<std::string_view> request_cookie(const HeaderMap& request, std::string_view name);

}  // namespace remora
