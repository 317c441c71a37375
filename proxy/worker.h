#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "access_log_writer.h"
#include "exchange.h"
#include "http/header_map_pool.h"
#include "listener/chain_runtime.h"
#include "local_ref.h"
#include "net/reactor.h"
#include "remora/config/bootstrap.h"
#include "remora/core/random.h"
#include "remora/filter/filter_worker.h"
#include "response_head.h"
#include "string_map.h"
#include "upstream/demands.h"
#include "upstream/worker_clusters.h"
#include "worker_config.h"

namespace remora {

class WorkerConnection;
class WorkerListener;
struct AcceptedSocket;

/// One consistent change as a worker sees it: prepared on the main thread, applied between two events.
struct WorkerBatch {
  struct Cluster {
    std::shared_ptr<const ClusterRuntime> runtime;
    std::shared_ptr<const HostSet> hosts;
  };
  struct Listener {
    std::shared_ptr<const ListenerRuntime> runtime;
    bool in_place = false;     // the next version, on the sockets of the one before
    std::vector<int> sockets;  // this worker's own, if not in place
  };
  std::vector<Cluster> clusters;
  std::vector<std::pair<std::string, std::shared_ptr<const HostSet>>> hosts;
  std::vector<std::pair<std::string, std::shared_ptr<const RouteTable>>> routes;
  std::vector<Listener> listeners;
  std::vector<std::string> removed_clusters;
  std::vector<std::string> removed_routes;
  std::vector<std::string> removed_listeners;
  std::vector<SettledDemand> settled;
};

/// How connections are told to go elsewhere while the process, or its inbound side, drains.
struct DrainState {
  bool active = false;
  bool inbound_only = false;
  bool of_health = false;  // only since health checks are to fail: not where drain_type is MODIFY_ONLY
  bool gradual = false;    // the share of closed connections rises linearly over `duration`
  MonotonicTime start{};
  Milliseconds duration{0};
};

/// A thread that does everything for its connections: its event loop, listeners, pools, timers, statistics
/// shard and its view of the configuration. Nothing is shared with other workers on the path of a request.
class Worker final : public FilterWorker, private TurnEndHandler {
 public:
  /// `shard` counts from 1. `drain_time`: how long connections of filter chains that leave may go on.
  Worker(size_t shard, AccessLogWriter& logs, Milliseconds drain_time = Milliseconds(600000));
  ~Worker();

  // From the main thread.
  void start();
  /// Ends all connections and the thread.
  void stop();
  void post(std::function<void()> task) { reactor_.post(std::move(task)); }
  /// Who is asked for what the configuration does not have yet; called on the worker. Before start().
  void set_demand_source(Demands::Ask ask) { demands_.set_source(std::move(ask)); }

  // On this worker's thread, by post().
  void apply(WorkerBatch batch);
  /// Tells clients to leave; with `stop_accepting`, listeners close (those of inbound direction only, if so
  /// asked).
  void drain(DrainState state, bool stop_accepting);
  [[nodiscard]] size_t connections() const { return connections_.size(); }
  /// How much timeouts are reduced has changed: those that run already are looked at anew.
  void rescale_timeouts();
  /// Those of listeners that have a direction: not those for probes, metrics and the like.
  [[nodiscard]] size_t traffic_connections() const;

  // For what runs on it.
  [[nodiscard]] Reactor& reactor() { return reactor_; }
  [[nodiscard]] const Clock& clock() override { return reactor_.clock(); }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] size_t shard() const override { return shard_; }
  void fetch(HttpFetch request, std::function<void(HttpFetched)> done) override;
  void call_after(Milliseconds delay, std::function<void()> call) override;
  [[nodiscard]] bool has_cluster(std::string_view name) const override { return clusters_.has(name); }
  uint64_t demand(Demand demand, Milliseconds timeout, std::function<void(DemandResult)> done) override {
    return demands_.add(std::move(demand), timeout, std::move(done));
  }
  void cancel_demand(uint64_t id) override { demands_.cancel(id); }
  void arm(Timer& timer, Milliseconds delay) { reactor_.arm(timer, delay); }
  [[nodiscard]] std::string_view date() { return date_.at(clock().wall()); }
  [[nodiscard]] bool enabled(const RuntimeFraction& fraction, uint64_t random) const {
    return fraction.value.includes(random);
  }
  [[nodiscard]] uint64_t next_connection_id() { return (uint64_t{shard_} << 48) | ++last_connection_id_; }

