#include "tcp/tcp_upstream.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "net/dial.h"
#include "net/transport.h"
#include "stats/cluster_stats.h"
#include "upstream/cluster_tls.h"

namespace remora {

TcpUpstream::TcpUpstream(LocalRef<WorkerCluster> cluster, LocalRef<WorkerHost> host, Units units,
                         Owner& owner)
    : cluster_(std::move(cluster)),
      host_(std::move(host)),
      units_(std::move(units)),
      owner_(owner),
      connection_(reactor(), *this),
      account_(CreditAccount::make(this, cluster_->config().buffer_limit)),
      connect_timer_(timer_calls<&TcpUpstream::on_connect_timeout>, this),
      started_(reactor().clock().now()) {
  stats().add(kUpstreamCxTotal);
  stats().add(kUpstreamCxActive);
  host_->stats().cx_total.add();
  stats().add(kUpstreamRqPendingTotal);
  stats().add(kUpstreamRqPendingActive);
  host_->stats().cx_active.add();
  host_->cluster().bind_to_health(*host_, *this);
}

TcpUpstream::~TcpUpstream() {
  account_->detach();
  account_->release_reference();
}

void TcpUpstream::connect(const ConnectionSource& source, const DownstreamEnds& ends) {
  ends_ = ends;
  secrets_missing_ = !cluster_->make_transport(*host_, transport_);
  if (!secrets_missing_) dial(source);
  // What fails at once is told in the next turn, like any other failure.
  const bool failed = secrets_missing_ || !deferred_failure_.empty();
  reactor().arm(connect_timer_, failed ? Milliseconds(0) : cluster_->config().connect_timeout);
}

void TcpUpstream::dial(const ConnectionSource& source) {
  race_ = cluster_->race(
      *host_, source,
      {[this](int fd) { begin(fd); },
       [this](int error, const std::string& why) {
         fail_attempt(Failure::kConnectFailure,
                      error == 0 ? why : std::string("delayed connect error: ") + std::strerror(error));
       }});
  if (race_ != nullptr) return race_->start();
  auto dialled = cluster_->dial(*host_, source);
  deferred_failure_ = std::move(dialled.failure);
  if (dialled.fd >= 0) begin(dialled.fd);
}

void TcpUpstream::begin(int fd) {
  connection_.connect(fd, std::move(transport_));
  connection_.say_first(cluster_->first_words(*host_, ends_, fd));
}

void TcpUpstream::on_connected() {
  attempt_over();
  connected_ = true;
  stats().record(kUpstreamCxConnectMs, elapsed_ms(started_, reactor().clock().now()));
  stats().add(kUpstreamRqTotal);
  stats().add(kUpstreamRqActive);
  host_->stats().rq_total.add();
  host_->stats().rq_active.add();
  owner_.on_upstream_connected();
}

void TcpUpstream::on_connect_timeout() {
  if (secrets_missing_) {
    fail_attempt(Failure::kConnectFailure, kSecretsMissing);
  } else if (!deferred_failure_.empty()) {
    fail_attempt(Failure::kConnectFailure, deferred_failure_);
  } else {
    stats().add(kUpstreamCxConnectTimeout);
    fail_attempt(Failure::kConnectTimeout, {});
  }
}

/// One way or the other it waits no more.
void TcpUpstream::attempt_over() {
  if (!connected_) stats().sub(kUpstreamRqPendingActive);
  units_.pending.reset();
  connect_timer_.cancel();
}

void TcpUpstream::fail_attempt(Failure failure, std::string_view transport_failure) {
  stats().add(kUpstreamCxConnectFail);
  stats().add(kUpstreamRqPendingFailureEject);
  host_->stats().cx_connect_fail.add();
  const std::string text(transport_failure);  // closing forgets it
  closed(failure == Failure::kConnectFailure);
  owner_.on_upstream_failed(failure, text);
}

size_t TcpUpstream::on_bytes(std::string_view bytes) {
  stats().add(kUpstreamCxRxBytesTotal, bytes.size());
  owner_.on_upstream_data({bytes, Credit(*account_, bytes.size())});
  if (!closed_ && account_->exhausted()) connection_.pause_reading();
  return bytes.size();
}

void TcpUpstream::on_end() {
  ended_ = true;
  owner_.on_upstream_end();
}

void TcpUpstream::on_error(int error) {
  const std::string transport_failure(connection_.transport_failure());
  if (!connected_) {
    fail_attempt(Failure::kConnectFailure,
                 !transport_failure.empty() ? transport_failure
                                            : std::string("delayed connect error: ") + std::strerror(error));
    return;
  }
  closed(true);
  owner_.on_upstream_gone();
}

void TcpUpstream::on_written(size_t bytes, bool all) {
  stats().add(kUpstreamCxTxBytesTotal, bytes);
  unsent_.report(stats(), kUpstreamCxTxBytesBuffered, connection_.unsent());
  owner_.on_upstream_written(all);
}

void TcpUpstream::on_host_failed() {
  if (closed_) return;
  if (!connected_) {
    fail_attempt(Failure::kLocalReset, {});
    return;
  }
  closed(false);
  owner_.on_upstream_gone();
}

void TcpUpstream::close() { closed(ended_); }

void TcpUpstream::closed(bool remote) {
  if (std::exchange(closed_, true)) return;
  attempt_over();
  auto& counts = stats();
  counts.sub(kUpstreamCxActive);
  counts.add(kUpstreamCxDestroy);
  counts.add(remote ? kUpstreamCxDestroyRemote : kUpstreamCxDestroyLocal);
  counts.record(kUpstreamCxLengthMs, elapsed_ms(started_, reactor().clock().now()));
  unsent_.report(counts, kUpstreamCxTxBytesBuffered, 0);
  host_->stats().cx_active.sub();
  if (connected_) {
    counts.add(kUpstreamCxDestroyWithActiveRq);
    counts.add(remote ? kUpstreamCxDestroyRemoteWithActiveRq : kUpstreamCxDestroyLocalWithActiveRq);
    counts.sub(kUpstreamRqActive);
    host_->stats().rq_active.sub();
  }
  if (race_ != nullptr) race_->stop();
  connection_.close();
  units_.connection.reset();
}

}  // namespace remora
