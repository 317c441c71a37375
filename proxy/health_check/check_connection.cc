#include "health_check/check_connection.h"

#include <cstring>
#include <utility>

namespace remora {

CheckConnection::CheckConnection(std::shared_ptr<CheckedCluster> cluster, CheckConnectionOwner& owner,
                                 bool http2)
    : cluster_(std::move(cluster)),
      owner_(owner),
      connection_(cluster_->reactor, *this),
      account_(CreditAccount::make(this, cluster_->runtime->config->buffer_limit)),
      http2_(http2) {}

CheckConnection::~CheckConnection() {
  account_->detach();
  account_->release_reference();
}

MessageSink* CheckConnection::open(MessageEvents& response) {
  return reusable() && codec_->capacity() > 0 ? &codec_->open(response) : nullptr;
}

void CheckConnection::close() {
  closed_ = true;
  connection_.close();
}

void CheckConnection::on_connected() {
  codec_ = http2_ ? cluster_->codecs.http2(connection_, cluster_->reactor, *this)
                  : cluster_->codecs.http1(connection_, *account_, *this);
  owner_.on_ready();
}

size_t CheckConnection::on_bytes(std::string_view bytes) {
  if (!http2_ && !codec_->busy()) {
    lose("bytes that nobody asked for");
    return bytes.size();
  }
  return codec_->receive(bytes);
}

void CheckConnection::on_end() {
  if (codec_->busy()) codec_->on_end();
  if (!closed_) lose("the host closed the connection");
}

void CheckConnection::on_error(int error) {
  const std::string transport(connection_.transport_failure());
  lose(transport.empty() ? std::strerror(error) : transport);
}

void CheckConnection::on_written(size_t /*bytes*/, bool /*all*/) {
  if (codec_) codec_->on_output_sent();
}

/// Comes before the message's own end is told: the connection must not be closed from here.
void CheckConnection::on_stream_done(MessageEvents& /*response*/, StreamEnd end) {
  if (!http2_ && end != StreamEnd::kReusable) spent_ = true;
}

void CheckConnection::on_going_away() {
  spent_ = true;
  if (!codec_->busy()) lose("the host goes away");
}

void CheckConnection::on_connection_failed(Failure /*failure*/) {
  connection_.flush_now();  // the GOAWAY that says why
  lose("the host broke the protocol");
}

void CheckConnection::lose(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  connection_.close();
  if (codec_) codec_->on_connection_lost(Failure::kConnectionTermination);
  owner_.on_closed(why);
}

}  // namespace remora
