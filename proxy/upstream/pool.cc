#include "upstream/pool.h"

#include <algorithm>

#include "net/dial.h"
#include "overload/overload_state.h"
#include "stats/cluster_stats.h"
#include "upstream/upstream_connection.h"

namespace remora {
namespace {

// What a server most likely takes at once, as long as it has not said (RFC 9113 section 6.5.2).
constexpr size_t kUsualStreams = 100;

// Connections that are made at once to a host of which nothing is known yet. Each that succeeds allows more,
// so that the host sets the pace; after one that fails there is one, so that a host that comes back is not
// met by everybody who has waited for it.
constexpr size_t kFirstAttempts = 16;
constexpr size_t kMoreAttempts = 2;

}  // namespace

void StreamRequest::cancel_wait() {
  if (pool_ != nullptr) pool_->unlink(*this);
}

HostPool::HostPool(LocalRef<WorkerCluster> cluster, std::shared_ptr<const Host> host, const PoolKey& key)
    : cluster_(std::move(cluster)),
      host_(new WorkerHost(cluster_, std::move(host))),
      name_(key.name),
      source_(key.source == nullptr ? ConnectionSource() : *key.source),
      from_(key.ends.from == nullptr ? Address() : *key.ends.from),
      to_(key.ends.to == nullptr ? Address() : *key.ends.to),
      usual_streams_(std::min<size_t>(kUsualStreams, cluster_->config().http2->max_concurrent_streams)),
      most_attempts_(kFirstAttempts),
      ahead_(cluster_->config().preconnect->per_upstream_ratio),
      protocol_(key.protocol),
      tcp_(key.tcp),
      looks_ahead_(cluster_->config().preconnect->predictive_ratio > 1 &&
                   !cluster_->config().pool_per_downstream) {}

HostPool::~HostPool() = default;

bool HostPool::make_transport(std::unique_ptr<Transport>& out) const {
  if (tcp_) return cluster_->make_transport(*host_, out);
  return cluster_->make_transport(*host_, protocol_, name_, out);
}

Dialled HostPool::dial() { return cluster_->dial(*host_, source_); }

PoolKey HostPool::key() const {
  return {protocol_, name_, source_.address.empty() ? nullptr : &source_, tcp_, ends()};
}

std::string HostPool::first_words(int fd) const { return cluster_->first_words(*host_, ends(), fd); }

DownstreamEnds HostPool::ends() const {
  return from_.empty() ? DownstreamEnds() : DownstreamEnds{&from_, &to_};
}

std::unique_ptr<AddressRace> HostPool::race(AddressRace::Result result) {
  return cluster_->race(*host_, source_, std::move(result));
}

// ---------------------------------------------------------------------------------------------- requests

void HostPool::open(StreamRequest& request, bool high_priority) {
  request.high_priority_ = high_priority;
  if (looks_ahead_) cluster_->connect_ahead(*this);
  if (!ready_.empty()) {
    assign(*ready_.back(), request);
    if (ahead_ > 1) connect_ahead(high_priority);
    return;
  }
  auto pending = BreakerUnit::take(cluster_->breakers(), Resource::kPendingRequests, high_priority,
                                   cluster_->context().shard);
  if (!pending) {
    cluster_->stats().add(kUpstreamRqPendingOverflow);
    request.on_no_stream(Failure::kOverflow, {});
    return;
  }
  enqueue(request);
  request.unit_ = std::move(pending);
  if (needs_connection() && sheds_connections()) {
    unlink(request);
    cluster_->stats().add(kUpstreamRqCancelled);
    request.on_no_stream(Failure::kOverflow, {});
    return;
  }
  connect_if_needed();
  if (ahead_ > 1) connect_ahead(high_priority);
}

void HostPool::enqueue(StreamRequest& request) {
  request.pool_ = this;
  request.previous_ = last_waiting_;
  request.next_ = nullptr;
  (last_waiting_ == nullptr ? first_waiting_ : last_waiting_->next_) = &request;
  last_waiting_ = &request;
  ++waiting_;
  cluster_->stats().add(kUpstreamRqPendingTotal);
  cluster_->stats().add(kUpstreamRqPendingActive);
}

void HostPool::unlink(StreamRequest& request) {
  (request.previous_ == nullptr ? first_waiting_ : request.previous_->next_) = request.next_;
  (request.next_ == nullptr ? last_waiting_ : request.next_->previous_) = request.previous_;
  request.previous_ = request.next_ = nullptr;
  request.pool_ = nullptr;
  request.unit_.reset();
  --waiting_;
  cluster_->stats().sub(kUpstreamRqPendingActive);
}

void HostPool::assign(UpstreamConnection& connection, StreamRequest& request) {
  auto unit = BreakerUnit::take(cluster_->breakers(), Resource::kRequests, request.high_priority_,
                                cluster_->context().shard);
  if (!unit) {
    cluster_->stats().add(kUpstreamRqActiveOverflow);
    request.on_no_stream(Failure::kOverflow, {});
    return;
  }
  auto& sink = connection.open(request.response_events(), std::move(unit));
  list(connection, connection.room() > 0);
  request.on_stream(sink, connection);
}

void HostPool::fail_waiting(Failure failure, std::string_view transport_failure) {
  // Those who hear of it may come back at once: only the present ones are failed.
  const LocalRef<HostPool> self(this);
  for (size_t left = waiting_; left > 0 && first_waiting_ != nullptr; --left) {
    auto& request = *first_waiting_;
    unlink(request);
    cluster_->stats().add(kUpstreamRqPendingFailureEject);
    request.on_no_stream(failure, transport_failure);
  }
}

// ---------------------------------------------------------------------------------------------- connecting

size_t HostPool::expected_streams() const {
  const bool one_at_a_time = protocol_ == UpstreamProtocol::kHttp1 || agreed_ == UpstreamProtocol::kHttp1;
  if (one_at_a_time) return 1;
  const size_t most = cluster_->config().max_requests_per_connection;
  return most > 0 ? std::min(most, usual_streams_) : usual_streams_;
}

/// Asked for requests that come; who waits already is not sent away any more.
bool HostPool::sheds_connections() const {
  const OverloadState* overload = cluster_->overload();
  return overload != nullptr && overload->sheds(OverloadMeasure::kNewUpstreamConnection,
                                                cluster_->context().random, cluster_->context().shard);
}

void HostPool::connect_if_needed() {
  while (needs_connection() && connect(first_waiting_->high_priority_)) {}
}

/// It has led to a connection, or to nothing.
void HostPool::end_attempt(const UpstreamConnection& connection) {
  connecting_ -= connection.expected();
  --attempts_;
}

/// Of all workers together, which do not wait for each other: at times it has one more for each of them.
bool HostPool::host_is_full() const {
  const uint32_t most = cluster_->config().max_connections_per_host;
  return most < UINT32_MAX && host_->host().state().total(&HostStats::cx_active) >= most;
}

bool HostPool::connect(bool high_priority) {
  auto unit = host_is_full() ? BreakerUnit()
                             : BreakerUnit::take(cluster_->breakers(), Resource::kConnections, high_priority,
                                                 cluster_->context().shard);
  if (!unit) {
    cluster_->stats().add(kUpstreamCxOverflow);
    // A pool without any connection gets one all the same, or its requests would wait for somebody else's to
    // end.
    if (!connections_.empty()) return false;
    unit = BreakerUnit::force(cluster_->breakers(), Resource::kConnections, high_priority,
                              cluster_->context().shard);
  }
  const size_t expected = expected_streams();
  connections_.push_back(
      std::make_unique<UpstreamConnection>(LocalRef<HostPool>(this), protocol_, expected, std::move(unit)));
  connecting_ += expected;
  ++attempts_;
  connections_.back()->connect();
  return true;
}

void HostPool::on_connected(UpstreamConnection& connection) {
  end_attempt(connection);
  most_attempts_ += kMoreAttempts;
  if (protocol_ == UpstreamProtocol::kAuto)
    agreed_ = connection.multiplexes() ? UpstreamProtocol::kHttp2 : UpstreamProtocol::kHttp1;
  on_available(connection);
  // It may carry fewer than it was thought to, and more attempts are allowed now.
  connect_if_needed();
}

void HostPool::on_connect_failed(Failure failure, std::string_view transport_failure) {
  most_attempts_ = 1;
  fail_waiting(failure, transport_failure);
  leave_if_idle();
}

// ---------------------------------------------------------------------------------------------- connections

void HostPool::on_available(UpstreamConnection& connection) {
  while (first_waiting_ != nullptr && connection.room() > 0) {
    auto& request = *first_waiting_;
    unlink(request);
    assign(connection, request);
  }
  settle(connection);
}

void HostPool::on_capacity(UpstreamConnection& connection) {
  on_available(connection);
  connect_if_needed();
}

void HostPool::settle(UpstreamConnection& connection) {
  if (connection.closed() || !connection.connected()) return;
  list(connection, !retired_ && connection.room() > 0);
  if (!connection.idle()) return;
  if (retired_ || connection.retired()) {
    connection.close();
  } else {
    connection.rest();
  }
}

void HostPool::list(UpstreamConnection& connection, bool ready) {
  if (connection.listed_ == ready) return;
  connection.listed_ = ready;
  if (ready) {
    ready_.push_back(&connection);
  } else if (ready_.back() == &connection) {
    ready_.pop_back();
  } else {
    std::erase(ready_, &connection);
  }
}

void HostPool::on_closed(UpstreamConnection& connection) {
  list(connection, false);
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const auto& owned) { return owned.get() == &connection; });
  std::swap(*found, connections_.back());
  auto gone = std::move(connections_.back());
  connections_.pop_back();
  cluster_->context().reactor.dispose(std::move(gone));
  if (!connection.connected()) {
    end_attempt(connection);
    return;  // on_connect_failed follows
  }
  // Requests that found the connection breaker closed to them now have room.
  connect_if_needed();
  leave_if_idle();
}

