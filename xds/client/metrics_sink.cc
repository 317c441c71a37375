#include "client/metrics_sink.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <thread>

#include "api/metrics_service.grpc.pb.h"
#include "client/back_off.h"
#include "client/log.h"
#include "client/metrics_encoder.h"

namespace remora::xds {
namespace {

using envoy::service::metrics::v3::MetricsService;
using envoy::service::metrics::v3::StreamMetricsMessage;
using envoy::service::metrics::v3::StreamMetricsResponse;

/// What a completion says is done.
enum Tag : intptr_t { kStarted = 1, kWritten, kFinished, kWoken };

constexpr std::chrono::seconds kPatience{1};

void* to_pointer(intptr_t tag) { return reinterpret_cast<void*>(tag); }  // NOLINT: gRPC's tags are pointers

}  // namespace

class MetricsSink::Impl {
 public:
  Impl(MetricsSinkConfig config, const envoy::config::core::v3::Node& node, const StatsStore& stats)
      : config_(std::move(config)),
        node_(node),
        encoder_(stats, config_.format) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    if (!thread_.joinable() || stopping_.exchange(true)) return;
    wake_.Set(&queue_, std::chrono::system_clock::now(), to_pointer(kWoken));
    thread_.join();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {}
  }

 private:
  using Clock = std::chrono::system_clock;  // gRPC's deadlines are on the calendar's clock

  void run() {
    while (!stopping_) {
      serve();
      const auto until = Clock::now() + back_off_.next();
      while (!stopping_ && Clock::now() < until) wait(until);
    }
  }

  /// One stream, from the connection to its end.
  void serve() {
    const auto stub = MetricsService::NewStub(make_grpc_channel(config_.target));
    grpc::ClientContext context;
    for (const auto& [name, value] : make_metadata(config_.target.initial_metadata)) {
      context.AddMetadata(name, value);
    }
    StreamMetricsResponse response;
    stream_ = stub->PrepareAsyncStreamMetrics(&context, &response, &queue_);
    encoder_.begin_stream();
    open_ = flushing_ = false;
    flushes_ = 0;
    writing_ = first_ = true;  // the call's start is the first thing that has to complete
    next_flush_ = Clock::now();
    stream_->StartCall(to_pointer(kStarted));
    while (writing_ || (open_ && !stopping_)) {
      if (stopping_) context.TryCancel();
      wait(writing_ ? Clock::now() + std::chrono::hours(24) : next_flush_);
      if (open_ && !writing_ && !stopping_) write_next();
    }
    finish(context);
  }

  /// Why it ended is the server's to say; one that does not is not waited for.
  void finish(grpc::ClientContext& context) {
    grpc::Status status;
    finished_ = false;
    stream_->Finish(&status, to_pointer(kFinished));
    const auto patience = Clock::now() + kPatience;
    while (!finished_) {
      if (stopping_ || Clock::now() >= patience) context.TryCancel();
      wait(Clock::now() + kPatience);
    }
    if (!stopping_ && !warned_) {
      log(LogLevel::kWarning, "the stream to the metrics service " + config_.target.target + " ended: " +
                                  (status.error_message().empty() ? "closed" : status.error_message()));
      warned_ = true;  // once until it works again: a server that is away for long must not fill the log
    }
    stream_.reset();
  }

  void write_next() {
    if (!flushing_) {
      if (Clock::now() < next_flush_) return;
      next_flush_ = Clock::now() + config_.flush_interval;
      ++flushes_;
      encoder_.begin_flush(Clock::now());
      flushing_ = true;
    }
    message_.Clear();
    flushing_ = encoder_.next(message_);
    if (std::exchange(first_, false)) *message_.mutable_identifier()->mutable_node() = node_;
    writing_ = true;
    stream_->Write(message_, to_pointer(kWritten));
  }

  void wait(Clock::time_point until) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return;
    switch (static_cast<Tag>(reinterpret_cast<intptr_t>(tag))) {
      case kStarted:
        writing_ = false;
        open_ = ok;
        break;
      case kWritten:
        writing_ = false;
        open_ = open_ && ok;
        // A server that takes one flush and ends the stream has not got better.
        if (ok && flushes_ > 1) back_off_.reset(), warned_ = false;
        break;
      case kFinished: finished_ = true; break;
      case kWoken: break;
    }
  }

  const MetricsSinkConfig config_;
  const envoy::config::core::v3::Node& node_;
  MetricsEncoder encoder_;
  Random random_;
  BackOff back_off_{random_};
  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  bool warned_ = false;

  // Of the current stream.
  std::unique_ptr<grpc::ClientAsyncWriter<StreamMetricsMessage>> stream_;
  StreamMetricsMessage message_;
  Clock::time_point next_flush_;
  int flushes_ = 0;
  bool open_ = false;
  bool first_ = true;     // no message has been written
  bool writing_ = false;  // an operation will still complete
  bool flushing_ = false;
  bool finished_ = false;
};

MetricsSink::MetricsSink(MetricsSinkConfig config, const envoy::config::core::v3::Node& node,
                         const StatsStore& stats)
    : impl_(std::make_unique<Impl>(std::move(config), node, stats)) {}
MetricsSink::~MetricsSink() { stop(); }
void MetricsSink::start() { impl_->start(); }
void MetricsSink::stop() { impl_->stop(); }

}  // namespace remora::xds
