#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "client/back_off.h"
#include "client/grpc_target.h"
#include "remora/core/random.h"

namespace remora::xds {

/// Keeps one stream to a management server open, on a thread of its own: connects, feeds the protocol, and
/// after a loss tries again with back-off, for ever. What was received stays. Made for SotwProtocol and
/// DeltaProtocol.
template <typename Protocol>
class DiscoveryStream {
 public:
  /// All borrowed but the method ("/envoy.service.../StreamClusters"). `mutex` guards the protocol and what
  /// it works on: it is held while they are used here.
  DiscoveryStream(const GrpcTarget& target, std::string method, Protocol& protocol, std::mutex& mutex);
  ~DiscoveryStream();
  DiscoveryStream(const DiscoveryStream&) = delete;
  DiscoveryStream& operator=(const DiscoveryStream&) = delete;

  void start();
  /// Returns once the thread has ended. Idempotent.
  void stop();
  /// The protocol may have something to say. With the mutex held.
  void wake();
  /// Lets the thread end, without waiting for it. With the mutex held.
  void retire();
  /// Nothing of the thread's will happen any more, but that it is joined.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

 private:
  using Request = typename Protocol::Request;
  using Response = typename Protocol::Response;
  /// What a completion says is done.
  enum Tag : intptr_t { kStarted = 1, kRead, kWritten, kFinished, kWoken };
  struct Event {
    bool timed_out = false;
    Tag tag = kWoken;
    bool ok = false;
  };

  void run();
  /// One stream, from the connection to its end.
  void serve();
  void on_event(const Event& event);
  void send_next();
  void read_next();
  /// Until something completes or the protocol has something to do; `until` bounds it.
  Event wait(MonotonicTime until);
  void pause(Milliseconds delay);

  const GrpcTarget& target_;
  const std::string method_;
  Protocol& protocol_;
  std::mutex& mutex_;
  Random random_;
  BackOff back_off_{random_};
  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  bool is_woken_ = false;  // with the mutex held: the alarm was set and has not been seen, or nobody is there
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_ended_{false};
  std::thread thread_;

  // Of the current stream.
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Request, Response>> stream_;
  Response response_;
  Request request_;
  grpc::Status status_;
  int pending_ = 0;  // operations that will still complete
  bool reading_ = false;
  bool writing_ = false;
  bool established_ = false;
  bool ended_ = false;
};

}  // namespace remora::xds
