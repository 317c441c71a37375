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
#include "local_ref.h"
#include "net/reactor.h"
#include "remora/config/bootstrap.h"
#include "remora/core/random.h"
#include "response_head.h"
#include "string_map.h"
#include "upstream/worker_cluster.h"
#include "worker_config.h"
#include "worker_http.h"

namespace remora {

class DownstreamConnection;
class WorkerListener;

/// One consistent change as a worker sees it: prepared on the main thread, applied between two events.
struct WorkerBatch {
  struct Cluster {
    std::shared_ptr<const ClusterRuntime> runtime;
    std::shared_ptr<const HostSet> hosts;
  };
  struct Listener {
    std::shared_ptr<const ListenerRuntime> runtime;
    std::vector<int> sockets;  // this worker's own; empty: the addresses did not change
  };
  std::vector<Cluster> clusters;
  std::vector<std::pair<std::string, std::shared_ptr<const HostSet>>> hosts;
  std::vector<std::pair<std::string, std::shared_ptr<const RouteTable>>> routes;
  std::vector<Listener> listeners;
  std::vector<std::string> removed_clusters;
  std::vector<std::string> removed_routes;
  std::vector<std::string> removed_listeners;
};

/// How connections are told to go elsewhere while the process, or its inbound side, drains.
struct DrainState {
  bool active = false;
  bool inbound_only = false;
  bool gradual = false;  // the share of closed connections rises linearly over `duration`
  MonotonicTime start{};
  Milliseconds duration{0};
};

/// A thread that does everything for its connections: its event loop, listeners, pools, timers, statistics
/// shard and its view of the configuration. Nothing is shared with other workers on the path of a request.
class Worker final : private TurnEndHandler {
 public:
  /// `shard` counts from 1.
  Worker(size_t shard, AccessLogWriter& logs);
  ~Worker();

  // From the main thread.
  void start();
  /// Ends all connections and the thread.
  void stop();
  void post(std::function<void()> task) { reactor_.post(std::move(task)); }

  // On this worker's thread, by post().
  void apply(WorkerBatch batch);
  /// Tells clients to leave; with `stop_accepting`, listeners close (those of inbound direction only, if so
  /// asked).
  void drain(DrainState state, bool stop_accepting);
  [[nodiscard]] size_t connections() const { return connections_.size(); }

  // For what runs on it.
  [[nodiscard]] Reactor& reactor() { return reactor_; }
  [[nodiscard]] const Clock& clock() { return reactor_.clock(); }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] size_t shard() const { return shard_; }
  void arm(Timer& timer, Milliseconds delay) { reactor_.arm(timer, delay); }
  [[nodiscard]] std::string_view date() { return date_.at(clock().wall()); }
  [[nodiscard]] bool enabled(const RuntimeFraction& fraction, uint64_t random) const {
    return fraction.value.includes(random);
  }
  [[nodiscard]] uint64_t next_connection_id() { return (uint64_t{shard_} << 48) | ++last_connection_id_; }

  [[nodiscard]] LocalRef<WorkerCluster> find_cluster(std::string_view name) const;
  [[nodiscard]] LocalRef<WorkerRoutes> find_routes(std::string_view name) const;

  void add_connection(LocalRef<WorkerListener> listener, int fd, const Address& remote);
  void remove_connection(DownstreamConnection& connection);
  /// Whether a response on `listener` should be the connection's last.
  [[nodiscard]] bool drain_closes(const ListenerConfig& listener);

  std::unique_ptr<Exchange> take_exchange();
  [[nodiscard]] HeaderMapPool& heads() { return heads_; }
  /// Frees the exchange for its next life at the end of the turn.
  void recycle(std::unique_ptr<Exchange> exchange);
  void log_access(const WorkerHttp& http, const ExchangeInfo& info, uint64_t random);

 private:
  void on_turn_end() override;
  void want_turn_end();
  void apply_cluster(WorkerBatch::Cluster& update);
  void apply_listener(WorkerBatch::Listener& update);
  void remove_listener(const std::string& name);
  void end_everything();

  size_t shard_;
  AccessLogWriter& logs_;
  Reactor reactor_;
  Random random_;
  DateCache date_;
  uint64_t last_connection_id_ = 0;
  StringMap<LocalRef<WorkerCluster>> clusters_;
  StringMap<LocalRef<WorkerRoutes>> routes_;
  StringMap<LocalRef<WorkerListener>> listeners_;
  std::unordered_map<DownstreamConnection*, std::unique_ptr<DownstreamConnection>> connections_;
  HeaderMapPool heads_;
  std::vector<std::unique_ptr<Exchange>> spare_exchanges_;
  std::vector<std::unique_ptr<Exchange>> done_exchanges_;
  std::vector<std::pair<std::shared_ptr<LogFile>, std::string>> log_lines_;
  DrainState drain_;
  bool turn_end_wanted_ = false;
  std::thread thread_;
};

}  // namespace remora
