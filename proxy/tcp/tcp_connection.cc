#include "tcp/tcp_connection.h"

#include <algorithm>
#include <utility>

#include "hash_policy.h"
#include "net/transport.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "stats/tcp_stats.h"
#include "upstream/pool.h"
#include "worker.h"

namespace remora {

TcpConnection::TcpConnection(Worker& worker, LocalRef<WorkerListener> listener, LocalRef<WorkerChain> chain,
                             const AcceptedSocket& socket, std::unique_ptr<Transport> transport)
    : WorkerConnection(std::move(listener), std::move(chain)),
      worker_(worker),
      runtime_(chain_->shared_runtime()),
      stats_(&runtime_->tcp_stats->block(worker.shard())),
      peer_(socket),
      connection_(worker.reactor(), *this),
      account_(CreditAccount::make(this, runtime_->buffer_limit)),
      handshake_timer_(timer_calls<&TcpConnection::on_handshake_timeout>, this),
      idle_timer_(timer_calls<&TcpConnection::on_idle_timeout>, this),
      duration_timer_(timer_calls<&TcpConnection::on_max_duration>, this),
      deadline_timer_(timer_calls<&TcpConnection::on_deadline>, this) {
  peer_.tls = transport != nullptr;
  connection_.adopt(socket.fd, std::move(transport));
  connection_.pause_reading();  // until there is somebody to send to
  info_.connection_id = worker_.next_connection_id();
  info_.start = worker_.clock().now();
  info_.start_wall = worker_.clock().wall();
  info_.filter_chain = runtime_->config.name;
  info_.downstream_direct = &peer_.direct_remote;
  info_.downstream_remote = &peer_.remote();
  info_.downstream_local = &peer_.local;
  info_.dynamic_metadata = peer_.metadata.get();
  stats().add(kTcpCxTotal);
  chain_->listener_stats().add(kListenerCxTotal);
  chain_->listener_stats().add(kListenerCxActive);
  chain_->worker_stats().add(kWorkerCxTotal);
  chain_->worker_stats().add(kWorkerCxActive);
}

TcpConnection::~TcpConnection() {
  account_->detach();
  account_->release_reference();
}

void TcpConnection::start() {
  if (config().max_downstream_connection_duration.count() > 0)
    worker_.arm(duration_timer_, config().max_downstream_connection_duration);
  if (peer_.tls) {
    worker_.arm(handshake_timer_, handshake_time());
  } else {
    begin();
  }
}

// The handshake is over.
void TcpConnection::on_connected() {
  handshake_timer_.cancel();
  peer_.tls_info = connection_.tls();
  if (!peer_.tls_info->sni.empty()) peer_.server_name = peer_.tls_info->sni;
  info_.downstream_tls = peer_.tls_info;
  begin();
}

// ---------------------------------------------------------------------------------------------- finding an
// upstream

void TcpConnection::begin() {
  info_.requested_server_name = peer_.server_name;
  choose_cluster();
  connect_upstream();
}

void TcpConnection::choose_cluster() {
  cluster_name_ = config().cluster;
  subset_ = &config().subset;
  if (config().weighted.empty()) return;
  uint64_t total = 0;
  for (const auto& choice : config().weighted) total += choice.weight;
  uint64_t drawn = worker_.random().below(total);
  for (const auto& choice : config().weighted) {
    if (drawn < choice.weight) {
      cluster_name_ = choice.cluster;
      if (!choice.subset.empty()) subset_ = &choice.subset;
      return;
    }
    drawn -= choice.weight;
  }
}

void TcpConnection::connect_upstream() {
  cluster_ = worker_.find_cluster(cluster_name_);
  if (!cluster_) {
    stats().add(kTcpCxNoRoute);
    refuse(ResponseFlag::kNoClusterFound);
    return;
  }
  info_.cluster = &cluster_->config();
  if (info_.attempts >= config().max_connect_attempts) {
    cluster_->stats().add(kUpstreamCxConnectAttemptsExceeded);
    refuse(ResponseFlag::kUpstreamRetryLimitExceeded);
    return;
  }
  LbContext context;
  context.subset = subset_;
  context.origin = peer_.origin.get();
  if (config().hash_source_ip) context.hash = address_hash(peer_.remote());
  const auto pool = cluster_->pick(context);
  if (!pool) {
    cluster_->stats().add(kUpstreamCxNoneHealthy);
    refuse(ResponseFlag::kNoHealthyUpstream);
    return;
  }
  auto& breakers = cluster_->breakers();
  auto unit = BreakerUnit::take(breakers, Resource::kConnections, false, worker_.shard());
  auto pending = BreakerUnit::take(breakers, Resource::kPendingRequests, false, worker_.shard());
  if (!unit || !pending) {
    cluster_->stats().add(unit ? kUpstreamRqPendingOverflow : kUpstreamCxOverflow);
    refuse(ResponseFlag::kUpstreamOverflow);
    return;
  }
  ++info_.attempts;
  host_ = pool->host();
  info_.upstream_host = &host_->endpoint();
  upstream_ =
      std::make_unique<TcpUpstream>(cluster_, host_, TcpUpstream::Units{std::move(unit), std::move(pending)},
                                    static_cast<TcpUpstream::Owner&>(*this));
  upstream_->connect(peer_.origin ? peer_.origin->source : ConnectionSource(),
                     {&peer_.remote(), &peer_.local});
}

void TcpConnection::on_upstream_failed(Failure failure, std::string_view transport_failure) {
  info_.flags.set(ResponseFlag::kUpstreamConnectionFailure);
  info_.details_storage = transport_failure;
  std::replace(info_.details_storage.begin(), info_.details_storage.end(), ' ', '_');
  info_.upstream_transport_failure = info_.details_storage;
  cluster_->report_failure(*host_, failure, worker_.clock().now());
  drop_upstream();
  connect_upstream();
}

void TcpConnection::refuse(ResponseFlag flag) {
  info_.flags.set(flag);
  finish();
}

void TcpConnection::on_upstream_connected() {
  cluster_->report_connected(*host_);
  established_ = true;
  upstream_local_ = upstream_->local_address();
  info_.upstream_local = &upstream_local_;
  upstream_tls_ = upstream_->tls();
  info_.upstream_tls = upstream_tls_.get();
  touch();
  if (config().idle_timeout.count() > 0) worker_.arm(idle_timer_, config().idle_timeout);
  connection_.resume_reading();
}

// ---------------------------------------------------------------------------------------------- bytes

void TcpConnection::touch() { last_activity_ = worker_.clock().now(); }

size_t TcpConnection::on_bytes(std::string_view bytes) {
  touch();
  stats().add(kTcpCxRxBytesTotal, bytes.size());
  info_.request_body_bytes += bytes.size();
  if (!upstream_) return bytes.size();  // nobody is left to hear it
  upstream_->send({bytes, Credit(*account_, bytes.size())});
  if (account_->exhausted()) {
    connection_.pause_reading();
    stats().add(kTcpFlowControlPaused);
  }
  return bytes.size();
}

void TcpConnection::on_window_open() {
  stats().add(kTcpFlowControlResumed);
  if (established_ && upstream_) connection_.resume_reading();
}

void TcpConnection::on_upstream_data(BodyChunk chunk) {
  touch();
  if (flushing_) return;
  info_.response_body_bytes += chunk.bytes.size();
  connection_.write(std::move(chunk));
}

void TcpConnection::on_written(size_t bytes, bool /*all*/) {
  touch();
  stats().add(kTcpCxTxBytesTotal, bytes);
  unsent_.report(stats(), kTcpCxTxBytesBuffered, connection_.unsent());
  finish_if_done();
}

void TcpConnection::on_upstream_written(bool /*all*/) {
  touch();
  finish_if_done();
}

// ---------------------------------------------------------------------------------------------- the end

void TcpConnection::on_end() {
  downstream_ended_ = true;
  if (upstream_) upstream_->end();
  finish_if_done();
}

void TcpConnection::on_upstream_end() {
  upstream_ended_ = true;
  if (!flushing_) connection_.shutdown_write();
  finish_if_done();
}

// The client is gone. What it had sent is on its way to the upstream, and goes there.
void TcpConnection::on_error(int /*error*/) {
  downstream_ended_ = upstream_ended_ = true;
  if (!upstream_ || !established_ || upstream_->unsent() == 0) {
    finish();
    return;
  }
  flushing_ = true;
  stats().add(kTcpUpstreamFlushTotal);
  stats().add(kTcpUpstreamFlushActive);
  upstream_->end();
}

// What the upstream had sent still goes to the client.
void TcpConnection::on_upstream_gone() {
  downstream_ended_ = upstream_ended_ = true;
  drop_upstream();
  if (flushing_) {
    finish();
    return;
  }
  connection_.pause_reading();
  connection_.shutdown_write();
  finish_if_done();
}

void TcpConnection::finish_if_done() {
  const bool sent = (flushing_ || connection_.unsent() == 0) && (!upstream_ || upstream_->unsent() == 0);
  if (downstream_ended_ && upstream_ended_ && sent) finish();
}

void TcpConnection::drop_upstream() {
  if (!upstream_) return;
  upstream_->close();
  worker_.reactor().dispose(std::move(upstream_));
}

void TcpConnection::on_handshake_timeout() {
  chain_->listener_stats().add(kListenerCxTransportSocketConnectTimeout);
  finish();
}

void TcpConnection::on_idle_timeout() {
  // Armed once and moved on expiry only: activity costs a store.
  const auto quiet = std::chrono::duration_cast<Milliseconds>(worker_.clock().now() - last_activity_);
  if (quiet < config().idle_timeout) {
    worker_.arm(idle_timer_, config().idle_timeout - quiet);
    return;
  }
  stats().add(kTcpIdleTimeout);
  finish();
}

void TcpConnection::on_max_duration() {
  stats().add(kTcpMaxDownstreamConnectionDuration);
  info_.flags.set(ResponseFlag::kDurationTimeout);
  finish();
}

Milliseconds TcpConnection::handshake_time() const {
  const auto usual = runtime_->handshake_time();
  return runtime_->overload == nullptr
             ? usual
             : runtime_->overload->timeout(ScaledTimeout::kTransportSocketConnect, usual);
}

void TcpConnection::rescale_timeouts() {
  if (!handshake_timer_.armed()) return;
  const auto gone = std::chrono::duration_cast<Milliseconds>(worker_.clock().now() - info_.start);
  worker_.arm(handshake_timer_, std::max(handshake_time() - gone, Milliseconds(0)));
}

void TcpConnection::drain(Milliseconds at_most) {
  if (at_most.count() > 0) worker_.arm(deadline_timer_, at_most);
}

void TcpConnection::finish() {
  if (std::exchange(finished_, true)) return;
  for (auto* timer : {&handshake_timer_, &idle_timer_, &duration_timer_, &deadline_timer_}) timer->cancel();
  info_.end = worker_.clock().now();
  info_.log_type = AccessLogType::kTcpConnectionEnd;
  worker_.log_access(*runtime_, info_, worker_.random().next());
  info_.log_type = AccessLogType::kNotSet;
  worker_.log_connection(*listener_, info_);
  if (flushing_) stats().sub(kTcpUpstreamFlushActive);
  drop_upstream();
  connection_.close();
  unsent_.report(stats(), kTcpCxTxBytesBuffered, 0);
  chain_->listener_stats().sub(kListenerCxActive);
  chain_->worker_stats().sub(kWorkerCxActive);
  chain_->listener_stats().add(kListenerCxDestroy);
  chain_->listener_stats().record(kListenerCxLengthMs, info_.duration_ms());
  worker_.remove_connection(*this);
}

}  // namespace remora
