#include "downstream_connection.h"

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
  worker_.arm(handshake_timer_,
              scaled(ScaledTimeout::kTransportSocketConnect, chain_->runtime().handshake_time()));
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
    worker_.arm(duration_timer_, scaled(ScaledTimeout::kConnectionMax, http().max_connection_duration));
  await_request();
}

DownstreamConnection::~DownstreamConnection() {
  account_->detach();
  account_->release_reference();
}

LocalRef<WorkerRoutes> DownstreamConnection::routes(const HeaderMap& head) const {
  if (http().scopes != nullptr) {
    const uint32_t scope = http().scopes->find(head);
    if (scope == ScopedRoutes::kNone) return {};
    const auto& routes = http_->scope_routes()[scope];
    return routes ? routes : worker_.find_routes(http().scopes->scopes()[scope].rds_name);
  }
  return http_->inline_routes() ? http_->inline_routes() : worker_.find_routes(http().rds_name);
}

size_t DownstreamConnection::buffer_limit() const { return http_->runtime().buffer_limit; }

void DownstreamConnection::count_listener_response(uint16_t status) {
  http_->responses().add(kListenerRqCompleted);
  http_->responses().add(class_stat(kListenerRq1xx, status));
}

// A connection between requests waits for the idle timeout, and for a head that has begun for its own.
void DownstreamConnection::await_request() {
  idle_since_ = worker_.clock().now();
  auto timeout = scaled(ScaledTimeout::kConnectionIdle, http().idle_timeout);
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
  const bool sheds_load = overload() != nullptr;
  if (sheds_load && !codec_ && shed_codec()) return bytes.size();
  size_t used = 0;
  if (codec_ || choose_codec(bytes)) {
    if (sheds_load && shed_dispatch()) return bytes.size();
    used = codec_->receive(bytes);
  }
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
  Exchange& exchange = exchanges_.add(worker_.take_exchange());
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

/// The one that receives `request`; without a name, any.
void DownstreamConnection::end_exchange(MessageEvents* request) {
  auto ended = request == nullptr ? exchanges_.take_any() : exchanges_.take(*request);
  if (ended) worker_.recycle(std::move(ended));
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
  if (fault == CodecFault::kOverload) {
    cut_exchanges_off(ResponseFlag::kNone, "forced_goaway");
    begin_close();
    return;
  }
  http_stats().add(fault == CodecFault::kPrematureResets ? kDownstreamRqTooManyPrematureResets
                                                         : kDownstreamCxProtocolError);
  tell_exchanges_gone(Failure::kDownstreamProtocolError, kDownstreamCxDestroyLocalActiveRq);
  begin_close();
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

void DownstreamConnection::on_written(size_t bytes, bool all) {
  http_stats().add(kDownstreamCxTxBytesTotal, bytes);
  unsent_.report(http_stats(), kDownstreamCxTxBytesBuffered, connection_.unsent());
  if (codec_) codec_->on_output_sent();
  if (closing_ && all && http().delayed_close_timeout.count() == 0) closed(false);
}

}  // namespace remora
