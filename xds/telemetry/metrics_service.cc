#include "telemetry/metrics_service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <set>

#include "api/metrics_service.grpc.pb.h"
#include "telemetry/onward_stream.h"
#include "telemetry/traffic_store.h"

namespace remora::telemetry {
namespace {

using ServiceProto = envoy::service::metrics::v3::MetricsService;
using envoy::service::metrics::v3::StreamMetricsMessage;
using envoy::service::metrics::v3::StreamMetricsResponse;

constexpr size_t kMaxNodeId = 1024;
const grpc::Status kUnnamed{grpc::StatusCode::INVALID_ARGUMENT,
                            "the first message must name its node (identifier), in at most 1 KiB"};
const grpc::Status kUnlabelled{grpc::StatusCode::FAILED_PRECONDITION,
                               "the sink needs emit_tags_as_labels: true, or nothing can be told apart"};
const grpc::Status kTooMany{grpc::StatusCode::RESOURCE_EXHAUSTED, "too many proxies report"};
const grpc::Status kClosing{grpc::StatusCode::UNAVAILABLE, "the control plane is shutting down"};
const grpc::Status kMoved{grpc::StatusCode::UNAVAILABLE,
                          "another replica of the control plane takes reports now"};

class Stream;

/// Those that are open, and where what they bring goes. Control thread only.
struct Streams {
  std::set<std::shared_ptr<Stream>> all;
  std::unique_ptr<OnwardStream::Stub> onward;  ///< null: it is taken here
  bool closed = false;
};

/// One proxy's stream. The next message is read once the one before has been taken, so a proxy that pushes
/// faster than we count waits in its own buffers.
class Stream final : public grpc::ServerReadReactor<StreamMetricsMessage>,
                     public std::enable_shared_from_this<Stream> {
 public:
  Stream(boost::asio::io_context& context, TrafficStore& store, Streams& streams,
         const MetricsService::Doorman& doorman, const grpc::CallbackServerContext& call)
      : context_(context),
        store_(store),
        streams_(streams),
        doorman_(doorman),
        call_(call) {}

  void start() {
    self_ = shared_from_this();
    boost::asio::post(context_, [self = self_] {
      if (self->streams_.closed) return self->finish(kClosing);
      self->streams_.all.insert(self);
      self->ask_doorman();
    });
  }

  void OnReadDone(bool ok) override {
    if (!ok) return finish(grpc::Status::OK);  // the end, or a message that cannot be read
    if (onward_ != nullptr) return onward_->write(message_);
    auto report = std::make_shared<Report>(read_report(message_));
    message_.Clear();
    boost::asio::post(context_, [self = shared_from_this(), report] { self->take(*report); });
  }

  void OnDone() override {
    if (onward_ != nullptr) onward_->end();
    boost::asio::post(context_, [self = std::move(self_)] {
      self->entry_.reset();
      self->streams_.all.erase(self);
      if (self->stream_ != 0) self->store_.end_stream(self->node_id_, self->stream_);
    });
  }

  void finish(const grpc::Status& status) {
    if (!finished_.exchange(true)) Finish(status);
  }

 private:
  void ask_doorman() {
    if (!doorman_) return begin();
    entry_ = doorman_(call_, [weak = weak_from_this()](const Result<void>& admitted) {
      const auto self = weak.lock();
      if (self == nullptr || self->finished_) return;
      if (admitted.ok()) return self->begin();
      self->finish({grpc::StatusCode::UNAUTHENTICATED, admitted.error().message});
    });
  }

  /// What comes is for us, or for the replica that leads; only proxies' own streams are passed on.
  void begin() {
    const bool passed_on = call_.client_metadata().contains(kPassedOn);
    if (streams_.onward != nullptr && passed_on) return finish(kMoved);
    if (streams_.onward != nullptr) {
      onward_ = OnwardStream::open(*streams_.onward, [weak = weak_from_this()](bool ok) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        boost::asio::post(self->context_, [self, ok] {
          if (!ok) return self->finish(kMoved);
          if (!self->finished_) self->StartRead(&self->message_);
        });
      });
    }
    StartRead(&message_);
  }

  void take(const Report& report) {
    if (finished_) return;
    if (stream_ == 0) {
      node_id_ = report.node_id;
      if (node_id_.empty() || node_id_.size() > kMaxNodeId) return finish(kUnnamed);
      stream_ = store_.begin_stream(node_id_);
      if (stream_ == 0) return finish(kTooMany);
    }
    if (report.unlabelled) return finish(kUnlabelled);
    store_.take(node_id_, stream_, report);
    StartRead(&message_);
  }

  boost::asio::io_context& context_;
  TrafficStore& store_;
  Streams& streams_;
  const MetricsService::Doorman& doorman_;
  const grpc::CallbackServerContext& call_;  // lives until OnDone
  std::shared_ptr<Stream> self_;             // until gRPC is done with it
  StreamMetricsMessage message_;
  OnwardStream* onward_ = nullptr;  // set before the first read; ended with this
  std::atomic<bool> finished_{false};

  // Control thread only.
  std::shared_ptr<void> entry_;  // what the doorman has been asked
  std::string node_id_;
  uint64_t stream_ = 0;
};

}  // namespace

class MetricsService::Impl final
    : public ServiceProto::WithCallbackMethod_StreamMetrics<ServiceProto::Service> {
 public:
  Impl(boost::asio::io_context& context, TrafficStore& store, Doorman doorman)
      : context_(context),
        store_(store),
        doorman_(std::move(doorman)) {}

  grpc::ServerReadReactor<StreamMetricsMessage>* StreamMetrics(grpc::CallbackServerContext* call,
                                                               StreamMetricsResponse* /*response*/) override {
    auto stream = std::make_shared<Stream>(context_, store_, streams_, doorman_, *call);
    stream->start();
    return stream.get();
  }

  void pass_on_to(std::shared_ptr<grpc::Channel> channel) {
    if (channel == nullptr && streams_.onward == nullptr) return;
    streams_.onward = channel == nullptr ? nullptr : ServiceProto::NewStub(channel);
    for (const auto& stream : streams_.all) stream->finish(kMoved);
  }

  void close() {
    streams_.closed = true;
    for (const auto& stream : streams_.all) stream->finish(kClosing);
  }

 private:
  boost::asio::io_context& context_;
  TrafficStore& store_;
  const Doorman doorman_;
  Streams streams_;
};

MetricsService::MetricsService(boost::asio::io_context& context, TrafficStore& store, Doorman doorman)
    : impl_(std::make_unique<Impl>(context, store, std::move(doorman))) {}
MetricsService::~MetricsService() = default;
grpc::Service& MetricsService::service() { return *impl_; }
void MetricsService::pass_on_to(std::shared_ptr<grpc::Channel> channel) {
  impl_->pass_on_to(std::move(channel));
}
void MetricsService::close() { impl_->close(); }

}  // namespace remora::telemetry
