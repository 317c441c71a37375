#include "http/tcp_client_codec.h"

#include <utility>

namespace remora {

TcpClientCodec::TcpClientCodec(Connection& connection, Reactor& reactor, CreditAccount& account,
                               ClientCodecEvents& owner)
    : connection_(connection),
      reactor_(reactor),
      account_(account),
      owner_(owner),
      grant_timer_(timer_calls<&TcpClientCodec::grant>, this) {}

MessageSink& TcpClientCodec::open(MessageEvents& response) {
  stream_ = &response;
  used_ = true;
  return *this;
}

/// Later than the request's head: nobody is answered from within a call.
void TcpClientCodec::send_head(const HeaderMap& /*head*/, bool end) {
  writer_.start({Framing::Kind::kTunnel, 0});
  reactor_.arm(grant_timer_, Milliseconds(0));
  if (end) connection_.shutdown_write();
}

void TcpClientCodec::grant() {
  if (stream_ == nullptr || std::exchange(granted_, true)) return;
  grant_timer_.cancel();
  HeaderMap head;
  head.add(HeaderId::kStatus, "200");
  stream_->on_head(head, false);
}

size_t TcpClientCodec::receive(std::string_view bytes) {
  grant();
  if (stream_ == nullptr) return bytes.size();
  if (account_.exhausted()) return 0;
  deliver(bytes, false);
  return bytes.size();
}

void TcpClientCodec::deliver(std::string_view bytes, bool end) {
  auto* stream = stream_;
  Credit credit = bytes.empty() ? Credit() : Credit(account_, bytes.size());
  if (end) end_stream(StreamEnd::kComplete);
  stream->on_body({bytes, std::move(credit)}, end);
  if (account_.exhausted()) connection_.pause_reading();
}

void TcpClientCodec::on_end() {
  grant();
  if (stream_ != nullptr) deliver({}, true);
}

void TcpClientCodec::on_connection_lost(Failure failure) {
  grant_timer_.cancel();
  if (auto* stream = std::exchange(stream_, nullptr)) stream->on_reset(failure);
}

void TcpClientCodec::end_stream(StreamEnd end) {
  grant_timer_.cancel();
  owner_.on_stream_done(*std::exchange(stream_, nullptr), end);
}

void TcpClientCodec::send_body(BodyChunk chunk, bool end) {
  writer_.write(connection_, std::move(chunk));
  if (end) connection_.shutdown_write();
}

void TcpClientCodec::send_trailers(const HeaderMap& /*trailers*/) { connection_.shutdown_write(); }

void TcpClientCodec::reset(Failure /*failure*/) {
  if (stream_ != nullptr) end_stream(StreamEnd::kCutLocally);
}

}  // namespace remora
