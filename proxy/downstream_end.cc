#include <utility>

#include "downstream_connection.h"
#include "exchange.h"
#include "listener/connection_log.h"
#include "stats/http_stats.h"
#include "worker.h"

// How a connection ends: what the client does, what its timers do, drains, and the last bytes of an answer.

namespace remora {

void DownstreamConnection::before_response_head() {
  if (drain_sequence_) return;
  const auto most = http().max_requests_per_connection;
  if (most > 0 && requests_ >= most) {
    http_stats().add(kDownstreamCxMaxRequestsReached);
  } else if (keepalive_disabled() || draining_ || worker_.drain_closes(listener())) {
    http_stats().add(kDownstreamCxDrainClose);
  } else {
    return;
  }
  start_drain_sequence();
}

void DownstreamConnection::close_after_response() {
  if (!codec_.multiplexes()) codec_->start_drain();
}

/// HTTP/1: the present response says that it is the last. HTTP/2: a GOAWAY that takes what is still coming,
/// and after the drain time one that takes no more.
void DownstreamConnection::start_drain_sequence() {
  codec_->start_drain();
  if (!codec_.multiplexes() || closing_ || std::exchange(drain_sequence_, true)) return;
  worker_.arm(close_timer_, http().drain_timeout);
}

// The client has closed, or half-closed: as Envoy, nobody is taken to wait for an answer any more.
void DownstreamConnection::client_gone() {
  tell_exchanges_gone(Failure::kDownstreamDisconnect, kDownstreamCxDestroyRemoteActiveRq);
  closed(true);
}

void DownstreamConnection::tell_exchanges_gone(Failure failure, size_t by_whom) {
  bool active = false;
  for (const auto& exchange : exchanges_) {
    if (exchange->over()) continue;
    active = true;
    exchange->on_downstream_gone(failure);
  }
  if (!active) return;
  http_stats().add(kDownstreamCxDestroyActiveRq);
  http_stats().add(by_whom);
}

// The rest of the output goes out, then FIN; what the client still sends is read and thrown away for a while,
// since a reset would destroy the answer on its way.
void DownstreamConnection::begin_close() {
  if (std::exchange(closing_, true) || closed_) return;
  idle_timer_.cancel();
  head_timer_.cancel();
  connection_.shutdown_write();
  if (connection_.unsent() == 0 && http().delayed_close_timeout.count() == 0) {
    closed(false);
    return;
  }
  if (connection_.reading_paused()) connection_.resume_reading();
  worker_.arm(close_timer_, http().delayed_close_timeout.count() > 0 ? http().delayed_close_timeout
                                                                     : http().stream_idle_timeout);
}

void DownstreamConnection::on_delayed_close() {
  if (!closing_ && codec_.multiplexes()) {
    codec_->finish_drain();
    return;
  }
  if (!closing_) {
    begin_close();  // the rest of the request did not come in time
    return;
  }
  if (connection_.unsent() > 0) {
    // Still being read by a slow client: that is progress enough for one more round.
    worker_.arm(close_timer_,
                http().stream_idle_timeout.count() > 0 ? http().stream_idle_timeout : Milliseconds(60000));
    return;
  }
  http_stats().add(kDownstreamCxDelayedCloseTimeout);
  closed(false);
}

void DownstreamConnection::on_handshake_timeout() {
  chain_->listener_stats().add(kListenerCxTransportSocketConnectTimeout);
  closed(false);
}

void DownstreamConnection::on_idle_timeout() {
  http_stats().add(kDownstreamCxIdleTimeout);
  if (codec_.multiplexes() && !draining_) {
    drain(Milliseconds(0));  // streams may be on their way
    return;
  }
  closed(false);
}

void DownstreamConnection::on_head_timeout() {
  if (!codec_) {
    codec_.choose_http1(http(), codec_parts());
    count_codec();
  }
  codec_->refuse_head({408, "request_header_timeout"});
}

void DownstreamConnection::on_max_duration() {
  if (ends_with_timer_) {
    close_now();
    return;
  }
  http_stats().add(kDownstreamCxMaxDurationReached);
  drain(Milliseconds(0));
}

void DownstreamConnection::drain(Milliseconds at_most) {
  draining_ = true;
  if (at_most.count() > 0) {
    ends_with_timer_ = true;
    worker_.arm(duration_timer_, at_most);
  }
  if (codec_.multiplexes() && !closing_ && !drain_sequence_) {
    http_stats().add(kDownstreamCxDrainClose);
    start_drain_sequence();
  }
  if (open_ && exchanges_.empty() && !closing_ && (!codec_ || !codec_->busy())) await_request();
}

void DownstreamConnection::close_now() {
  tell_exchanges_gone(Failure::kLocalReset, kDownstreamCxDestroyLocalActiveRq);
  closed(false);
}

void DownstreamConnection::closed(bool remote) {
  if (std::exchange(closed_, true)) return;
  connection_.close();
  for (auto* timer : {&idle_timer_, &head_timer_, &duration_timer_, &close_timer_, &handshake_timer_})
    timer->cancel();
  while (!exchanges_.empty()) end_exchange(nullptr);
  own_pools_.end();
  count_active(false);
  auto& stats = http_stats();
  stats.add(kDownstreamCxDestroy);
  stats.add(remote ? kDownstreamCxDestroyRemote : kDownstreamCxDestroyLocal);
  const auto age = elapsed_ms(accepted_, worker_.clock().now());
  stats.record(kDownstreamCxLengthMs, age);
  chain_->listener_stats().sub(kListenerCxActive);
  chain_->worker_stats().sub(kWorkerCxActive);
  received_.report(stats, kDownstreamCxRxBytesBuffered, 0);
  unsent_.report(stats, kDownstreamCxTxBytesBuffered, 0);
  chain_->listener_stats().add(kListenerCxDestroy);
  chain_->listener_stats().record(kListenerCxLengthMs, age);
  log_http_connection(worker_, *listener_, peer_, id_, accepted_);
  worker_.remove_connection(*this);
}

}  // namespace remora
