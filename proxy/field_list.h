#pragma once

#include <string_view>

#include "remora/http/header_map.h"

namespace remora {

/// Adds a member to a field that is a list, behind those it has: "a" becomes "a,b".
void append_to_list(HeaderMap& head, HeaderId id, std::string_view member);

}  // namespace remora
