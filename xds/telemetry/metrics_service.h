#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "remora/core/result.h"

namespace grpc {
class Channel;
class ServerContextBase;
class Service;
}  // namespace grpc

namespace remora::telemetry {

class TrafficStore;

/// Envoy's metrics service: takes what proxies push (envoy.stat_sinks.metrics_service, with
/// emit_tags_as_labels) into the store. Messages are read on gRPC's threads, one at a time of each stream,
/// and taken on the context. Context and store outlive the gRPC server, and so does this.
class MetricsService {
 public:
  /// Asked about each stream before anything of it is read: calls back once, perhaps from within, whether it
  /// may come in, else why not. On the context's thread; dropping the handle gives the question up.
  using Doorman = std::function<std::shared_ptr<void>(const grpc::ServerContextBase& call,
                                                      std::function<void(Result<void>)> answer)>;

  /// Without a doorman everybody may come in.
  MetricsService(boost::asio::io_context& context, TrafficStore& store, Doorman doorman = nullptr);
  ~MetricsService();

  /// To be registered with a gRPC server.
  grpc::Service& service();
  /// From now on what proxies report is passed on to the metrics service at the other end of `channel`; null:
  /// it is taken here. Streams end and begin anew, since the first report of a stream is the only whole one.
  /// On the context's thread.
  void pass_on_to(std::shared_ptr<grpc::Channel> channel);
  /// Ends all streams, so that the server has nothing to wait for. On the context's thread.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace remora::telemetry
