#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remora/core/address.h"

namespace remora {

/// Readers of a connection's first bytes. Each is shown all bytes that have come so far, from the first one
/// on, and answers without keeping anything: what is hostile costs no memory.

/// The most that a ClientHello may take on the wire, over all its records.
inline constexpr size_t kMaxClientHello = 16 * 1024;
/// The most that a PROXY header of version 2 may take, TLVs included.
inline constexpr size_t kMaxProxyHeader = 60 * 1024;
/// The most bytes in which a request line must end.
inline constexpr size_t kMaxRequestLine = 16 * 1024;

enum class Inspection : uint8_t {
  kMore,      ///< undecided: show more
  kFound,     ///< it is what was looked for
  kNotFound,  ///< it is something else
  kTooLarge,  ///< over its limit
};

/// What a TLS client asks for. Source: RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301.
struct TlsOffer {
  std::string server_name;             // lower-case; "": none
  std::vector<std::string> protocols;  // ALPN, in the client's order
};
/// kNotFound as well for a ClientHello that no TLS stack would take.
Inspection inspect_client_hello(std::string_view bytes, TlsOffer& offer);

enum class HttpVersion : uint8_t { kHttp10, kHttp11, kHttp2 };
/// An HTTP/2 preface or an HTTP/1 request line.
Inspection inspect_http(std::string_view bytes, HttpVersion& version);

/// A PROXY header. Source: haproxy's proxy-protocol.txt, versions 1 and 2.
struct ProxyHeader {
  enum class Version : uint8_t { kNone, kV1, kV2 };
  Version version = Version::kNone;  // known as soon as the bytes tell, also of what is refused
  size_t length = 0;                 // of the whole header, in bytes
  bool has_addresses = false;        // not for LOCAL and UNKNOWN: the socket's own then stand
  Address source;
  Address destination;
  std::vector<std::pair<uint8_t, std::string_view>> tlvs;  // point into the bytes
};
/// kNotFound: the bytes are no PROXY header, or a malformed one (then with its version).
Inspection inspect_proxy_header(std::string_view bytes, ProxyHeader& header);

}  // namespace remora
