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

std::string_view access_log_type_name(AccessLogType type) {
  switch (type) {
    case AccessLogType::kNotSet: break;
    case AccessLogType::kTcpConnectionEnd: return "TcpConnectionEnd";
    case AccessLogType::kDownstreamStart: return "DownstreamStart";
    case AccessLogType::kDownstreamPeriodic: return "DownstreamPeriodic";
    case AccessLogType::kDownstreamEnd: return "DownstreamEnd";
    case AccessLogType::kDownstreamTunnelSuccessfullyEstablished:
      return "DownstreamTunnelSuccessfullyEstablished";
    case AccessLogType::kUpstreamPoolReady: return "UpstreamPoolReady";
    case AccessLogType::kUpstreamPeriodic: return "UpstreamPeriodic";
    case AccessLogType::kUpstreamEnd: return "UpstreamEnd";
  }
  return "NotSet";
}

}  // namespace remora
