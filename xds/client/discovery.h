#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "client/ads_config.h"
#include "client/resource_feed.h"
#include "client/resource_store.h"
#include "client/resource_types.h"
#include "client/subscription_stats.h"
#include "client/update_stats.h"
#include "remora/config/snapshot.h"

namespace remora::xds {

/// What stands between the feeds and the server: has each feed follow what the configuration names, in the
/// order of start-up; takes what the feeds give into the store; hands on what changed; counts. Time is passed
/// in; nothing here blocks. Single-threaded.
class Discovery final : public ResourceReceiver {
 public:
  /// Everything is borrowed and outlives this object.
  Discovery(const AdsConfig& config, ResourceStore& store, StatsStore& stats, ConfigSink& sink);

  /// Before start().
  void add_feed(const std::string& key, ResourceFeed& feed) { feeds_[key] = &feed; }
  /// Called after each change, for whoever follows what the store needs from elsewhere.
  void on_settled(std::function<void()> call) { settled_ = std::move(call); }
  void start(MonotonicTime now);
  /// Something else than a feed has changed the store.
  void store_changed(MonotonicTime now) { settle(now); }
  /// The last version of a type that was accepted as a whole; "" before.
  [[nodiscard]] const std::string& version(ResourceType type) const { return types_[index_of(type)].version; }

  UpdateResult on_response(const std::string& feed, ResourceType type, const Response& response,
                           MonotonicTime now, WallTime wall) override;
  UpdateResult on_delta(const std::string& feed, ResourceType type, const DeltaResponse& response,
                        MonotonicTime now, WallTime wall) override;
  void on_answered(MonotonicTime now) override { settle(now); }
  void on_connected(const std::string& feed) override;
  void on_disconnected(const std::string& feed) override;
  void on_nack_held() override;
  void on_time(MonotonicTime now) override;
  [[nodiscard]] MonotonicTime next_deadline() const override;

 private:
  /// What is known about one type.
  struct TypeState {
    bool followed = false;
    bool answered = false;  // a response came, or the fetch timeout passed
    bool heard = false;     // a response came
    std::string version;    // the last one that was accepted as a whole
    MonotonicTime deadline = MonotonicTime::max();
  };
  TypeState& at(ResourceType type) { return types_[index_of(type)]; }
  void taken(ResourceType type, const UpdateResult& result, const std::string& version);
  void follow_all(ResourceType type, ScopeName name, MonotonicTime deadline);
  /// After any change: new names, the next phase of start-up, and the batch for the server.
  void settle(MonotonicTime now);
  void follow_new_names();
  void advance_start(MonotonicTime now);
  [[nodiscard]] ResourceFeed* feed(const std::string& key) const;

  const AdsConfig& config_;
  ResourceStore& store_;
  ConfigSink& sink_;
  std::optional<ControlPlaneStats> control_plane_;  // with a management server
  SubscriptionStats stats_;
  std::map<std::string, ResourceFeed*> feeds_;
  std::array<TypeState, kResourceTypeCount> types_;
  bool clusters_ready_ = false;
  bool done_ = false;
  bool started_once_ = false;
  std::function<void()> settled_;
  MonotonicTime started_{};
};

}  // namespace remora::xds
