#include "remora/http/exchange_info.h"

namespace remora {

std::string_view protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHttp10: return "HTTP/1.0";
    case Protocol::kHttp11: return "HTTP/1.1";
    case Protocol::kHttp2: return "HTTP/2";
    case Protocol::kNone: break;
  }
  return "-";
}

}  // namespace remora
