#include "telemetry/metrics_service.h"

#include <grpcpp/grpcpp.h>

#include <boost/asio/post.hpp>

#include "api/metrics_service.grpc.pb.h"
#include "telemetry/traffic_store.h"

namespace remora::telemetry {
namespace {

using envoy::service::metrics::v3::MetricsService;
using envoy::service::metrics::v3::StreamMetricsMessage;
using envoy::service::metrics::v3::StreamMetricsResponse;

/// One proxy's stream. The next message is read once the one before has been taken, so a proxy that pushes
/// faster than we count waits in its own buffers.
class Stream final : public grpc::ServerReadReactor<StreamMetricsMessage>,
                     public std::enable_shared_from_this<Stream> {
 public:
  Stream(boost::asio::io_context& context, TrafficStore& store) : context_(context), store_(store) {}

  void start() {
    self_ = shared_from_this();
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return finish(grpc::Status::OK);
    auto report = std::make_shared<Report>(read_report(message_));
    message_.Clear();
    boost::asio::post(context_, [self = shared_from_this(), report] { self->take(*report); });
  }

  void OnDone() override {
    boost::asio::post(context_, [self = std::move(self_)] {
      if (self->stream_ != 0) self->store_.end_stream(self->node_id_, self->stream_);
    });
  }

 private:
  void take(const Report& report) {
    if (stream_ == 0) {
      node_id_ = report.node_id;
      if (node_id_.empty())
        return finish(
            {grpc::StatusCode::INVALID_ARGUMENT, "the first message must name its node (identifier)"});
      stream_ = store_.begin_stream(node_id_);
      if (stream_ == 0) return finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many proxies report"});
    }
    store_.take(node_id_, stream_, report);
    StartRead(&message_);
  }

  void finish(const grpc::Status& status) {
    if (!finished_.exchange(true)) Finish(status);
  }

  boost::asio::io_context& context_;
  TrafficStore& store_;
  std::shared_ptr<Stream> self_;  // until gRPC is done with it
  StreamMetricsMessage message_;
  std::atomic<bool> finished_{false};

  // Control thread only.
  std::string node_id_;
  uint64_t stream_ = 0;
};

class Service final : public MetricsService::WithCallbackMethod_StreamMetrics<MetricsService::Service> {
 public:
  Service(boost::asio::io_context& context, TrafficStore& store) : context_(context), store_(store) {}

  grpc::ServerReadReactor<StreamMetricsMessage>* StreamMetrics(grpc::CallbackServerContext* /*call*/,
                                                               StreamMetricsResponse* /*response*/) override {
    auto stream = std::make_shared<Stream>(context_, store_);
    stream->start();
    return stream.get();
  }

 private:
  boost::asio::io_context& context_;
  TrafficStore& store_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_metrics_service(boost::asio::io_context& context, TrafficStore& store) {
  return std::make_shared<Service>(context, store);
}

}  // namespace remora::telemetry
