#include "upstream/upstream_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "net/dial.h"
#include "stats/cluster_stats.h"
#include "upstream/cluster_tls.h"
#include "upstream/pool.h"

namespace remora {

UpstreamConnection::UpstreamConnection(LocalRef<HostPool> pool, UpstreamProtocol protocol, size_t expected,
                                       BreakerUnit unit)
    : pool_(std::move(pool)),
      host_(pool_->host()),
      connection_unit_(std::move(unit)),
      connection_(reactor(), *this),
      account_(CreditAccount::make(this, config().buffer_limit)),
      connect_timer_(timer_calls<&UpstreamConnection::on_connect_timeout>, this),
      idle_timer_(timer_calls<&UpstreamConnection::on_idle_timeout>, this),
      duration_timer_(timer_calls<&UpstreamConnection::on_max_duration>, this),
      started_(reactor().clock().now()),
      expected_(expected),
      protocol_(protocol) {
  stats().add(kUpstreamCxTotal);
  stats().add(kUpstreamCxActive);
  if (protocol_ != UpstreamProtocol::kAuto && !pool_->tcp()) count_protocol();
  host_->stats().cx_total.add();
  host_->stats().cx_active.add();
  provide(expected_);
}

UpstreamConnection::~UpstreamConnection() {
  account_->detach();
  account_->release_reference();
}

const ClusterConfig& UpstreamConnection::config() const { return pool_->cluster().config(); }
StatBlock& UpstreamConnection::stats() { return pool_->cluster().stats(); }
Reactor& UpstreamConnection::reactor() { return pool_->cluster().context().reactor; }

// ---------------------------------------------------------------------------------------------- connecting

void UpstreamConnection::connect() {
  secrets_missing_ = !pool_->make_transport(transport_);
  if (!secrets_missing_) dial();
  // A failure that shows at once is told in the next turn like any other: callers are never answered from
  // within.
  const bool failed = secrets_missing_ || !deferred_failure_.empty();
  reactor().arm(connect_timer_, failed ? Milliseconds(0) : config().connect_timeout);
}

void UpstreamConnection::dial() {
  race_ = pool_->race(
      {[this](int fd) { begin(fd); }, [this](int error, const std::string& why) { dial_lost(error, why); }});
  if (race_ != nullptr) return race_->start();
  auto dialled = pool_->dial();
  deferred_failure_ = std::move(dialled.failure);
  if (dialled.fd >= 0) begin(dialled.fd);
}

void UpstreamConnection::begin(int fd) {
  connection_.connect(fd, std::move(transport_));
  connection_.say_first(pool_->first_words(fd));
}

void UpstreamConnection::dial_lost(int error, const std::string& why) {
  connect_failed(Failure::kConnectFailure,
                 error == 0 ? why : std::string("delayed connect error: ") + std::strerror(error));
}

void UpstreamConnection::on_connected() {
  connected_ = true;
  connect_timer_.cancel();
  local_address_ = connection_.local_address();
  if (connection_.tls() != nullptr) tls_ = LocalRef<UpstreamTlsInfo>(new UpstreamTlsInfo(*connection_.tls()));
  stats().record(kUpstreamCxConnectMs, elapsed_ms(started_, reactor().clock().now()));
  if (config().max_connection_duration.count() > 0)
    reactor().arm(duration_timer_, config().max_connection_duration);
  make_codec();
  provide(multiplexes() ? pool_->usual_streams() : 1);
  pool_->on_connected(*this);
}

void UpstreamConnection::make_codec() {
  if (protocol_ == UpstreamProtocol::kAuto) {
    const bool agreed = tls_ && tls_->info.alpn == "h2";
    protocol_ = agreed ? UpstreamProtocol::kHttp2 : UpstreamProtocol::kHttp1;
    count_protocol();
  }
  auto& cluster = pool_->cluster();
  if (pool_->tcp()) {
    codec_ = ClientCodecs::tcp(connection_, reactor(), *account_, *this);
    return;
  }
  codec_ = multiplexes() ? cluster.codecs().http2(connection_, reactor(), *this)
                         : cluster.codecs().http1(connection_, *account_, *this);
}

void UpstreamConnection::count_protocol() {
  stats().add(multiplexes() ? kUpstreamCxHttp2Total : kUpstreamCxHttp1Total);
}

void UpstreamConnection::on_connect_timeout() {
  if (secrets_missing_) {
    connect_failed(Failure::kConnectFailure, kSecretsMissing);
  } else if (!deferred_failure_.empty()) {
    connect_failed(Failure::kConnectFailure, deferred_failure_);
  } else {
    stats().add(kUpstreamCxConnectTimeout);
    connect_failed(Failure::kConnectTimeout, {});
  }
}

void UpstreamConnection::connect_failed(Failure failure, std::string_view transport_failure) {
  stats().add(kUpstreamCxConnectFail);
  host_->stats().cx_connect_fail.add();
  const auto pool = pool_;
  const std::string text(transport_failure);  // closing forgets it
  closed_by(failure == Failure::kConnectFailure, failure, 0);
  pool->on_connect_failed(failure, text);
}

// ---------------------------------------------------------------------------------------------- streams

void UpstreamConnection::provide(size_t streams) {
  pool_->count_provided(std::exchange(provided_, streams), streams);
}

/// What it carries goes on.
void UpstreamConnection::take_no_more() {
  retired_ = true;
  provide(streams_.size());
}

size_t UpstreamConnection::room() const {
  if (!connected_ || closed_ || retired_) return 0;
  const size_t capacity = codec_->capacity();
  if (!multiplexes()) return capacity;
  const size_t active = streams_.size();
  const size_t limit = limit_known_ ? refused_above_ : std::min(refused_above_, pool_->usual_streams());
  if (active >= limit) return 0;
  const uint64_t most = config().max_requests_per_connection;
  const uint64_t left = most > 0 ? most - requests_ : capacity;
  return std::min({capacity, limit - active, static_cast<size_t>(left)});
}

MessageSink& UpstreamConnection::open(MessageEvents& response, BreakerUnit unit) {
  idle_timer_.cancel();
  was_resting_ = requests_ > 0 && idle();
  streams_.add(response, std::move(unit));
  ++requests_;
  stats().add(kUpstreamRqTotal);
  stats().add(kUpstreamRqActive);
  host_->stats().rq_total.add();
  host_->stats().rq_active.add();
  pool_->stream_opened();
  const auto most = config().max_requests_per_connection;
  auto& sink = codec_->open(response);
  if (most > 0 && requests_ >= most) {
    stats().add(kUpstreamCxMaxRequests);
    take_no_more();
  }
  return sink;
}

void UpstreamConnection::on_stream_done(MessageEvents& response, StreamEnd end) {
  if (closed_) return;  // all were counted when it closed
  streams_.remove(response);
  stats().sub(kUpstreamRqActive);
  host_->stats().rq_active.sub();
  pool_->streams_ended(1);
  if (retired_) provide(streams_.size());
  if (end == StreamEnd::kProtocolError) stats().add(kUpstreamCxProtocolError);
  if (multiplexes()) {
    stream_ended(end);
  } else {
    request_ended(end);
  }
}

/// HTTP/1: what is not whole takes its connection along.
void UpstreamConnection::request_ended(StreamEnd end) {
  if (end == StreamEnd::kReusable && !retired_) {
    pool_->on_available(*this);
    return;
  }
  const bool cut = end != StreamEnd::kReusable && end != StreamEnd::kComplete;
  closed_by(end == StreamEnd::kCutRemotely, Failure::kLocalReset, cut ? 1 : 0);
}

/// HTTP/2: the other streams go on.
void UpstreamConnection::stream_ended(StreamEnd end) {
  switch (end) {
    case StreamEnd::kReusable:
    case StreamEnd::kComplete: refused_above_ = kNoLimit; break;
    case StreamEnd::kCutRemotely: stats().add(kUpstreamRqRxReset); break;
    case StreamEnd::kRefused:
      // Not so many at once, it seems; who refuses the only one is of no use.
      refused_above_ = streams_.size();
      if (refused_above_ == 0) take_no_more();
      break;
    case StreamEnd::kCutLocally:
    case StreamEnd::kProtocolError: stats().add(kUpstreamRqTxReset); break;
  }
  pool_->on_available(*this);
}

void UpstreamConnection::on_going_away() {
  if (closed_) return;
  stats().add(kUpstreamCxCloseNotify);
  retire();
}

void UpstreamConnection::on_capacity() {
  if (closed_) return;
  limit_known_ = true;
  refused_above_ = kNoLimit;
  if (const size_t streams = codec_->capacity() + streams_.size(); streams > 0) {
    pool_->set_usual_streams(streams);
    if (!retired_) provide(streams);
  }
  pool_->on_capacity(*this);
}

// ---------------------------------------------------------------------------------------------- bytes

size_t UpstreamConnection::on_bytes(std::string_view bytes) {
  heard_ = true;
  stats().add(kUpstreamCxRxBytesTotal, bytes.size());
  if (!multiplexes() && idle()) {
    unasked_bytes();
    return bytes.size();
  }
  const size_t used = codec_->receive(bytes);
  if (closed_) return used;
  received_.report(stats(), kUpstreamCxRxBytesBuffered, bytes.size() - used);
  if (!multiplexes() && idle() && used < bytes.size()) {
    unasked_bytes();
    return bytes.size();
  }
  return used;
}

/// Nobody asked: whatever this is, it must not be taken for the answer to the next request.
void UpstreamConnection::unasked_bytes() {
  stats().add(kUpstreamCxProtocolError);
  closed_by(false, Failure::kUpstreamProtocolError, 0);
}

void UpstreamConnection::on_end() {
  if (!multiplexes() && !idle()) codec_->on_end();
  if (!closed_) closed_by(true, Failure::kConnectionTermination, streams_.size());
}

void UpstreamConnection::on_error(int error) {
  const auto transport_failure = connection_.transport_failure();
  if (!connected_) {
    connect_failed(Failure::kConnectFailure,
                   !transport_failure.empty()
                       ? std::string(transport_failure)
                       : std::string("delayed connect error: ") + std::strerror(error));
    return;
  }
  // With TLS 1.3 a server refuses our certificate after the handshake has ended for us: that it has touched
  // no request is as certain as with a refused connection.
  const bool refused = error == EPROTO && !heard_ && !transport_failure.empty();
  if (refused) pool_->set_transport_failure(transport_failure);
  closed_by(true, refused ? Failure::kConnectFailure : Failure::kConnectionTermination, streams_.size());
}

void UpstreamConnection::on_written(size_t bytes, bool /*all*/) {
  stats().add(kUpstreamCxTxBytesTotal, bytes);
  unsent_.report(stats(), kUpstreamCxTxBytesBuffered, connection_.unsent());
  if (codec_) codec_->on_output_sent();
}

void UpstreamConnection::on_connection_failed(Failure failure) {
  if (failure == Failure::kUpstreamProtocolError) stats().add(kUpstreamCxProtocolError);
  connection_.close_behind_last_words();  // the GOAWAY that says why
  closed_by(false, failure, streams_.size());
}

void UpstreamConnection::on_window_open() { connection_.resume_reading(); }

// ---------------------------------------------------------------------------------------------- the end

void UpstreamConnection::rest() {
  if (config().idle_timeout.count() > 0) reactor().arm(idle_timer_, config().idle_timeout);
  if (connection_.reading_paused()) connection_.resume_reading();
}

void UpstreamConnection::retire() {
  take_no_more();
  pool_->settle(*this);
}

void UpstreamConnection::close() {
  if (!closed_) closed_by(false, Failure::kLocalReset, streams_.size());
}

void UpstreamConnection::on_idle_timeout() {
  stats().add(kUpstreamCxIdleTimeout);
  close();
}

void UpstreamConnection::on_max_duration() {
  stats().add(kUpstreamCxMaxDurationReached);
  retire();
}

/// `cut`: how many requests it takes along.
void UpstreamConnection::closed_by(bool remote, Failure failure, size_t cut) {
  if (std::exchange(closed_, true)) return;
  connect_timer_.cancel();
  idle_timer_.cancel();
  duration_timer_.cancel();
  count_close(remote, cut);
  if (race_ != nullptr) race_->stop();
  connection_.close();
  streams_.clear();
  connection_unit_.reset();
  pool_->on_closed(*this);
  if (codec_) codec_->on_connection_lost(failure);
}

void UpstreamConnection::count_close(bool remote, size_t cut) {
  auto& counts = stats();
  counts.sub(kUpstreamCxActive);
  received_.report(counts, kUpstreamCxRxBytesBuffered, 0);
  unsent_.report(counts, kUpstreamCxTxBytesBuffered, 0);
  counts.add(kUpstreamCxDestroy);
  counts.add(remote ? kUpstreamCxDestroyRemote : kUpstreamCxDestroyLocal);
  if (cut > 0) {
    counts.add(kUpstreamCxDestroyWithActiveRq);
    counts.add(remote ? kUpstreamCxDestroyRemoteWithActiveRq : kUpstreamCxDestroyLocalWithActiveRq);
    counts.add(remote ? kUpstreamRqRxReset : kUpstreamRqTxReset, cut);
  }
  counts.record(kUpstreamCxLengthMs, elapsed_ms(started_, reactor().clock().now()));
  counts.sub(kUpstreamRqActive, streams_.size());
  host_->stats().rq_active.sub(streams_.size());
  host_->stats().cx_active.sub();
  pool_->streams_ended(streams_.size());
  provide(0);
}

}  // namespace remora
