#pragma once

#include <cstdint>
#include <string_view>

#include "http/h1_head.h"
#include "net/byte_queue.h"
#include "net/connection.h"
#include "remora/http/header_map.h"

namespace remora {

/// Serialises HTTP/1 messages from a framing decision. Nothing of the received bytes' own framing gets here.
/// The head that goes out is made of the map's fields, lower-case (or Proper-Case), in their order.
enum class HeaderCase : uint8_t { kLower, kProper };

/// Appends "HTTP/1.1 200 OK\r\n" and the fields; the caller adds framing fields and the empty line.
void write_status_line(ByteQueue& out, uint16_t status);
void write_request_line(ByteQueue& out, const HeaderMap& head);
/// Every regular field; `host` from :authority when `with_host`.
void write_fields(ByteQueue& out, const HeaderMap& headers, HeaderCase header_case, bool with_host);
void write_field(ByteQueue& out, std::string_view name, std::string_view value, HeaderCase header_case);

/// Writes one message's body in the chosen framing into a connection, with the credits of its chunks.
class BodyWriter {
 public:
  void start(Framing framing) {
    framing_ = framing;
    written_ = 0;
  }
  /// False if more than the announced length came: the message cannot be completed honestly.
  bool write(Connection& out, BodyChunk chunk);
  /// Ends the body; `trailers` may be null. False if less than the announced length came.
  bool finish(Connection& out, const HeaderMap* trailers, HeaderCase header_case);
  [[nodiscard]] Framing::Kind kind() const { return framing_.kind; }

 private:
  Framing framing_;
  uint64_t written_ = 0;
};

/// The standard reason phrase of a status; "Unknown" for others.
std::string_view reason_phrase(uint16_t status);

}  // namespace remora
