#pragma once

#include "http/codec.h"
#include "http/h1_writer.h"
#include "net/connection.h"
#include "net/reactor.h"

namespace remora {

/// A tunnel whose upstream speaks TCP, not HTTP: the head of the request is granted here (200), its body goes
/// out as it is, and what comes back is the body of the response. One stream in all, then the connection is
/// done. Source: Envoy, RouteAction.UpgradeConfig.ConnectConfig.
class TcpClientCodec final : public ClientCodec, private MessageSink {
 public:
  /// All borrowed.
  TcpClientCodec(Connection& connection, Reactor& reactor, CreditAccount& account, ClientCodecEvents& owner);

  MessageSink& open(MessageEvents& response) override;
  [[nodiscard]] size_t capacity() const override { return used_ ? 0 : 1; }
  [[nodiscard]] size_t active_streams() const override { return stream_ != nullptr ? 1 : 0; }
  size_t receive(std::string_view bytes) override;
  void on_end() override;
  void on_connection_lost(Failure failure) override;

 private:
  void grant();
  void deliver(std::string_view bytes, bool end);
  void end_stream(StreamEnd end);

  void send_informational(const HeaderMap& /*head*/) override {}  // requests have none
  void send_head(const HeaderMap& head, bool end) override;
  void send_body(BodyChunk chunk, bool end) override;
  void send_trailers(const HeaderMap& trailers) override;
  void reset(Failure failure) override;

  Connection& connection_;
  Reactor& reactor_;
  CreditAccount& account_;
  ClientCodecEvents& owner_;
  Timer grant_timer_;
  MessageEvents* stream_ = nullptr;
  BodyWriter writer_;
  bool used_ = false;
  bool granted_ = false;
};

}  // namespace remora
