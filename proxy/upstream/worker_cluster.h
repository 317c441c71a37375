#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

#include "connection_origin.h"
#include "local_ref.h"
#include "net/address_race.h"
#include "net/reactor.h"
#include "remora/config/cluster.h"
#include "remora/core/failure.h"
#include "remora/core/random.h"
#include "upstream/client_codecs.h"
#include "upstream/cluster_runtime.h"
#include "upstream/host_pools.h"
#include "upstream/load_balancer.h"

namespace remora {

class AggregateChoice;
class DestinationTable;
class HostPool;
class Transport;
class WorkerCluster;
class WorkerClusters;
struct Dialled;
struct PoolKey;

/// What the upstream side needs of its worker. Borrowed.
struct UpstreamContext {
  Reactor& reactor;
  Random& random;
  size_t shard;
  WorkerClusters* clusters = nullptr;  ///< all of the worker, for clusters that consist of others
};

/// One version of one host on one worker: holds the shared Host for exchanges that log its endpoint.
class WorkerHost final : public LocalCounted {
 public:
  WorkerHost(LocalRef<WorkerCluster> cluster, std::shared_ptr<const Host> host);
  ~WorkerHost() override;
  /// Whose host it is: of one that an aggregate cluster has chosen, the member.
  [[nodiscard]] WorkerCluster& cluster() const { return *cluster_; }
  [[nodiscard]] const Host& host() const { return *host_; }
  [[nodiscard]] const Endpoint& endpoint() const { return host_->endpoint(); }
  [[nodiscard]] HostStats& stats() const { return stats_; }

 private:
  LocalRef<WorkerCluster> cluster_;
  std::shared_ptr<const Host> host_;
  HostStats& stats_;
};

/// One version of one cluster on one worker: chooses hosts and keeps their connection pools. Exchanges in
/// flight hold it; a newer version or a removal retires it, and it goes when the last exchange does.
class WorkerCluster final : public LocalCounted {
 public:
  WorkerCluster(UpstreamContext context, std::shared_ptr<const ClusterRuntime> runtime);
  ~WorkerCluster() override;

  /// New hosts; pools of hosts that left, or that are outside of the aperture now, are drained.
  void set_hosts(std::shared_ptr<const HostSet> hosts);
  /// Closes the connections that carry nothing; their number.
  size_t close_resting();
  /// The cluster is replaced or removed: idle connections close now, the others with their requests.
  void retire();

  /// The chosen host's pool for such a request; empty when there is no host to choose.
  LocalRef<HostPool> pick(const LbContext& context);
  /// Whether the next request is to be spared its hosts (drop_overloads), by chance.
  [[nodiscard]] bool drops_request() {
    const uint32_t share = hosts_ == nullptr ? 0 : hosts_->drop_per_million();
    return share > 0 && context_.random.below(1'000'000) < share;
  }
  /// All of its requests are to be.
  [[nodiscard]] bool drops_everything() const {
    return hosts_ != nullptr && hosts_->drop_per_million() == 1'000'000;
  }
  /// A request is about to ask `asking` for a stream: connects to the hosts of the next ones, as far as can
  /// be foreseen. Source: Envoy, predictive_preconnect_ratio.
  void connect_ahead(const HostPool& asking);
  /// How many streams its connections are made for has changed, from pools.
  void count_provided(size_t before, size_t now) { provided_ += now - before; }
  /// `one` ends with the health of `host`, one of this cluster's, where the cluster says so; borrowed.
  void bind_to_health(const WorkerHost& host, HealthBound& one);
  /// The pool has nothing left and is one of many.
  void forget(const HostPool& pool);

  /// The transport of a connection to `host` into `out`; null there: plain text. False: its secrets have not
  /// come, which is counted.
  bool make_transport(const WorkerHost& host, std::unique_ptr<Transport>& out) const;
  /// As above, for HTTP. `name`: PoolKey::name.
  bool make_transport(const WorkerHost& host, UpstreamProtocol protocol, std::string_view name,
                      std::unique_ptr<Transport>& out) const;
  /// What `host` is to hear before anything else on a connection that is made for `ends`: a PROXY header, or
  /// nothing. `fd`: the connection's.
  [[nodiscard]] std::string first_words(const WorkerHost& host, const DownstreamEnds& ends, int fd) const;
  /// A socket on its way to `host`. `source`: of ConnectionOrigin.
  Dialled dial(const WorkerHost& host, const ConnectionSource& source);
  /// For a host with several addresses, instead of dial(): whichever answers first. Null: it has one. Each
  /// attempt but the first counts as another connection. Cluster and host must outlive it.
  std::unique_ptr<AddressRace> race(const WorkerHost& host, const ConnectionSource& source,
                                    AddressRace::Result result);
  [[nodiscard]] bool same_transport(const Endpoint& a, const Endpoint& b) const;

