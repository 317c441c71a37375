#include "upstream/pool.h"

#include <algorithm>

#include "stats/cluster_stats.h"
#include "upstream/upstream_connection.h"

namespace remora {

void StreamRequest::cancel_wait() {
  if (pool_ != nullptr) pool_->unlink(*this);
}

HostPool::HostPool(LocalRef<WorkerCluster> cluster, std::shared_ptr<const Host> host)
    : cluster_(std::move(cluster)),
      host_(new WorkerHost(std::move(host), cluster_->context().shard)) {}

HostPool::~HostPool() = default;

void HostPool::open(StreamRequest& request, bool high_priority) {
  request.high_priority_ = high_priority;
  if (!idle_.empty()) {
    auto* connection = idle_.back();
    idle_.pop_back();
    assign(*connection, request);
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
  connect_if_needed();
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
    cluster_->stats().add(kUpstreamRqPendingOverflow);
    idle_.push_back(&connection);
    connection.rest();
    request.on_no_stream(Failure::kOverflow, {});
    return;
  }
  auto& sink = connection.open(request.response_events(), std::move(unit));
  request.on_stream(sink, connection);
}

void HostPool::connect_if_needed() {
  while (connecting_ < waiting_ && connect(first_waiting_->high_priority_)) {}
}

bool HostPool::connect(bool high_priority) {
  auto unit = BreakerUnit::take(cluster_->breakers(), Resource::kConnections, high_priority,
                                cluster_->context().shard);
  if (!unit) {
    cluster_->stats().add(kUpstreamCxOverflow);
    // A pool without any connection gets one all the same, or its requests would wait for somebody else's to
    // end.
    if (!connections_.empty()) return false;
    unit = BreakerUnit::force(cluster_->breakers(), Resource::kConnections, high_priority,
                              cluster_->context().shard);
  }
  connections_.push_back(std::make_unique<UpstreamConnection>(LocalRef<HostPool>(this), std::move(unit)));
  ++connecting_;
  connections_.back()->connect();
  return true;
}

void HostPool::on_connected(UpstreamConnection& connection) {
  --connecting_;
  on_available(connection);
}

void HostPool::on_connect_failed(Failure failure, std::string_view transport_failure) {
  --connecting_;
  fail_waiting(failure, transport_failure);
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

void HostPool::on_available(UpstreamConnection& connection) {
  if (first_waiting_ != nullptr) {
    auto& request = *first_waiting_;
    unlink(request);
    assign(connection, request);
    return;
  }
  if (retired_) {
    connection.close();
    return;
  }
  idle_.push_back(&connection);
  connection.rest();
}

void HostPool::on_closed(UpstreamConnection& connection) {
  std::erase(idle_, &connection);
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const auto& owned) { return owned.get() == &connection; });
  if (found != connections_.end()) {
    std::swap(*found, connections_.back());
    auto gone = std::move(connections_.back());
    connections_.pop_back();
    cluster_->context().reactor.dispose(std::move(gone));
  }
  // Requests that found the connection breaker closed to them now have room.
  if (connection.connected()) connect_if_needed();
}

void HostPool::set_host(std::shared_ptr<const Host> host) {
  if (host.get() == &host_->host()) return;
  host_ = LocalRef<WorkerHost>(new WorkerHost(std::move(host), cluster_->context().shard));
}

void HostPool::retire() {
  retired_ = true;
  const auto idle = std::move(idle_);
  idle_.clear();
  for (auto* connection : idle) connection->close();
  for (auto& connection : connections_) connection->retire();
}

}  // namespace remora
