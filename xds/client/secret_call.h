#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "client/grpc_target.h"
#include "client/resource_store.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace remora::xds {

/// One stream to a secret server, for one secret: as Envoy asks, so that every server can answer. It begins
/// when it is made and ends by itself or by cancel().
class SecretCall {
 public:
  struct Owner {
    virtual ~Owner() = default;
    /// A response came. Any thread; returns what is wrong with it, or nothing.
    virtual std::optional<std::string> on_secret(
        const std::string& key, const envoy::service::discovery::v3::DiscoveryResponse& response) = 0;
    /// The stream is over. Any thread; must not ask the call anything.
    virtual void on_call_ended() = 0;
  };
  struct Options {
    std::string key;
    std::string name;     // of the secret, as the server knows it
    std::string version;  // the last that was accepted; "": none
    GrpcTarget target;
    envoy::config::core::v3::Node node;
    bool node_on_first_message_only = false;
  };

  /// `owner` outlives the stream.
  SecretCall(Options options, Owner& owner);
  ~SecretCall();
  SecretCall(const SecretCall&) = delete;
  SecretCall& operator=(const SecretCall&) = delete;

  void cancel();
  [[nodiscard]] bool has_ended() const;
  /// Some response was accepted.
  [[nodiscard]] bool has_succeeded() const;
  [[nodiscard]] std::string version() const;
  /// Why it ended; "" when the server closed it.
  [[nodiscard]] std::string reason() const;

 private:
  class Reactor;
  struct State;
  std::shared_ptr<State> state_;  // with gRPC's threads, while the stream lasts
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace remora::xds