  [[nodiscard]] LocalRef<WorkerCluster> find_cluster(std::string_view name) { return clusters_.find(name); }
  [[nodiscard]] const WorkerClusters& clusters() const { return clusters_; }
  size_t close_resting() { return clusters_.close_resting(); }
  [[nodiscard]] LocalRef<WorkerRoutes> find_routes(std::string_view name) const;

  /// A listener's socket gave a connection.
  void accept(LocalRef<WorkerListener> listener, AcceptedSocket socket);
  /// One that another worker has accepted, for the listener of that name.
  void take_over(const std::string& listener, AcceptedSocket socket);
  /// All that can be known of the connection is known: chooses its filter chain and begins to serve it. With
  /// use_original_dst it first goes to the listener at its original destination, if there is one.
  void begin_connection(LocalRef<WorkerListener> listener, AcceptedSocket socket);
  void add_connection(std::unique_ptr<WorkerConnection> connection);
  void remove_connection(WorkerConnection& connection);
  /// Whether a response in that direction should be the connection's last.
  [[nodiscard]] bool drain_closes(const WorkerListener& listener);

  std::unique_ptr<Exchange> take_exchange();
  [[nodiscard]] HeaderMapPool& heads() { return heads_; }
  /// What the queues of shadow requests hold (Mirror::kMaxQueuedOfWorker).
  [[nodiscard]] size_t& mirrored_bytes() { return mirrored_bytes_; }
  /// Frees the exchange for its next life at the end of the turn.
  void recycle(std::unique_ptr<Exchange> exchange);
  void log_access(const ChainRuntime& chain, const ExchangeInfo& info, uint64_t random);
  /// The listener's own log, of a connection that has ended.
  void log_connection(const WorkerListener& listener, const ExchangeInfo& info);

 private:
  /// Whether what drains is, or includes, that listener.
  [[nodiscard]] bool drains(const WorkerListener& listener) const;
  class DelayedCall;
  void log_to(const AccessLogList& logs, const std::vector<std::shared_ptr<LogFile>>& files,
              const ExchangeInfo& info, uint64_t random);
  void on_turn_end() override;
  void want_turn_end();
  void apply_listener(WorkerBatch::Listener& update);
  void remove_listener(const std::string& name);
  void let_go(WorkerListener& listener);
  void forget_address(const WorkerListener& listener);
  LocalRef<WorkerListener> find_listener_at(const Address& destination) const;
  template <typename Which>
  void drain_connections(Which which, Milliseconds at_most);
  void end_everything();

  size_t shard_;
  AccessLogWriter& logs_;
  Milliseconds drain_time_;
  Reactor reactor_;
  Random random_;
  DateCache date_;
  uint64_t last_connection_id_ = 0;
  WorkerClusters clusters_;
  Demands demands_;
  StringMap<LocalRef<WorkerRoutes>> routes_;
  StringMap<LocalRef<WorkerListener>> listeners_;
  StringMap<LocalRef<WorkerListener>> listeners_by_address_;  // as configured
  std::unordered_map<WorkerConnection*, std::unique_ptr<WorkerConnection>> connections_;
  HeaderMapPool heads_;
  size_t mirrored_bytes_ = 0;
  std::vector<std::unique_ptr<Exchange>> spare_exchanges_;
  std::vector<std::unique_ptr<Exchange>> done_exchanges_;
  std::vector<std::pair<std::shared_ptr<LogFile>, std::string>> log_lines_;
  std::unordered_map<DelayedCall*, std::unique_ptr<DelayedCall>> delayed_calls_;
  DrainState drain_;
  bool accepting_over_ = false;  ///< for listeners that drain_ concerns
  bool turn_end_wanted_ = false;
  std::thread thread_;
};

}  // namespace remora
