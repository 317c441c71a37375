#include "worker.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>

#include "crash_report.h"
#include "downstream_connection.h"
#include "filter_fetch.h"
#include "listener/accepted_socket.h"
#include "listener/connection_log.h"
#include "listener/pending_socket.h"
#include "listener/worker_listener.h"
#include "net/transport.h"
#include "stats/http_stats.h"
#include "tcp/tcp_connection.h"
#include "tls/server_tls.h"
#include "upstream/pool.h"
#include "worker_connection.h"

namespace remora {
namespace {

// Exchanges kept for reuse; beyond a burst's height they are given back to the allocator.
constexpr size_t kSpareExchanges = 1024;

}  // namespace

/// What a filter wants to be called back for.
class Worker::DelayedCall final : public Disposable {
 public:
  DelayedCall(Worker& worker, Milliseconds delay, std::function<void()> call)
      : worker_(worker),
        call_(std::move(call)),
        timer_(timer_calls<&DelayedCall::on_time>, this) {
    worker.arm(timer_, delay);
  }

 private:
  void on_time() {
    auto own = worker_.delayed_calls_.extract(this);
    worker_.reactor_.dispose(std::move(own.mapped()));
    call_();
  }

  Worker& worker_;
  std::function<void()> call_;
  Timer timer_;
};

Worker::Worker(size_t shard, AccessLogWriter& logs, Milliseconds drain_time)
    : shard_(shard),
      logs_(logs),
      drain_time_(drain_time),
      clusters_({reactor_, random_, shard_}),
      demands_(reactor_) {}

Worker::~Worker() { stop(); }

void Worker::start() {
  thread_ = std::thread([this] {
    make_crash_stack();
    reactor_.run();
  });
  pthread_setname_np(thread_.native_handle(), ("wrk:worker_" + std::to_string(shard_ - 1)).c_str());
}

void Worker::stop() {
  if (!thread_.joinable()) {
    // Never started, or turned by somebody else's thread (tests): end in place.
    end_everything();
    reactor_.turn(0);
    return;
  }
  post([this] {
    end_everything();
    reactor_.stop();
  });
  thread_.join();
}

void Worker::end_everything() {
  for (auto& [name, listener] : listeners_) listener->stop();
  std::vector<WorkerConnection*> all;
  for (auto& [connection, owned] : connections_) all.push_back(connection);
  for (auto* connection : all) connection->close_now();
  demands_.clear();
  listeners_.clear();
  listeners_by_address_.clear();
  delayed_calls_.clear();
  clusters_.retire_all();
  routes_.clear();
}

// ----------------------------------------------------------------------------------------------
// for filters

void Worker::fetch(HttpFetch request, std::function<void(HttpFetched)> done) {
  FilterFetch::start(*this, request, std::move(done));
}

void Worker::call_after(Milliseconds delay, std::function<void()> call) {
  auto made = std::make_unique<DelayedCall>(*this, delay, std::move(call));
  auto* const key = made.get();
  delayed_calls_.emplace(key, std::move(made));
}

// ----------------------------------------------------------------------------------------------
// configuration

void Worker::apply(WorkerBatch batch) {
  // Make before break: what is referred to comes before what refers to it, removals come last.
  for (auto& update : batch.clusters) clusters_.put(std::move(update.runtime), std::move(update.hosts));
  for (auto& [name, hosts] : batch.hosts) clusters_.set_hosts(name, std::move(hosts));
  for (auto& [name, table] : batch.routes)
    routes_[name] = LocalRef<WorkerRoutes>(new WorkerRoutes(std::move(table)));
  for (auto& update : batch.listeners) apply_listener(update);
  for (const auto& name : batch.removed_listeners) remove_listener(name);
  for (const auto& name : batch.removed_routes) routes_.erase(name);
  for (const auto& name : batch.removed_clusters) clusters_.remove(name);
  demands_.settle(batch.settled);
}

void Worker::apply_listener(WorkerBatch::Listener& update) {
  auto& slot = listeners_[update.runtime->config->name];
  if (slot && update.in_place) {
    if (!slot->update(std::move(update.runtime))) return;
    drain_connections(
        [](const WorkerConnection& it) { return it.chain() != nullptr && it.chain()->retired(); },
        drain_time_);
    return;
  }
  const auto old =
      std::exchange(slot, LocalRef<WorkerListener>(new WorkerListener(*this, std::move(update.runtime))));
  slot->each_address([&](const Address& address) { listeners_by_address_[address.to_string()] = slot; });
  slot->listen(std::move(update.sockets));
  if (accepting_over_ && drains(*slot)) slot->stop();
  if (old) let_go(*old);
}

void Worker::remove_listener(const std::string& name) {
  const auto found = listeners_.find(name);
  if (found == listeners_.end()) return;
  const auto old = std::move(found->second);
  listeners_.erase(found);
  let_go(*old);
}

void Worker::forget_address(const WorkerListener& listener) {
  listener.each_address([&](const Address& address) {
    const auto found = listeners_by_address_.find(address.to_string());
    if (found != listeners_by_address_.end() && found->second.get() == &listener)
      listeners_by_address_.erase(found);
  });
}

void Worker::let_go(WorkerListener& listener) {
  forget_address(listener);
  listener.stop();
  listener.retire();
  drain_connections([&listener](const WorkerConnection& it) { return &it.listener() == &listener; },
                    drain_time_);
}

/// Connections may end, and leave the table, while they are told.
template <typename Which>
void Worker::drain_connections(Which which, Milliseconds at_most) {
  std::vector<WorkerConnection*> concerned;
  for (const auto& [connection, owned] : connections_) {
    if (which(*connection)) concerned.push_back(connection);
  }
  for (auto* connection : concerned) connection->drain(at_most);
}

LocalRef<WorkerRoutes> Worker::find_routes(std::string_view name) const {
  const auto found = routes_.find(name);
  return found == routes_.end() ? LocalRef<WorkerRoutes>() : found->second;
}

// ---------------------------------------------------------------------------------------------- connections

void Worker::accept(LocalRef<WorkerListener> listener, AcceptedSocket socket) {
  if (listener->config().listener_filters.empty()) {
    begin_connection(std::move(listener), std::move(socket));
    return;
  }
  auto pending = std::make_unique<PendingSocket>(*this, std::move(listener), std::move(socket));
  auto& added = *pending;
  add_connection(std::move(pending));
  added.start();
}

void Worker::take_over(const std::string& listener, AcceptedSocket socket) {
  const auto found = listeners_.find(listener);
  if (found != listeners_.end()) {
    accept(found->second, std::move(socket));
  } else {
    ::close(socket.fd);
  }
}

LocalRef<WorkerListener> Worker::find_listener_at(const Address& destination) const {
  auto found = listeners_by_address_.find(destination.to_string());
  if (found == listeners_by_address_.end() && destination.is_ip()) {
    const auto* any = destination.family() == AF_INET ? "0.0.0.0:" : "[::]:";
    found = listeners_by_address_.find(any + std::to_string(destination.port()));
  }
  return found == listeners_by_address_.end() ? LocalRef<WorkerListener>() : found->second;
}

void Worker::begin_connection(LocalRef<WorkerListener> listener, AcceptedSocket socket) {
  if (listener->config().use_original_dst && socket.restored && !socket.handed_over) {
    auto other = find_listener_at(socket.local);
    if (other && other.get() != listener.get()) {
      socket.handed_over = true;
      accept(std::move(other), std::move(socket));
      return;
    }
  }
  auto chain = listener->choose(socket);
  if (!chain) {
    listener->stats().add(kListenerNoFilterChainMatch);
    log_unserved(*this, *listener, socket, ResponseFlag::kNoRouteFound, "filter_chain_not_found");
    ::close(socket.fd);
    return;
  }
  std::unique_ptr<Transport> transport;
  if (const auto& slot = chain->runtime().tls) {
    const auto tls = slot->current();
    transport = tls == nullptr ? nullptr : tls->accept(shard_);
    if (transport == nullptr) {
      slot->stats().not_ready(shard_);
      ::close(socket.fd);
      return;
    }
  }
  const bool retired = chain->retired();
  WorkerConnection* connection = nullptr;
  if (chain->http()) {
    auto made = std::make_unique<DownstreamConnection>(*this, std::move(listener), std::move(chain), socket,
                                                       std::move(transport));
    connection = made.get();
    add_connection(std::move(made));
  } else {
    auto made = std::make_unique<TcpConnection>(*this, std::move(listener), std::move(chain), socket,
                                                std::move(transport));
    auto& tcp = *made;
    connection = &tcp;
    add_connection(std::move(made));
    tcp.start();
  }
  if (retired) connection->drain(drain_time_);
}

void Worker::add_connection(std::unique_ptr<WorkerConnection> connection) {
  auto* key = connection.get();
  connections_.emplace(key, std::move(connection));
  if (drains(key->listener())) key->drain(Milliseconds(0));
}

void Worker::remove_connection(WorkerConnection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  reactor_.dispose(std::move(found->second));
  connections_.erase(found);
}

size_t Worker::traffic_connections() const {
  return static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(), [](const auto& entry) {
    return entry.first->listener().config().direction != TrafficDirection::kUnspecified;
  }));
}

