#pragma once

#include <cstdint>
#include <string_view>

#include "remora/http/header_map.h"

namespace remora {

/// Strict parsing of HTTP/1 heads: one framing decision per message, made here, once, on the head that is
/// forwarded. The codec serialises anew from that decision; the bytes that led to it go no further. Sources:
/// RFC 9112, RFC 9110, and the verdicts listed in ARCHITECTURE.md ("Strict HTTP/1").

/// Where the body ends.
struct Framing {
  enum class Kind : uint8_t { kNone, kLength, kChunked, kUntilClose, kTunnel };
  Kind kind = Kind::kNone;
  uint64_t length = 0;  // kLength, never 0
};

/// Why a head was refused. `status` is what a client is answered with; `detail` is Envoy-style, for logs.
struct HeadError {
  uint16_t status = 0;  // 0: no error
  std::string_view detail{};
  [[nodiscard]] bool failed() const { return status != 0; }
};

struct HeadLimits {
  size_t max_bytes = 60 * 1024;
  size_t max_fields = 100;
};

/// Looks for the end of a head as bytes arrive, each byte once, and refuses line ends that are not CRLF on
/// sight.
class HeadScanner {
 public:
  enum class State : uint8_t { kMore, kComplete, kBad };
  /// `bytes` starts where the head starts and only ever grows between calls.
  State scan(std::string_view bytes);
  /// Only after kComplete: length of the head with its closing empty line.
  [[nodiscard]] size_t size() const { return position_; }
  /// Something of a head has come.
  [[nodiscard]] bool begun() const { return position_ > 0; }
  void reset() { position_ = line_start_ = 0; }

 private:
  size_t position_ = 0;
  size_t line_start_ = 0;
};

struct RequestHead {
  uint8_t minor_version = 1;  // HTTP/1.<minor>
  Framing framing;
  bool keep_alive = true;
  bool upgrade = false;  // asks for an upgrade: `upgrade` and `connection: upgrade` are kept in the map
};

struct RequestRules {
  HeadLimits limits;
  bool allow_absolute_url = true;
  bool accept_http_10 = false;
  std::string_view default_host_for_http_10{};
};

/// Parses a complete head into `headers` (emptied before): pseudo headers :method, :path, :authority, then
/// the fields, without the hop-by-hop ones.
HeadError parse_request_head(std::string_view head, const RequestRules& rules, HeaderMap& headers,
                             RequestHead& parsed);

struct ResponseHead {
  uint8_t minor_version = 1;
  uint16_t status = 0;
  Framing framing;
  bool keep_alive = true;
};

/// Parses a complete response head: :status, then the fields. `to_head`: it answers a HEAD request;
/// `upgrade_asked`: 101 makes it a tunnel; `connect`: 2xx does. Errors carry status 502.
HeadError parse_response_head(std::string_view head, const HeadLimits& limits, bool to_head,
                              bool upgrade_asked, bool connect, HeaderMap& headers, ResponseHead& parsed);

/// Parses the fields of a trailer section (lines and the closing empty line). Framing fields are refused.
HeadError parse_trailers(std::string_view section, const HeadLimits& limits, HeaderMap& trailers);

}  // namespace remora
