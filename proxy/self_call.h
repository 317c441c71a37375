#pragma once

#include <chrono>
#include <string>

#include "remora/core/result.h"

namespace remora {

/// Where a proxy of this machine is asked something: http://HOST[:PORT][/PATH], HOST an IP address (v6 in
/// brackets) or localhost.
struct SelfUrl {
  std::string host;
  uint16_t port = 80;
  std::string path = "/";
};
Result<SelfUrl> parse_self_url(const std::string& url);

struct SelfAnswer {
  unsigned status = 0;
  std::string body;  ///< at most 64 KiB
};

/// One HTTP request, waited for: for the commands of this program, never within a proxy. All of it within
/// `limit`. An error says why there is no answer.
Result<SelfAnswer> call_self(const std::string& method, const SelfUrl& url, std::chrono::milliseconds limit);

}  // namespace remora
