#pragma once

#include "http/codec.h"
#include "http/h1_body_reader.h"
#include "http/h1_head.h"
#include "http/h1_writer.h"
#include "net/byte_queue.h"
#include "net/connection.h"

namespace remora {

struct H1ClientSettings {
  HeadLimits limits{80 * 1024, 100};
  bool enable_trailers = false;
  HeaderCase header_case;
};

/// HTTP/1.1, client side: one request at a time.
class H1ClientCodec final : public ClientCodec, private MessageSink {
 public:
  /// All borrowed.
  H1ClientCodec(Connection& connection, CreditAccount& account, ClientCodecEvents& owner,
                const H1ClientSettings& settings)
      : connection_(connection),
        account_(account),
        owner_(owner),
        settings_(settings) {}

  MessageSink& open(MessageEvents& response) override;
  [[nodiscard]] size_t capacity() const override { return stream_ == nullptr && reusable_ ? 1 : 0; }
  [[nodiscard]] size_t active_streams() const override { return stream_ != nullptr ? 1 : 0; }
  size_t receive(std::string_view bytes) override;
  void on_end() override;
  void on_connection_lost(Failure failure) override;

 private:
  enum class Reading : uint8_t { kHead, kBody, kUntilClose, kTunnel };

  size_t read_head(std::string_view bytes);
  size_t read_body(std::string_view bytes);
  void deliver_trailers();
  void final_head();
  void deliver(std::string_view bytes, bool end);
  void end_stream(StreamEnd end);
  void response_complete();
  size_t fail(Failure failure, size_t used);
  [[nodiscard]] bool stalled() const { return account_.exhausted(); }
  [[nodiscard]] bool head_is_cut() const { return reading_ == Reading::kHead && scanner_.begun(); }

  void send_informational(const HeaderMap& /*head*/) override {}  // requests have none
  void send_head(const HeaderMap& head, bool end) override;
  void send_body(BodyChunk chunk, bool end) override;
  void send_trailers(const HeaderMap& trailers) override;
  void reset(Failure failure) override;
  void finish_request(const HeaderMap* trailers);
  /// The request asks for a tunnel, and is not one (yet).
  [[nodiscard]] bool has_no_tunnel() const {
    return (upgrade_asked_ || connect_) && writer_.kind() == Framing::Kind::kNone;
  }
  void open_tunnel();
  void forget_early_bytes();
  void break_off();

  Connection& connection_;
  CreditAccount& account_;
  ClientCodecEvents& owner_;
  const H1ClientSettings& settings_;

  MessageEvents* stream_ = nullptr;
  Reading reading_ = Reading::kHead;
  HeadScanner scanner_;
  HeaderMap head_;
  ResponseHead response_;
  BodyReader body_;
  uint8_t informationals_ = 0;
  bool head_request_ = false;
  bool connect_ = false;
  bool upgrade_asked_ = false;
  bool request_done_ = false;
  bool reusable_ = true;
  BodyWriter writer_;
  ByteQueue early_;  // meant for the tunnel that is not granted yet
  Credit early_credit_;
};

}  // namespace remora