bool Worker::drains(const WorkerListener& listener) const {
  if (!drain_.active || (drain_.of_health && listener.config().drain_modify_only)) return false;
  return !drain_.inbound_only || listener.config().direction == TrafficDirection::kInbound;
}

bool Worker::drain_closes(const WorkerListener& listener) {
  if (!drains(listener)) return false;
  if (!drain_.gradual || drain_.duration.count() <= 0) return true;
  const auto elapsed = elapsed_ms(drain_.start, clock().now());
  return random_.below(static_cast<uint64_t>(drain_.duration.count())) < elapsed;
}

void Worker::drain(DrainState state, bool stop_accepting) {
  drain_ = state;
  accepting_over_ = stop_accepting;
  for (auto& [name, listener] : listeners_) {
    if (stop_accepting && drains(*listener)) listener->stop();
  }
  // Connections that rest hear of the end of a pod at once: it need not wait for them later.
  const bool pod_ends = state.inbound_only && !state.gradual;
  if (!stop_accepting && !pod_ends) return;
  drain_connections([this](const WorkerConnection& it) { return drains(it.listener()); }, Milliseconds(0));
}

void Worker::rescale_timeouts() {
  for (auto& [connection, owned] : connections_) connection->rescale_timeouts();
}

// ---------------------------------------------------------------------------------------------- exchanges

