#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "local_ref.h"
#include "remora/core/failure.h"
#include "upstream/stream_request.h"
#include "upstream/worker_cluster.h"

namespace remora {

class UpstreamConnection;

/// One worker's connections to one host. Hands streams out at once where a connection is free, else queues
/// the request and connects; the cluster's circuit breakers bound both. Source: Envoy, connection pooling.
class HostPool final : public LocalCounted {
 public:
  HostPool(LocalRef<WorkerCluster> cluster, std::shared_ptr<const Host> host);
  ~HostPool() override;

  /// Answers through the request, possibly from within.
  void open(StreamRequest& request, bool high_priority);
  /// The same member with a changed endpoint.
  void set_host(std::shared_ptr<const Host> host);
  /// The host has left: no new connection is kept, idle ones close, busy ones when their request is over.
  void retire();

  [[nodiscard]] const LocalRef<WorkerHost>& host() const { return host_; }
  [[nodiscard]] WorkerCluster& cluster() { return *cluster_; }

  // From connections.
  void on_connected(UpstreamConnection& connection);
  void on_connect_failed(Failure failure, std::string_view transport_failure);
  /// A connection can take a stream.
  void on_available(UpstreamConnection& connection);
  /// A connection has closed; it is freed at the end of the turn.
  void on_closed(UpstreamConnection& connection);

 private:
  friend class StreamRequest;

  void enqueue(StreamRequest& request);
  void unlink(StreamRequest& request);
  void assign(UpstreamConnection& connection, StreamRequest& request);
  void connect_if_needed();
  bool connect(bool high_priority);
  void fail_waiting(Failure failure, std::string_view transport_failure);

  LocalRef<WorkerCluster> cluster_;
  LocalRef<WorkerHost> host_;
  std::vector<std::unique_ptr<UpstreamConnection>> connections_;
  std::vector<UpstreamConnection*> idle_;  // the most recently used last, and taken first
  StreamRequest* first_waiting_ = nullptr;
  StreamRequest* last_waiting_ = nullptr;
  size_t waiting_ = 0;
  size_t connecting_ = 0;
  bool retired_ = false;
};

}  // namespace remora
