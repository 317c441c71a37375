#include "upstream_try.h"

#include "upstream/upstream_connection.h"

namespace remora {

void UpstreamTry::begin_log(ExchangeInfo info, const RouterConfig& router, Reactor& reactor) {
  if (log_ == nullptr) log_ = std::make_unique<TryLog>(owner_, reactor);
  log_->begin(std::move(info), router);
}

void UpstreamTry::flag(ResponseFlag flag) {
  if (auto* log = this->log()) log->flag(flag);
}

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
  if (auto* log = this->log()) log->end();
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
  if (auto* log = this->log()) {
    const auto protocol = pool_->tcp()               ? Protocol::kNone
                          : connection.multiplexes() ? Protocol::kHttp2
                                                     : Protocol::kHttp11;
    sink_ = &log->on_stream(request, protocol, local_address_, tls());
  }
  owner_.on_try_ready(*this, *sink_);
}

void UpstreamTry::on_no_stream(Failure failure, std::string_view transport_failure) {
  if (auto* log = this->log()) log->on_failure(failure, transport_failure);
  owner_.on_try_failed(*this, failure, transport_failure);
}

void UpstreamTry::on_informational(HeaderMap& head) {
  used_connection_ = false;  // it did stand: what befalls it from now on is no race with its end
  owner_.on_try_informational(head);
}

void UpstreamTry::on_head(HeaderMap& head, bool end) {
  response_begun_ = true;
  if (auto* log = this->log()) log->on_head(head, end);
  if (end) sink_ = nullptr;  // from here on the stream belongs to nobody
  owner_.on_try_head(*this, head, end);
}

void UpstreamTry::on_body(BodyChunk chunk, bool end) {
  if (auto* log = this->log()) log->on_body(chunk.bytes.size(), end);
  if (end) sink_ = nullptr;
  owner_.on_try_body(std::move(chunk), end);
}

void UpstreamTry::on_trailers(HeaderMap& trailers) {
  if (auto* log = this->log()) log->on_trailers(trailers);
  sink_ = nullptr;
  owner_.on_try_trailers(trailers);
}

void UpstreamTry::on_reset(Failure failure) {
  sink_ = nullptr;
  // Where a server refuses our certificate behind its handshake, this says why.
  const auto why = failure == Failure::kConnectFailure ? pool_->transport_failure() : std::string_view();
  if (auto* log = this->log()) log->on_failure(failure, why);
  owner_.on_try_failed(*this, failure, why);
}

}  // namespace remora