std::unique_ptr<Exchange> Worker::take_exchange() {
  if (spare_exchanges_.empty()) return std::make_unique<Exchange>(*this);
  auto exchange = std::move(spare_exchanges_.back());
  spare_exchanges_.pop_back();
  return exchange;
}

void Worker::recycle(std::unique_ptr<Exchange> exchange) {
  done_exchanges_.push_back(std::move(exchange));
  want_turn_end();
}

void Worker::log_access(const ChainRuntime& chain, const ExchangeInfo& info, uint64_t random) {
  if (is_of_attempt(info.log_type)) {
    log_to(chain.router->upstream_logs, chain.upstream_logs, info, random);
  } else {
    log_to(chain.access_logs(), chain.logs, info, random);
  }
}

void Worker::log_connection(const WorkerListener& listener, const ExchangeInfo& info) {
  if (listener.config().access_logs.empty()) return;
  log_to(listener.config().access_logs, listener.shared_runtime()->logs, info, random_.next());
}

void Worker::log_to(const AccessLogList& configs, const std::vector<std::shared_ptr<LogFile>>& files,
                    const ExchangeInfo& info, uint64_t random) {
  for (size_t i = 0; i < configs.size(); ++i) {
    if (files[i] == nullptr || (configs[i]->filter && !configs[i]->filter->matches(info, random))) continue;
    auto lines = std::find_if(log_lines_.begin(), log_lines_.end(),
                              [&](const auto& entry) { return entry.first == files[i]; });
    if (lines == log_lines_.end()) lines = log_lines_.emplace(log_lines_.end(), files[i], std::string());
    configs[i]->append_line(info, lines->second);
    want_turn_end();
  }
}

void Worker::want_turn_end() {
  if (std::exchange(turn_end_wanted_, true)) return;
  reactor_.at_turn_end(*this);
}

void Worker::on_turn_end() {
  turn_end_wanted_ = false;
  for (auto& exchange : done_exchanges_) {
    exchange->recycle();
    if (spare_exchanges_.size() < kSpareExchanges) spare_exchanges_.push_back(std::move(exchange));
  }
  done_exchanges_.clear();
  for (auto& [file, lines] : log_lines_) {
    if (!lines.empty()) logs_.hand_over(*file, lines);
  }
}

}  // namespace remora
