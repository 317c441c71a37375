#include "downstream_connection.h"

#include <algorithm>
#include <utility>

#include "exchange.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {
namespace {

// How long the rest of an already answered request is waited for.
constexpr Milliseconds kDiscardTime{1000};

}  // namespace

DownstreamConnection::DownstreamConnection(Worker& worker, LocalRef<WorkerListener> listener,
                                           LocalRef<WorkerChain> chain, const AcceptedSocket& socket,
                                           std::unique_ptr<Transport> transport)
    : WorkerConnection(std::move(listener), std::move(chain)),
      worker_(worker),
      http_(chain_->http()),
      id_(worker.next_connection_id()),
      peer_(socket),
      connection_(worker.reactor(), *this),
      account_(CreditAccount::make(this, buffer_limit())),
      accepted_(worker.clock().now()),
      idle_timer_(timer_calls<&DownstreamConnection::on_idle_timeout>, this),
      head_timer_(timer_calls<&DownstreamConnection::on_head_timeout>, this),
      duration_timer_(timer_calls<&DownstreamConnection::on_max_duration>, this),
      close_timer_(timer_calls<&DownstreamConnection::on_delayed_close>, this),
      handshake_timer_(timer_calls<&DownstreamConnection::on_handshake_timeout>, this) {
  const bool plain = transport == nullptr;
  connection_.adopt(socket.fd, std::move(transport));
  peer_.tls = !plain;
  count_active(true);
  http_stats().add(kDownstreamCxTotal);
  chain_->listener_stats().add(kListenerCxTotal);
  chain_->listener_stats().add(kListenerCxActive);
  chain_->worker_stats().add(kWorkerCxTotal);
  chain_->worker_stats().add(kWorkerCxActive);
  if (plain) {
    begin_http();
    return;
  }
  http_stats().add(kDownstreamCxSslTotal);
  worker_.arm(handshake_timer_, chain_->runtime().handshake_time());
}

// The handshake is over.
void DownstreamConnection::on_connected() {
  handshake_timer_.cancel();
  peer_.tls_info = connection_.tls();
  if (!peer_.tls_info->sni.empty()) peer_.server_name = peer_.tls_info->sni;
  begin_http();
}

void DownstreamConnection::begin_http() {
  open_ = true;
  if (!ends_with_timer_ && http().max_connection_duration.count() > 0)
    worker_.arm(duration_timer_, http().max_connection_duration);
  await_request();
}

DownstreamConnection::~DownstreamConnection() {
  account_->detach();
  account_->release_reference();
}

LocalRef<WorkerRoutes> DownstreamConnection::routes() const {
  return http_->inline_routes() ? http_->inline_routes() : worker_.find_routes(http().rds_name);
}

size_t DownstreamConnection::buffer_limit() const { return http_->runtime().buffer_limit; }

void DownstreamConnection::count_listener_response(uint16_t status) {
  http_->responses().add(kListenerRqCompleted);
  http_->responses().add(class_stat(kListenerRq1xx, status));
}

// A connection between requests waits for the idle timeout, and for a head that has begun for its own.
void DownstreamConnection::await_request() {
  auto timeout = http().idle_timeout;
  if (draining_ && (timeout.count() == 0 || timeout > http().drain_timeout)) timeout = http().drain_timeout;
  if (timeout.count() > 0) worker_.arm(idle_timer_, timeout);
}

DownstreamCodec::Parts DownstreamConnection::codec_parts() {
  return {connection_,    worker_.reactor(), *account_,
          *this,          worker_.heads(),   *chain_->runtime().http2_stats,
          worker_.shard()};
}

bool DownstreamConnection::choose_codec(std::string_view bytes) {
  if (!codec_.choose(http(), bytes, codec_parts())) return false;
  count_codec();
  return true;
}

void DownstreamConnection::count_codec() {
  http_stats().add(codec_.multiplexes() ? kDownstreamCxHttp2Total : kDownstreamCxHttp1Total);
  http_stats().add(codec_.multiplexes() ? kDownstreamCxHttp2Active : kDownstreamCxHttp1Active);
}

void DownstreamConnection::watch_head() {
  if (codec_ && !codec_->inside_head()) {
    head_timer_.cancel();
  } else if (!head_timer_.armed() && http().request_headers_timeout.count() > 0) {
    worker_.arm(head_timer_, http().request_headers_timeout);
  }
}

size_t DownstreamConnection::on_bytes(std::string_view bytes) {
  http_stats().add(kDownstreamCxRxBytesTotal, bytes.size());
  size_t used = 0;
  if (codec_ || choose_codec(bytes)) used = codec_->receive(bytes);
  if (closed_) return bytes.size();
  received_.report(http_stats(), kDownstreamCxRxBytesBuffered, bytes.size() - used);
  watch_head();
  if (account_->exhausted()) {
    connection_.pause_reading();
    http_stats().add(kDownstreamFlowControlPaused);
  } else if (used < bytes.size() && codec_ && codec_->busy() &&
             connection_.kept_bytes() + bytes.size() - used > Reactor::kScratchBytes) {
    connection_.pause_reading();  // pipelined requests wait in the kernel, not here
  }
  return used;
}

