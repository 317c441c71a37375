#include "remora/http/exchange_info.h"

#include "remora/filter/router.h"

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

std::string_view access_log_type_name(AccessLogType type) {
  if (type == kUpstreamPoolReady) return "UpstreamPoolReady";
  if (type == kUpstreamPeriodic) return "UpstreamPeriodic";
  if (type == kUpstreamEnd) return "UpstreamEnd";
  switch (type) {
    case AccessLogType::kNotSet: break;
    case AccessLogType::kTcpConnectionEnd: return "TcpConnectionEnd";
    case AccessLogType::kDownstreamStart: return "DownstreamStart";
    case AccessLogType::kDownstreamPeriodic: return "DownstreamPeriodic";
    case AccessLogType::kDownstreamEnd: return "DownstreamEnd";
    case AccessLogType::kDownstreamTunnelSuccessfullyEstablished:
      return "DownstreamTunnelSuccessfullyEstablished";
  }
  return "NotSet";
}

}  // namespace remora
