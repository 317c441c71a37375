#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "client/ads_config.h"
#include "client/ads_protocol.h"
#include "client/back_off.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "remora/core/random.h"

namespace remora::xds {

/// Keeps one aggregated stream to the management server open, on a thread of its own: connects, feeds
/// AdsProtocol, and after a loss tries again with back-off, for ever. What was received stays.
class AdsStream {
 public:
  /// All borrowed. `mutex` guards the protocol and what it works on: it is held while they are used here.
  AdsStream(const AdsConfig& config, AdsProtocol& protocol, std::mutex& mutex);
  ~AdsStream();

  void start();
  /// Returns once the thread has ended. Idempotent.
  void stop();
  /// The protocol may have something to say. With the mutex held.
  void wake();

 private:
  using Service = envoy::service::discovery::v3::AggregatedDiscoveryService;
  using Request = AdsProtocol::Request;
  using Response = AdsProtocol::Response;
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

  const AdsConfig& config_;
  AdsProtocol& protocol_;
  std::mutex& mutex_;
  Random random_;
  BackOff back_off_{random_};
  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  // Of the current stream.
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Request, Response>> stream_;
  Response response_;
  Request request_;
  grpc::Status status_;
  int pending_ = 0;  // operations that will still complete
  bool writing_ = false;
  bool established_ = false;
  bool ended_ = false;
};

}  // namespace remora::xds
