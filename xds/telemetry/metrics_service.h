#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

namespace grpc {
class Service;
}

namespace remora::telemetry {

class TrafficStore;

/// Envoy's metrics service: takes what proxies push (envoy.stat_sinks.metrics_service, with
/// emit_tags_as_labels) into the store. Messages are read on gRPC's threads, one at a time of each stream,
/// and taken on the context. Context and store outlive the gRPC server, and so does this.
class MetricsService {
 public:
  MetricsService(boost::asio::io_context& context, TrafficStore& store);
  ~MetricsService();

  /// To be registered with a gRPC server.
  grpc::Service& service();
  /// Ends all streams, so that the server has nothing to wait for. On the context's thread.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace remora::telemetry
