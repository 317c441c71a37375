#pragma once

#include <deque>
#include <mutex>
#include <utility>

#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "mesh/sidecar.h"

namespace bench {

/// One sidecar's stream, whichever variant of the protocol is spoken on it. gRPC calls back on its own
/// threads, one call at a time for a stream's reads. It begins with begin(), once the call is made.
template <typename Request, typename Response>
class StreamSidecar : public Sidecar, public grpc::ClientBidiReactor<Request, Response> {
 protected:
  using Stub = envoy::service::discovery::v3::AggregatedDiscoveryService::Stub;

  StreamSidecar(const Place& place, envoy::config::core::v3::Node node,
                const std::shared_ptr<grpc::Channel>& channel)
      : report_(place.number),
        stub_(envoy::service::discovery::v3::AggregatedDiscoveryService::NewStub(channel)),
        node_(std::move(node)) {}

  void begin() {
    this->StartRead(&response_);
    this->StartCall();
  }
  /// The next one, once response_ was made use of.
  void read_on() { this->StartRead(&response_); }

  void write(Request request) {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(said_who_, true)) *request.mutable_node() = node_;
    requests_.push_back(std::move(request));
    if (requests_.size() == 1) this->StartWrite(&requests_.front());
  }

  Report report_;
  std::unique_ptr<Stub> stub_;
  grpc::ClientContext context_;
  Response response_;

 private:
  void OnWriteDone(bool ok) override {
    if (!ok) return;
    const std::lock_guard lock(mutex_);
    requests_.pop_front();
    if (!requests_.empty()) this->StartWrite(&requests_.front());
  }
  void OnDone(const grpc::Status& status) override { report_.lost(status.error_message()); }

  const envoy::config::core::v3::Node node_;
  std::mutex mutex_;  // of what follows: a write may end while a read's callback asks for more
  std::deque<Request> requests_;
  bool said_who_ = false;
};

}  // namespace bench
