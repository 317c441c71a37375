#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/h2_header.h"
#include "net/byte_queue.h"
#include "remora/core/clock.h"
#include "remora/http/header_map.h"
#include "remora/http/stream.h"

namespace remora {

class H2Session;

/// One HTTP/2 stream: what is being read of its message, and what waits to be written. Its session does the
/// work; a stream is memory, used again for other streams of the same thread (take, give).
class H2Stream final : public MessageSink, private BodySource {
 public:
  H2Stream() = default;
  ~H2Stream() override;
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;

  /// A fresh stream; `limit`: how many bytes of its incoming body may be in flight.
  static std::unique_ptr<H2Stream> take(H2Session& session, size_t limit);
  static void give(std::unique_ptr<H2Stream> stream);

  void send_informational(const HeaderMap& head) override;
  void send_head(const HeaderMap& head, bool end) override;
  void send_body(BodyChunk chunk, bool end) override;
  void send_trailers(const HeaderMap& trailers) override;
  void reset(Failure failure) override;

 private:
  friend class H2Session;
  friend class H2ServerCodec;
  friend class H2ClientCodec;
  friend struct H2Callbacks;

  void on_window_open() override;
  void use(H2Session& session, size_t limit);
  void forget();

  H2Session* session_ = nullptr;
  MessageEvents* events_ = nullptr;  // null: nobody listens (yet, or any more)
  size_t place_ = 0;                 // in its session's list
  int32_t id_ = -1;                  // -1: not on the wire yet
  uint32_t reset_code_ = 0;
  MonotonicTime opened_{};

  // Arriving.
  HeaderMap section_;  // the head, then the trailers
  H2SectionReader reader_;
  CreditAccount* account_ = nullptr;
  size_t unannounced_ = 0;  // received bytes that no WINDOW_UPDATE has returned, since too many are in flight
  uint64_t body_left_ = 0;  // what content-length still promises
  uint64_t frame_left_ = 0;  // what is to come of the present DATA frame, where that is known
  bool length_known_ = false;
  bool head_read_ = false;  // the final head; sections from here on are trailers
  bool remote_ended_ = false;
  bool reset_by_peer_ = false;
  bool too_large_ = false;  // a section went over its limits

  // Leaving.
  ByteQueue queue_;
  Credit credit_;          // of what the queue holds
  HeaderMap trailers_;     // to be sent behind the body
  MonotonicTime moved_{};  // when something of it left last, or its end came
  uint8_t informationals_ = 0;
  bool head_sent_ = false;
  bool local_ended_ = false;  // the whole message is here
  bool end_sent_ = false;     // and has left
  bool has_trailers_ = false;
  bool dying_ = false;         // given up, but not before the turn has gathered what there is of it
  bool deferred_ = false;      // nghttp2 waits to be told of more body
  bool drops_body_ = false;    // an answer that cannot have one
  bool head_request_ = false;  // the request is a HEAD
  bool upgrade_ = false;       // an extended CONNECT
  bool only_answers_ = false;  // its request was refused; what else comes of it is not passed on
  std::string upgrade_type_;   // what the client asked to upgrade to
};

}  // namespace remora