  /// The priority of a host that was picked, as LbContext::left_out counts them.
  [[nodiscard]] uint32_t priority_of(const WorkerHost& host) const;

  // What became of an attempt: for outlier detection and the host's own counters. Those of an aggregate
  // cluster are its member's.
  void report_connected(const WorkerHost& host);
  /// A response's head. Where it answers a gRPC request (`grpc`), the status in `grpc-status` is what counts;
  /// it may come with the trailers only, then report_grpc_trailers() follows. `started`: when its stream was
  /// there.
  void report_response(const WorkerHost& host, const HeaderMap& head, bool grpc, bool end,
                       MonotonicTime started);
  void report_grpc_trailers(const WorkerHost& host, const HeaderMap& trailers);
  /// What the host says of its load, in a head or in trailers. report_response() calls it with heads.
  void report_load(const WorkerHost& host, const HeaderMap& headers);
  void report_failure(const WorkerHost& host, Failure failure, MonotonicTime started);

  [[nodiscard]] const ClusterConfig& config() const { return *runtime_->config; }
  [[nodiscard]] StatBlock& stats() { return stats_; }
  /// The counts of internal or of external requests (origin_stat_schema()), made at the first one.
  [[nodiscard]] StatBlock& origin_stats(bool internal);
  /// The counts of shadows that go to this cluster (shadow_stat_schema()), made at the first one.
  [[nodiscard]] StatBlock& shadow_stats();
  [[nodiscard]] CircuitBreakers& breakers() { return *runtime_->breakers; }
  /// Null: there is no overload manager.
  [[nodiscard]] const OverloadState* overload() const { return runtime_->overload.get(); }
  [[nodiscard]] ClientCodecs& codecs() { return codecs_; }
  [[nodiscard]] const UpstreamContext& context() const { return context_; }

 private:
  Dialled dial_to(const Address& address, const ConnectionSource& source);
  const Host* choose(const LbContext& context);
  [[nodiscard]] std::shared_ptr<const Host> shared(const Host& host) const;
  HostPools& pools_of(const HostState& host);
  LocalRef<HostPool> pool_of(const Host& host, const PoolKey& key);
  LocalRef<HostPool> own_pool(const Host& host, const PoolKey& key, DownstreamPools& own);
  void drop_pools(const HostState& host);
  [[nodiscard]] PoolKey key_for(const LbContext& context, const Endpoint& endpoint) const;
  void charge_outlier(const WorkerHost& host, OutlierResult result, uint16_t status);
  /// An answer that is good, or one that did not come in time.
  void watch_latency(const WorkerHost& host, MonotonicTime started);
  void note_latency(const WorkerHost& host, MonotonicTime started, bool failed);

  UpstreamContext context_;
  std::shared_ptr<const ClusterRuntime> runtime_;
  StatBlock& stats_;
  LoadBalancer balancer_;
  std::shared_ptr<const HostSet> hosts_;
  std::unordered_map<const HostState*, HostPools> pools_;
  std::unique_ptr<AggregateChoice> members_;        // instead of hosts_, for aggregate clusters
  std::unique_ptr<DestinationTable> destinations_;  // instead of hosts_, for type ORIGINAL_DST
  ClientCodecs codecs_;
  std::shared_ptr<StatScope> origin_scopes_[2];  // external, internal
  std::shared_ptr<StatScope> shadow_scope_;
  bool latency_aware_;    // the policy asks how long answers take
  bool load_aware_;       // the policy asks what hosts say of their load
  bool watches_latency_;  // outlier detection asks how long answers take
  bool per_downstream_;   // connections are used for one downstream connection only
  size_t provided_ = 0;   // streams that connections are made for
  bool retired_ = false;
};

}  // namespace remora
