#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/ads_config.h"
#include "client/resource_store.h"
#include "client/resource_types.h"
#include "client/token_bucket.h"
#include "client/update_stats.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "remora/config/snapshot.h"

namespace remora::xds {

/// The state-of-the-world protocol over one aggregated stream, without the stream: what to ask for, what to
/// answer, and when start-up is complete. Time is passed in; nothing here blocks. Single-threaded.
///
/// Order of use: start(); then for each stream connected(), next_request() until it gives nothing, received()
/// per response, disconnected(); on_time() whenever next_deadline() passes. Source: Envoy, xDS protocol.
class AdsProtocol {
 public:
  using Request = envoy::service::discovery::v3::DiscoveryRequest;
  using Response = envoy::service::discovery::v3::DiscoveryResponse;

  /// Everything is borrowed and outlives this object.
  AdsProtocol(const AdsConfig& config, const envoy::config::core::v3::Node& node, ResourceStore& store,
              StatsStore& stats, ConfigSink& sink);

  /// Without a management server (an empty target) it only hands over what other sources give.
  void start(MonotonicTime now);
  /// Something else than a response has changed the store.
  void store_changed(MonotonicTime now) { settle(now); }
  /// Called after each change, for whoever follows what the store needs from elsewhere.
  void on_settled(std::function<void()> call) { settled_ = std::move(call); }
  void connected();
  void disconnected();
  void received(const Response& response, MonotonicTime now, WallTime wall);
  /// The next message for the server, in order; nullopt: nothing to say.
  std::optional<Request> next_request();
  void on_time(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;
  /// The last version of a type that was accepted as a whole; "" before.
  [[nodiscard]] const std::string& version(ResourceType type) const {
    return subscriptions_[index_of(type)].version;
  }

 private:
  /// What is known about one type.
  struct Subscription {
    bool subscribed = false;
    bool answered = false;       // a response came, or the fetch timeout passed
    std::string version;         // the last one that was accepted as a whole
    std::string nonce;           // of the last response on this stream
    uint64_t names_version = 0;  // ResourceStore::wanted_version of the names last asked for
    MonotonicTime deadline = MonotonicTime::max();
    TokenBucket nacks{kNackBurst};
    std::optional<std::string> held_nack;  // details, waiting for a token
    UpdateStats stats;                     // of types that come as a whole set
  };
  struct Outgoing {
    ResourceType type;
    std::optional<std::string> error;  // NACK
  };
  static constexpr double kNackBurst = 5;

  Subscription& at(ResourceType type) { return subscriptions_[index_of(type)]; }
  void subscribe(ResourceType type, MonotonicTime deadline);
  void ask(ResourceType type);
  void answer(ResourceType type, const Response& response, const UpdateResult& result, MonotonicTime now);
  /// After any change: new names, the next phase of start-up, and the batch for the server.
  void settle(MonotonicTime now);
  void ask_for_new_names();
  void advance_start(MonotonicTime now);
  void count_timeouts();
  void count(ResourceType type, const UpdateResult& result, const std::string& version);
  UpdateStats& child_stats(ResourceType type, const std::string& parent, const std::string& child);
  void count_timeout(const std::string& parent, const NeedKey& need);
  void forget_child_stats(ResourceType type, const std::vector<std::string>& parents);
  template <typename Call>
  void each_child_stats(ResourceType type, const std::string& child, Call call);

  const AdsConfig& config_;
  const envoy::config::core::v3::Node& node_;
  ResourceStore& store_;
  StatsStore& stats_store_;
  ConfigSink& sink_;
  std::optional<ControlPlaneStats> control_plane_;  // with a management server
  SourceStats source_stats_;
  std::array<Subscription, kResourceTypeCount> subscriptions_;
  std::map<std::pair<std::string, std::string>, UpdateStats>
      child_stats_[kResourceTypeCount];  // parent, child
  std::deque<Outgoing> outgoing_;
  bool is_connected_ = false;
  bool first_on_stream_ = true;
  bool clusters_ready_ = false;
  bool done_ = false;
  bool started_once_ = false;
  std::function<void()> settled_;
  MonotonicTime started_{};
};

}  // namespace remora::xds
