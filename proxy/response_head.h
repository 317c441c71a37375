#pragma once

#include <string_view>

#include "remora/config/listener.h"
#include "remora/http/exchange_info.h"
#include "remora/http/header_map.h"

namespace remora {

/// The last edits of a response's head before the codec: server, via, date, request id.
/// `date` is the worker's cached IMF-fixdate. Source: Envoy, HTTP header manipulation.
void finish_response_head(HeaderMap& head, const HttpConnectionManagerConfig& config,
                          const HeaderMap& request, std::string_view date);

/// The current date as HTTP writes it, formatted once a second. One per worker.
class DateCache {
 public:
  std::string_view at(WallTime now);

 private:
  int64_t second_ = -1;
  char text_[32] = {};
};

}  // namespace remora
