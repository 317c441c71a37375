#pragma once

#include <string>
#include <string_view>

namespace remora::xds {

/// An answer of the admin interface.
struct Page {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

inline Page text_page(std::string body, unsigned status = 200) {
  return {status, "text/plain; charset=utf-8", std::move(body)};
}

inline Page json_page(std::string body) { return {200, "application/json", std::move(body)}; }

/// The value of `name` in a target's query, percent-decoded; empty where it is not there.
std::string query_parameter(std::string_view target, std::string_view name);

/// The target without its query.
std::string_view path_of_target(std::string_view target);

}  // namespace remora::xds
