#include "try_log.h"

#include <utility>

namespace remora {
namespace {

/// What is left of a request's info where it is told of one attempt: the request, its client and its route.
ExchangeInfo of_attempt(ExchangeInfo info) {
  info.request_received = {};
  info.upstream_first_sent = info.upstream_last_sent = {};
  info.upstream_first_received = info.upstream_last_received = {};
  info.downstream_first_sent = info.end = {};
  info.request_body_bytes = info.response_body_bytes = info.response_header_bytes = 0;
  info.response_code = 0;
  info.protocol = Protocol::kNone;
  info.flags.clear();
  info.details = info.upstream_transport_failure = info.termination_details = {};
  info.details_storage.clear();
  info.upstream_tls = nullptr;
  info.upstream_local = nullptr;
  info.virtual_cluster = nullptr;
  info.dynamic_metadata = nullptr;
  info.filter_state = nullptr;
  info.downstream_peer = info.upstream_peer = nullptr;
  info.response = info.response_trailers = nullptr;
  info.grpc_messages.reset();
  info.upgraded = false;
  return info;
}

}  // namespace

void TryLog::begin(ExchangeInfo info, const RouterConfig& router) {
  router_ = &router;
  info_ = of_attempt(std::move(info));
  info_.start_wall = reactor_.clock().wall();
  info_.start = reactor_.clock().now();
  if (router.log_interval.count() > 0) reactor_.arm(timer_, router.log_interval);
}

MessageSink& TryLog::on_stream(MessageSink& request, Protocol protocol, const Address& local,
                               const TlsInfo* tls) {
  sink_ = &request;
  info_.protocol = protocol;
  info_.upstream_local = &local;
  info_.upstream_tls = tls;
  if (router_->log_upstream_streams) write(AccessLogType::kUpstreamPoolReady);
  return *this;
}

void TryLog::on_head(const HeaderMap& head, bool end) {
  head_ = head;
  info_.response = &head_;
  info_.response_code = head_.status();
  info_.response_header_bytes = head_.byte_size();
  info_.upstream_first_received = reactor_.clock().now();
  if (end) complete();
}

/// Envoy counts from the proxy's side: what it has received here comes from the upstream.
void TryLog::on_body(size_t bytes, bool end) {
  info_.request_body_bytes += bytes;
  if (end) complete();
}

void TryLog::on_trailers(const HeaderMap& trailers) {
  trailers_ = trailers;
  info_.response_trailers = &trailers_;
  complete();
}

void TryLog::on_failure(Failure failure, std::string_view transport_failure) {
  info_.flags.set(failure_info(failure).flag);
  info_.details_storage = transport_failure;
  info_.upstream_transport_failure = info_.details_storage;
  end();
}

void TryLog::complete() {
  info_.upstream_last_received = reactor_.clock().now();
  end();
}

void TryLog::end() {
  timer_.cancel();
  info_.end = reactor_.clock().now();
  write(AccessLogType::kUpstreamEnd);
  router_ = nullptr;
  sink_ = nullptr;
}

void TryLog::send_head(const HeaderMap& head, bool end) {
  info_.upstream_first_sent = reactor_.clock().now();
  sent(end);
  sink_->send_head(head, end);
}

void TryLog::send_body(BodyChunk chunk, bool end) {
  info_.response_body_bytes += chunk.bytes.size();
  sent(end);
  sink_->send_body(std::move(chunk), end);
}

void TryLog::send_trailers(const HeaderMap& trailers) {
  sent(true);
  sink_->send_trailers(trailers);
}

void TryLog::sent(bool end) {
  if (end) info_.upstream_last_sent = reactor_.clock().now();
}

void TryLog::write(AccessLogType type) {
  info_.log_type = type;
  if (type != AccessLogType::kUpstreamEnd) info_.end = reactor_.clock().now();
  writer_.log_try(info_);
}

void TryLog::on_interval() {
  write(AccessLogType::kUpstreamPeriodic);
  reactor_.arm(timer_, router_->log_interval);
}

}  // namespace remora
