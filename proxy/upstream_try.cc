#include "upstream_try.h"

#include "upstream/upstream_connection.h"

namespace remora {

void UpstreamTry::start(LocalRef<HostPool> pool, bool high_priority) {
  pool_ = std::move(pool);
  host_ = pool_->host();
  started_ = pool_->cluster().context().reactor.clock().now();
  used_connection_ = false;
  response_begun_ = false;
  const auto held = pool_;  // an answer from within may start the next attempt elsewhere
  held->open(*this, high_priority);
}

void UpstreamTry::abandon() {
  cancel_wait();
  if (auto* sink = std::exchange(sink_, nullptr)) sink->reset(Failure::kLocalReset);
}

void UpstreamTry::clear() {
  host_.reset();
  pool_.reset();
  tls_.reset();
}

void UpstreamTry::on_stream(MessageSink& request, UpstreamConnection& connection) {
  sink_ = &request;
  started_ = pool_->cluster().context().reactor.clock().now();
  used_connection_ = connection.was_resting();
  local_address_ = connection.local_address();
  tls_ = connection.tls();
  owner_.on_try_ready(*this, request);
}

void UpstreamTry::on_no_stream(Failure failure, std::string_view transport_failure) {
  owner_.on_try_failed(*this, failure, transport_failure);
}

void UpstreamTry::on_informational(HeaderMap& head) {
  used_connection_ = false;  // it did stand: what befalls it from now on is no race with its end
  owner_.on_try_informational(head);
}

void UpstreamTry::on_head(HeaderMap& head, bool end) {
  response_begun_ = true;
  if (end) sink_ = nullptr;  // from here on the stream belongs to nobody
  owner_.on_try_head(*this, head, end);
}

void UpstreamTry::on_body(BodyChunk chunk, bool end) {
  if (end) sink_ = nullptr;
  owner_.on_try_body(std::move(chunk), end);
}

void UpstreamTry::on_trailers(HeaderMap& trailers) {
  sink_ = nullptr;
  owner_.on_try_trailers(trailers);
}

void UpstreamTry::on_reset(Failure failure) {
  sink_ = nullptr;
  // Where a server refuses our certificate behind its handshake, this says why.
  owner_.on_try_failed(*this, failure,
                       failure == Failure::kConnectFailure ? pool_->transport_failure() : std::string_view());
}

}  // namespace remora
