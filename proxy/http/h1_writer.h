#pragma once

#include <cstdint>
#include <string_view>

#include "http/h1_head.h"
#include "net/byte_queue.h"
#include "net/connection.h"
#include "remora/http/header_map.h"

namespace remora {

/// Serialises HTTP/1 messages from a framing decision. Nothing of the received bytes' own framing gets here.
/// The head that goes out is made of the map's fields in their order: spelled as they came where the map
/// keeps that, else lower-case or Proper-Case.

/// "HTTP/1.1 200 OK\r\n", with the head's own reason where it keeps one.
void write_status_line(ByteQueue& out, const HeaderMap& head);
void write_request_line(ByteQueue& out, const HeaderMap& head);
/// Every regular field; `host` from :authority when `with_host`.
void write_fields(ByteQueue& out, const HeaderMap& headers, HeaderCase::Style style, bool with_host);
/// One that is not in `headers`, but written as they are.
void write_field(ByteQueue& out, const HeaderMap& headers, std::string_view name, std::string_view value,
                 HeaderCase::Style style);

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
  bool finish(Connection& out, const HeaderMap* trailers, HeaderCase::Style style);
  [[nodiscard]] Framing::Kind kind() const { return framing_.kind; }

 private:
  Framing framing_;
  uint64_t written_ = 0;
};

/// The standard reason phrase of a status; "Unknown" for others.
std::string_view reason_phrase(uint16_t status);

}  // namespace remora