MessageEvents& DownstreamConnection::on_request_stream(MessageSink& response, Protocol protocol) {
  return begin_exchange(response, protocol);
}

Exchange& DownstreamConnection::begin_exchange(MessageSink& response, Protocol protocol) {
  idle_timer_.cancel();
  const bool alone = exchanges_.empty();  // requests under way keep what they began with
  if (alone && !closing_ && http_.get() != chain_->http().get()) {
    count_active(false);
    http_ = chain_->http();
    count_active(true);
    codec_.take_settings(http_->config());
  }
  ++requests_;
  exchanges_.push_back(worker_.take_exchange());
  Exchange& exchange = *exchanges_.back();
  exchange.begin(*this, response, protocol);
  return exchange;
}

/// Moves the gauges of what this connection is, when it begins, ends or changes its connection manager.
void DownstreamConnection::count_active(bool more) {
  auto& stats = http_stats();
  const auto count = [&stats, more](size_t stat) { more ? stats.add(stat) : stats.sub(stat); };
  count(kDownstreamCxActive);
  if (codec_) count(codec_.multiplexes() ? kDownstreamCxHttp2Active : kDownstreamCxHttp1Active);
  if (peer_.tls) count(kDownstreamCxSslActive);
}

/// The one that receives `request`; without a name, the one that began last.
void DownstreamConnection::end_exchange(MessageEvents* request) {
  auto ended = std::find_if(exchanges_.begin(), exchanges_.end(),
                            [request](const auto& exchange) { return exchange.get() == request; });
  if (request == nullptr && !exchanges_.empty()) ended = exchanges_.end() - 1;
  if (ended == exchanges_.end()) return;
  std::swap(*ended, exchanges_.back());
  auto exchange = std::move(exchanges_.back());
  exchanges_.pop_back();
  worker_.recycle(std::move(exchange));
}

MessageEvents& DownstreamConnection::on_bad_request(HeadError error, MessageSink& response,
                                                    Protocol protocol) {
  head_timer_.cancel();
  auto& exchange = begin_exchange(response, protocol);
  exchange.refuse(error);
  return exchange;
}

void DownstreamConnection::on_connection_failed(CodecFault fault) {
  if (fault == CodecFault::kKeepalive) {
    close_now();  // nobody is there to be told anything
    return;
  }
  http_stats().add(fault == CodecFault::kPrematureResets ? kDownstreamRqTooManyPrematureResets
                                                         : kDownstreamCxProtocolError);
  tell_exchanges_gone(Failure::kDownstreamProtocolError, kDownstreamCxDestroyLocalActiveRq);
  begin_close();
}

void DownstreamConnection::before_response_head() {
  if (drain_sequence_) return;
  const auto most = http().max_requests_per_connection;
  if (most > 0 && requests_ >= most) {
    http_stats().add(kDownstreamCxMaxRequestsReached);
  } else if (draining_ || worker_.drain_closes(chain_->runtime().direction)) {
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

void DownstreamConnection::on_stream_done(MessageEvents* request, bool reusable) {
  end_exchange(request);
  if (!reusable) {
    begin_close();
    return;
  }
  if (!codec_.multiplexes()) close_timer_.cancel();
  if (exchanges_.empty()) await_request();
  if (connection_.kept_bytes() > 0 || connection_.reading_paused()) connection_.resume_reading();
}

void DownstreamConnection::on_request_outlived(MessageEvents& request) {
  end_exchange(&request);
  worker_.arm(close_timer_, kDiscardTime);
  if (connection_.reading_paused()) connection_.resume_reading();
}

void DownstreamConnection::on_window_open() {
  http_stats().add(kDownstreamFlowControlResumed);
  connection_.resume_reading();
}

void DownstreamConnection::on_end() {
  if (!codec_ || codec_->on_end()) {
    if (!codec_ || !codec_->busy()) closed(true);
    return;
  }
  client_gone();
}

void DownstreamConnection::on_error(int /*error*/) { client_gone(); }

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

void DownstreamConnection::on_written(size_t bytes, bool all) {
  http_stats().add(kDownstreamCxTxBytesTotal, bytes);
  unsent_.report(http_stats(), kDownstreamCxTxBytesBuffered, connection_.unsent());
  if (codec_) codec_->on_output_sent();
  if (closing_ && all && http().delayed_close_timeout.count() == 0) closed(false);
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
  worker_.remove_connection(*this);
}

}  // namespace remora
