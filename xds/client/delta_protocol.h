#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "client/answers.h"
#include "client/resource_feed.h"
#include "client/stream_identity.h"

namespace remora::xds {

/// The incremental variant of xDS over one stream, without the stream. Used as SotwProtocol is. What was
/// accepted is told with its version, so that after a reconnect the server sends only what differs.
/// Single-threaded. Source: Envoy, xDS protocol, "Incremental xDS".
class DeltaProtocol final : public ResourceFeed {
 public:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

  /// `receiver` is borrowed.
  DeltaProtocol(StreamIdentity identity, ResourceReceiver& receiver);

  void follow_all(ResourceType type) override;
  void follow(ResourceType type, const std::string& name) override;
  void unfollow(ResourceType type, const std::string& name) override;

  void connected();
  void disconnected();
  void received(const Response& response, MonotonicTime now, WallTime wall);
  std::optional<Request> next_request();
  [[nodiscard]] bool is_behind() const { return answers_.is_behind(); }
  /// Also takes away resources whose time to live is over.
  void on_time(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;

 private:
  struct Subscription {
    bool subscribed = false;
    bool all = false;
    bool introduced = false;      // the first request of this type on this stream is made
    std::set<std::string> names;  // besides `all`
    std::set<std::string> added;  // names to say in the next request
    std::set<std::string> removed;
    std::set<std::string> accepted;               // of `all`: what is here
    std::set<std::string> withdrawn;              // of `names`: what is here, and the server says is gone
    std::map<std::string, MonotonicTime> expiry;  // of those that must be renewed
  };
  Subscription& at(ResourceType type) { return subscriptions_[index_of(type)]; }
  void ask(ResourceType type);
  void introduce(ResourceType type, Request& request);
  void remember(Subscription& subscription, const Response& response, const UpdateResult& result,
                MonotonicTime now);

  const StreamIdentity identity_;
  ResourceReceiver& receiver_;
  std::array<Subscription, kResourceTypeCount> subscriptions_;
  Answers answers_;
  bool is_connected_ = false;
  bool first_on_stream_ = true;
};

}  // namespace remora::xds
