#pragma once

#include <string_view>

namespace remora {

/// Whether doing twice what a request of that method asks for is as good as doing it once. Source: RFC 9110
/// section 9.2.2.
constexpr bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
         method == "DELETE";
}

}  // namespace remora
