#include "upstream/upstream_connection.h"

#include <cstring>
#include <string>

#include "stats/cluster_stats.h"
#include "upstream/pool.h"

namespace remora {
namespace {

H1ClientSettings settings_of(const ClusterConfig& config) {
  return {{size_t{config.max_response_headers_kb} * 1024, config.max_headers_count}, config.enable_trailers};
}

}  // namespace

UpstreamConnection::UpstreamConnection(LocalRef<HostPool> pool, BreakerUnit unit)
    : pool_(std::move(pool)),
      host_(pool_->host()),
      connection_unit_(std::move(unit)),
      connection_(reactor(), *this),
      account_(CreditAccount::make(this, pool_->cluster().config().buffer_limit)),
      settings_(settings_of(pool_->cluster().config())),
      codec_(connection_, *account_, *this, settings_),
      connect_timer_(timer_calls<&UpstreamConnection::on_connect_timeout>, this),
      idle_timer_(timer_calls<&UpstreamConnection::on_idle_timeout>, this),
      duration_timer_(timer_calls<&UpstreamConnection::on_max_duration>, this),
      started_(reactor().clock().now()) {
  stats().add(kUpstreamCxTotal);
  stats().add(kUpstreamCxActive);
  stats().add(kUpstreamCxHttp1Total);
  host_->stats().cx_total.add();
  host_->stats().cx_active.add();
}

UpstreamConnection::~UpstreamConnection() {
  account_->detach();
  account_->release_reference();
}

StatBlock& UpstreamConnection::stats() { return pool_->cluster().stats(); }
Reactor& UpstreamConnection::reactor() { return pool_->cluster().context().reactor; }

void UpstreamConnection::connect() {
  deferred_error_ = connection_.connect(host_->endpoint().address);
  // A failure that shows at once is told in the next turn like any other: callers are never answered from
  // within.
  reactor().arm(connect_timer_,
                deferred_error_ != 0 ? Milliseconds(0) : pool_->cluster().config().connect_timeout);
}

void UpstreamConnection::on_connected() {
  connected_ = true;
  connect_timer_.cancel();
  local_address_ = connection_.local_address();
  stats().record(kUpstreamCxConnectMs, elapsed_ms(started_, reactor().clock().now()));
  const auto longest = pool_->cluster().config().max_connection_duration;
  if (longest.count() > 0) reactor().arm(duration_timer_, longest);
  pool_->on_connected(*this);
}

MessageSink& UpstreamConnection::open(MessageEvents& response, BreakerUnit unit) {
  idle_timer_.cancel();
  request_unit_ = std::move(unit);
  stream_open_ = true;
  ++requests_;
  stats().add(kUpstreamRqTotal);
  stats().add(kUpstreamRqActive);
  host_->stats().rq_total.add();
  host_->stats().rq_active.add();
  return codec_.open(response);
}

void UpstreamConnection::stream_over() {
  if (!std::exchange(stream_open_, false)) return;
  request_unit_.reset();
  stats().sub(kUpstreamRqActive);
  host_->stats().rq_active.sub();
}

size_t UpstreamConnection::on_bytes(std::string_view bytes) {
  stats().add(kUpstreamCxRxBytesTotal, bytes.size());
  if (!codec_.busy()) {
    // Nobody asked: whatever this is, it must not be taken for the answer to the next request.
    stats().add(kUpstreamCxProtocolError);
    closed_by(false, Failure::kUpstreamProtocolError, false);
    return bytes.size();
  }
  const size_t used = codec_.receive(bytes);
  if (!closed_) received_.report(stats(), kUpstreamCxRxBytesBuffered, bytes.size() - used);
  if (!closed_ && !codec_.busy() && used < bytes.size()) {
    stats().add(kUpstreamCxProtocolError);
    closed_by(false, Failure::kUpstreamProtocolError, false);
    return bytes.size();
  }
  return used;
}

void UpstreamConnection::on_end() {
  if (codec_.busy()) codec_.on_end();
  if (!closed_) closed_by(true, Failure::kConnectionTermination, codec_.busy());
}

void UpstreamConnection::on_error(int error) {
  if (!connected_) {
    connect_failed(Failure::kConnectFailure, std::string("delayed connect error: ") + std::strerror(error));
    return;
  }
  closed_by(true, Failure::kConnectionTermination, codec_.busy());
}

void UpstreamConnection::on_written(size_t bytes, bool /*all*/) {
  stats().add(kUpstreamCxTxBytesTotal, bytes);
  unsent_.report(stats(), kUpstreamCxTxBytesBuffered, connection_.unsent());
  codec_.on_output_sent();
}

void UpstreamConnection::on_connection_failed(Failure failure) {
  if (failure == Failure::kUpstreamProtocolError) stats().add(kUpstreamCxProtocolError);
  closed_by(false, failure, codec_.busy());
}

void UpstreamConnection::on_stream_done(MessageEvents& /*response*/, StreamEnd end) {
  stream_over();
  if (end == StreamEnd::kProtocolError) stats().add(kUpstreamCxProtocolError);
  const auto limit = pool_->cluster().config().max_requests_per_connection;
  if (limit > 0 && requests_ >= limit && end == StreamEnd::kReusable) {
    stats().add(kUpstreamCxMaxRequests);
    end = StreamEnd::kComplete;
  }
  if (end != StreamEnd::kReusable || retired_) {
    const bool cut = end != StreamEnd::kReusable && end != StreamEnd::kComplete;
    closed_by(end == StreamEnd::kCutRemotely, Failure::kLocalReset, cut);
    return;
  }
  pool_->on_available(*this);
}

void UpstreamConnection::on_window_open() { connection_.resume_reading(); }

void UpstreamConnection::rest() {
  const auto timeout = pool_->cluster().config().idle_timeout;
  if (timeout.count() > 0) reactor().arm(idle_timer_, timeout);
  if (connection_.reading_paused()) connection_.resume_reading();
}

void UpstreamConnection::retire() {
  retired_ = true;
  if (connected_ && !codec_.busy()) close();
}

void UpstreamConnection::close() {
  if (!closed_) closed_by(false, Failure::kLocalReset, codec_.busy());
}

void UpstreamConnection::on_connect_timeout() {
  if (deferred_error_ != 0) {
    connect_failed(Failure::kConnectFailure,
                   std::string("immediate connect error: ") + std::strerror(deferred_error_));
    return;
  }
  stats().add(kUpstreamCxConnectTimeout);
  connect_failed(Failure::kConnectTimeout, {});
}

void UpstreamConnection::connect_failed(Failure failure, std::string_view transport_failure) {
  stats().add(kUpstreamCxConnectFail);
  host_->stats().cx_connect_fail.add();
  const auto pool = pool_;
  closed_by(failure == Failure::kConnectFailure, failure, false);
  pool->on_connect_failed(failure, transport_failure);
}

void UpstreamConnection::on_idle_timeout() {
  stats().add(kUpstreamCxIdleTimeout);
  close();
}

void UpstreamConnection::on_max_duration() {
  stats().add(kUpstreamCxMaxDurationReached);
  retire();
}

void UpstreamConnection::closed_by(bool remote, Failure failure, bool cut_request) {
  if (std::exchange(closed_, true)) return;
  connect_timer_.cancel();
  idle_timer_.cancel();
  duration_timer_.cancel();
  auto& counts = stats();
  counts.sub(kUpstreamCxActive);
  received_.report(counts, kUpstreamCxRxBytesBuffered, 0);
  unsent_.report(counts, kUpstreamCxTxBytesBuffered, 0);
  counts.add(kUpstreamCxDestroy);
  counts.add(remote ? kUpstreamCxDestroyRemote : kUpstreamCxDestroyLocal);
  if (cut_request) {
    counts.add(kUpstreamCxDestroyWithActiveRq);
    counts.add(remote ? kUpstreamCxDestroyRemoteWithActiveRq : kUpstreamCxDestroyLocalWithActiveRq);
    counts.add(remote ? kUpstreamRqRxReset : kUpstreamRqTxReset);
  }
  counts.record(kUpstreamCxLengthMs, elapsed_ms(started_, reactor().clock().now()));
  host_->stats().cx_active.sub();
  connection_.close();
  stream_over();
  connection_unit_.reset();
  pool_->on_closed(*this);
  codec_.on_connection_lost(failure);
}

}  // namespace remora