/// Connections of a host's pools by name come and go with the names: so do the pools.
void HostPool::leave_if_idle() {
  if (named() && connections_.empty() && waiting_ == 0) cluster_->forget(*this);
}

// ---------------------------------------------------------------------------------------------- changes

void HostPool::set_host(std::shared_ptr<const Host> host) {
  if (host.get() == &host_->host()) return;
  const auto before = std::exchange(host_, LocalRef<WorkerHost>(new WorkerHost(cluster_, std::move(host))));
  if (!cluster_->same_transport(before->endpoint(), host_->endpoint())) renew();
}

std::vector<UpstreamConnection*> HostPool::present() const {
  std::vector<UpstreamConnection*> present;
  for (const auto& connection : connections_) present.push_back(connection.get());
  return present;
}

/// Connections to be made from now on are secured in another way: those that stand serve no new request.
void HostPool::renew() {
  for (auto* connection : present()) {
    if (connection->connected()) {
      connection->retire();
    } else {
      connection->close();
    }
  }
  connect_if_needed();
}

size_t HostPool::close_resting() {
  const LocalRef<HostPool> self(this);
  const auto ready = ready_;
  size_t closed = 0;
  for (auto* connection : ready) {
    if (!connection->idle()) continue;
    connection->close();
    ++closed;
  }
  return closed;
}

/// Those under way are as good as new, if somebody waits for them.
void HostPool::drain() {
  const LocalRef<HostPool> self(this);
  const bool waited_for = waiting_ > 0;
  for (auto* connection : present()) {
    if (connection->connected()) {
      connection->retire();
    } else if (!waited_for) {
      connection->close();
    }
  }
}

void HostPool::close_all() {
  const LocalRef<HostPool> self(this);
  for (auto* connection : present()) {
    if (connection->connected()) connection->close();
  }
}

void HostPool::retire() {
  retired_ = true;
  const auto ready = ready_;
  for (auto* connection : ready) settle(*connection);
}

}  // namespace remora
