#include "response_head.h"

#include <ctime>

namespace remora {

std::string_view DateCache::at(WallTime now) {
  constexpr size_t kLength = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
  const auto second = std::chrono::system_clock::to_time_t(now);
  if (second != second_) {
    std::tm parts{};
    gmtime_r(&second, &parts);
    std::strftime(text_, sizeof(text_), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    second_ = second;
  }
  return {text_, kLength};
}

void finish_response_head(HeaderMap& head, const HttpConnectionManagerConfig& config,
                          const HeaderMap& request, std::string_view date) {
  using ServerHeader = HttpConnectionManagerConfig::ServerHeader;
  if (config.server_header == ServerHeader::kOverwrite ||
      (config.server_header == ServerHeader::kAppendIfAbsent && !head.has(HeaderId::kServer))) {
    head.set(HeaderId::kServer, config.server_name);
  }
  if (!head.has(HeaderId::kDate)) head.add(HeaderId::kDate, date);
  if (config.always_set_request_id_in_response) {
    const auto id = request.value_of(HeaderId::kXRequestId);
    if (!id.empty()) head.set(HeaderId::kXRequestId, id);
  }
  if (config.via.empty()) return;
  const auto old = head.value_of(HeaderId::kVia);
  if (old.empty()) {
    head.add(HeaderId::kVia, config.via);
  } else {
    head.set(HeaderId::kVia, std::string(old) + ", " + config.via);
  }
}

}  // namespace remora
