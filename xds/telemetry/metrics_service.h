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
/// and taken on the context. Register it with a gRPC server; both arguments outlive the server.
std::shared_ptr<grpc::Service> make_metrics_service(boost::asio::io_context& context, TrafficStore& store);

}  // namespace remora::telemetry
