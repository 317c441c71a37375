#pragma once

#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::web {

/// The parts of an http:// or https:// URL that a client needs.
struct Url {
  bool tls = false;
  std::string host;  ///< a name or an address, without brackets
  std::string port;
  std::string authority;  ///< as written: what the Host field says
  std::string target;     ///< path and query, at least "/"
};

/// Refuses other schemes, user names and whatever could end a request line. Errors name the URL.
Result<Url> parse_url(std::string_view text);

}  // namespace remora::web
