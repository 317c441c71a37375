#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>

#include "client/answers.h"
#include "client/resource_feed.h"
#include "client/stream_identity.h"

namespace remora::xds {

/// The state-of-the-world variant of xDS over one stream, without the stream: what to ask for and what to
/// answer. Time is passed in; nothing here blocks. Single-threaded. For each stream: connected(), then
/// next_request() until it gives nothing, received() per response, disconnected(); on_time() whenever
/// next_deadline() passes. Source: Envoy, xDS protocol.
class SotwProtocol final : public ResourceFeed {
 public:
  using Request = envoy::service::discovery::v3::DiscoveryRequest;
  using Response = envoy::service::discovery::v3::DiscoveryResponse;

  /// `receiver` is borrowed.
  SotwProtocol(StreamIdentity identity, ResourceReceiver& receiver);

  void follow_all(ResourceType type) override;
  void follow(ResourceType type, const std::string& name) override;
  void unfollow(ResourceType type, const std::string& name) override;

  void connected();
  void disconnected();
  void received(const Response& response, MonotonicTime now, WallTime wall);
  /// The next message for the server, in order; nullopt: nothing to say.
  std::optional<Request> next_request();
  /// The server answers faster than it listens: it is not read from until it has heard what is to be said.
  [[nodiscard]] bool is_behind() const { return answers_.is_behind(); }
  void on_time(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;

 private:
  /// What is known about one type.
  struct Subscription {
    bool subscribed = false;
    std::set<std::string> names;
    std::string version;  // the last one that was accepted as a whole
    std::string nonce;    // of the last response on this stream
  };
  Subscription& at(ResourceType type) { return subscriptions_[index_of(type)]; }
  void ask(ResourceType type);

  const StreamIdentity identity_;
  ResourceReceiver& receiver_;
  std::array<Subscription, kResourceTypeCount> subscriptions_;
  Answers answers_;
  bool is_connected_ = false;
  bool first_on_stream_ = true;
};

}  // namespace remora::xds
