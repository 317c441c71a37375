#pragma once

#include "http/codec.h"
#include "http/h1_body_reader.h"
#include "http/h1_head.h"
#include "http/h1_writer.h"
#include "http/header_map_pool.h"
#include "net/connection.h"

namespace remora {

struct H1ServerSettings {
  RequestRules rules;
  bool enable_trailers = false;
  HeaderCase header_case;
};

/// HTTP/1.0 and 1.1, server side: one request at a time; what the client pipelines waits in the connection.
class H1ServerCodec final : public ServerCodec, private MessageSink {
 public:
  /// All borrowed: the connection written to, the account that body bytes are charged to, who serves
  /// requests, where the memory of heads comes from.
  H1ServerCodec(Connection& connection, CreditAccount& account, ServerCodecEvents& owner,
                const H1ServerSettings& settings, HeaderMapPool& heads)
      : connection_(connection),
        account_(account),
        owner_(owner),
        settings_(settings),
        heads_(heads) {}

  size_t receive(std::string_view bytes) override;
  bool on_end() override;
  void start_drain() override { draining_ = true; }
  [[nodiscard]] bool busy() const override { return stream_ != nullptr || discarding_; }
  [[nodiscard]] bool inside_head() const override { return head_begun_; }
  void refuse_head(HeadError error) override { refuse(error); }

 private:
  enum class Reading : uint8_t { kHead, kBody, kAwaitUpgrade, kTunnel, kDone, kIgnore };

  size_t read_head(std::string_view bytes);
  size_t read_body(std::string_view bytes);
  void open_stream();
  void refuse(HeadError error);
  void body_error();
  void deliver(std::string_view bytes, bool end);
  void request_complete() { reading_ = Reading::kDone; }
  [[nodiscard]] bool stalled() const { return account_.exhausted(); }

  void send_informational(const HeaderMap& head) override;
  void send_head(const HeaderMap& head, bool end) override;
  void send_body(BodyChunk chunk, bool end) override;
  void send_trailers(const HeaderMap& trailers) override;
  void reset(Failure failure) override;
  Framing response_framing(const HeaderMap& head, uint16_t status, bool end);
  void write_framing_fields(const HeaderMap& head, uint16_t status, bool end);
  void finish_response(const HeaderMap* trailers);
  void finish_stream(bool reusable);
  void discard(size_t size);

  Connection& connection_;
  CreditAccount& account_;
  ServerCodecEvents& owner_;
  const H1ServerSettings& settings_;
  HeaderMapPool& heads_;

  MessageEvents* stream_ = nullptr;
  Reading reading_ = Reading::kHead;
  HeadScanner scanner_;
  HeaderMap head_;
  RequestHead request_;
  BodyReader body_;
  bool head_begun_ = false;
  bool head_request_ = false;  // the request is a HEAD
  bool connect_ = false;       // the request is a CONNECT
  bool draining_ = false;
  bool close_after_ = false;
  bool discarding_ = false;  // the answer is complete, the rest of the request is thrown away
  size_t discarded_ = 0;
  BodyWriter writer_;
};

}  // namespace remora
