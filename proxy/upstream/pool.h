#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "local_ref.h"
#include "remora/config/cluster.h"
#include "remora/core/failure.h"
#include "upstream/own_pool.h"
#include "upstream/stream_request.h"
#include "upstream/worker_cluster.h"

namespace remora {

class Transport;
class UpstreamConnection;

/// What connections of one pool have in common, beyond their host.
struct PoolKey {
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;  // never kDownstream
  /// auto_sni, auto_san_validation: the host that requests name. "" without these.
  std::string_view name;
  const ConnectionSource* source = nullptr;  // original_src; null: our own
  bool tcp = false;                          // for tunnels to an upstream that speaks TCP; then kHttp1
  DownstreamEnds ends;  // of the only downstream connection that it is for; empty: connections are anybody's
};

/// One worker's connections to one host that can serve the same requests. Hands streams out at once where a
/// connection has room, else queues the request and connects; the cluster's circuit breakers bound both.
/// Source: Envoy, connection pooling.
class HostPool final : public LocalCounted, public OwnPool {
 public:
  /// Connections that one request may have made ahead of need. Source: Envoy.
  static constexpr int kMostAhead = 3;

  HostPool(LocalRef<WorkerCluster> cluster, std::shared_ptr<const Host> host, const PoolKey& key);
  ~HostPool() override;

  /// Answers through the request, possibly from within.
  void open(StreamRequest& request, bool high_priority);
  /// The same member with a changed endpoint.
  void set_host(std::shared_ptr<const Host> host);
  /// Closes the connections that carry nothing; their number.
  size_t close_resting();
  /// Connections that are there serve no new requests: idle ones close, busy ones when they are done.
  void drain();
  /// All connections that are there end at once, with their requests.
  void close_all();
  /// The host has left: no new connection is kept, idle ones close, busy ones when their requests are over.
  void retire();

  [[nodiscard]] bool serves(const PoolKey& key) const {
    return protocol_ == key.protocol && tcp_ == key.tcp && name_ == key.name &&
           (key.source == nullptr ? source_.address.empty() : source_ == *key.source) &&
           (key.ends.from == nullptr ? from_.empty() : from_ == *key.ends.from && to_ == *key.ends.to);
  }
  /// One of many of its host: goes when it has nothing left.
  [[nodiscard]] bool named() const { return !name_.empty() || !source_.address.empty() || !from_.empty(); }
  [[nodiscard]] bool tcp() const { return tcp_; }
  [[nodiscard]] bool retired() const { return retired_; }
  /// What it serves. Borrows from the pool.
  [[nodiscard]] PoolKey key() const;
  /// A request is likely to come: connects for it unless its connections suffice for `ratio` times the
  /// streams that there would be. False: it did not. Source: Envoy, preconnect_policy.
  bool connect_for_next(double ratio);
  [[nodiscard]] const LocalRef<WorkerHost>& host() const { return host_; }
  [[nodiscard]] WorkerCluster& cluster() { return *cluster_; }
  /// What the transport said of the last connection that it gave up after connecting.
  [[nodiscard]] std::string_view transport_failure() const { return transport_failure_; }

  // From connections.
  bool make_transport(std::unique_ptr<Transport>& out) const;
  Dialled dial();
  /// WorkerCluster::first_words of a connection.
  [[nodiscard]] std::string first_words(int fd) const;
  /// Whom its connections are made for, where the host is told.
  [[nodiscard]] DownstreamEnds ends() const;
  std::unique_ptr<AddressRace> race(AddressRace::Result result);
  void set_transport_failure(std::string_view text) { transport_failure_ = text; }
  /// How many streams the host takes on a connection: as the last one's SETTINGS said, and assumed of those
  /// whose have not come.
  void set_usual_streams(size_t streams) { usual_streams_ = streams; }
  [[nodiscard]] size_t usual_streams() const { return usual_streams_; }
  void on_connected(UpstreamConnection& connection);
  void on_connect_failed(Failure failure, std::string_view transport_failure);
  /// A connection carries one stream more, or so many fewer.
  void stream_opened() { ++active_; }
  void streams_ended(size_t streams) { active_ -= streams; }
  /// How many streams one of its connections is made for, connecting or connected, has changed.
  void count_provided(size_t before, size_t now);
  /// A connection has room again, as far as it can be used again.
  void on_available(UpstreamConnection& connection);
  /// Its upstream allows more or fewer streams than before.
  void on_capacity(UpstreamConnection& connection);
  /// Puts a connection where it belongs: among the ready ones, to rest, or away.
  void settle(UpstreamConnection& connection);
  /// A connection has closed; it is freed at the end of the turn.
  void on_closed(UpstreamConnection& connection);

 private:
  friend class StreamRequest;

  void enqueue(StreamRequest& request);
  void unlink(StreamRequest& request);
  void assign(UpstreamConnection& connection, StreamRequest& request);
  [[nodiscard]] bool needs_connection() const { return connecting_ < waiting_ && attempts_ < most_attempts_; }
  [[nodiscard]] bool sheds_connections() const;
  void connect_if_needed();
  void connect_ahead(bool high_priority);
  [[nodiscard]] bool wants_more_for(size_t streams, double ratio) const;
  void end_attempt(const UpstreamConnection& connection);
  bool connect(bool high_priority);
  [[nodiscard]] bool host_is_full() const;
  void fail_waiting(Failure failure, std::string_view transport_failure);
  void list(UpstreamConnection& connection, bool ready);
  [[nodiscard]] std::vector<UpstreamConnection*> present() const;
  void renew();
  void leave_if_idle();
  [[nodiscard]] size_t expected_streams() const;

  LocalRef<WorkerCluster> cluster_;
  LocalRef<WorkerHost> host_;
  std::string name_;
  ConnectionSource source_;
  Address from_;  // DownstreamEnds; empty: none
  Address to_;
  std::vector<std::unique_ptr<UpstreamConnection>> connections_;
  std::vector<UpstreamConnection*> ready_;  // with room; the most recently used last, and taken first
  StreamRequest* first_waiting_ = nullptr;
  StreamRequest* last_waiting_ = nullptr;
  size_t waiting_ = 0;
  size_t usual_streams_;
  size_t active_ = 0;      // streams on connections
  size_t provided_ = 0;    // streams that connections are made for
  size_t connecting_ = 0;  // streams that connections under way will carry, as far as is known
  size_t attempts_ = 0;    // connections under way
  size_t most_attempts_;   // of them at once
  std::string transport_failure_;
  double ahead_;  // per_upstream_preconnect_ratio
  UpstreamProtocol protocol_;
  UpstreamProtocol agreed_ = UpstreamProtocol::kAuto;  // kAuto: what the last handshake led to
  bool tcp_;
  bool looks_ahead_;  // predictive_preconnect_ratio: other hosts are connected to as well
  bool retired_ = false;
};

}  // namespace remora
