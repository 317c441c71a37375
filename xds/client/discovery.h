#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "client/ads_config.h"
#include "client/cluster_demands.h"
#include "client/resource_feed.h"
#include "client/resource_store.h"
#include "client/resource_types.h"
#include "client/subscription_stats.h"
#include "client/update_stats.h"
#include "remora/config/snapshot.h"

namespace remora::xds {

/// Who makes the feeds that are no part of ADS. Single-threaded.
class FeedMaker {
 public:
  FeedMaker() = default;
  FeedMaker(const FeedMaker&) = delete;
  FeedMaker& operator=(const FeedMaker&) = delete;
  virtual ~FeedMaker() = default;
  virtual ResourceFeed& make(const ResourceSource& source, ResourceType type) = 0;
  /// Nothing of it is followed any more: it ends.
  virtual void retire(ResourceFeed& feed) = 0;
};

/// What stands between the feeds and the server: has each feed follow what the configuration names, in the
/// order of start-up; takes what the feeds give into the store; hands on what changed; counts. Time is passed
/// in; nothing here blocks. Single-threaded.
class Discovery final : public ResourceReceiver {
 public:
  /// Everything is borrowed and outlives this object.
  Discovery(const DynamicConfig& config, ResourceStore& store, StatsStore& stats, ConfigSink& sink);

  /// Before start(): ADS, and who makes other feeds.
  void set_ads(ResourceFeed& feed) { ads_ = &feed; }
  void set_maker(FeedMaker& maker) { maker_ = &maker; }
  /// Called after each change, for whoever follows what the store needs from elsewhere.
  void on_settled(std::function<void()> call) { settled_ = std::move(call); }
  void start(MonotonicTime now);
  /// Something else than a feed has changed the store.
  void store_changed(MonotonicTime now) { settle(now); }
  /// A request needs what is not there: asks whoever may have it. Answered by a batch.
  void demand(const Demand& demand, MonotonicTime now);
  /// The last version of a type that was accepted as a whole; "" before.
  [[nodiscard]] const std::string& version(ResourceType type) const { return types_[index_of(type)].version; }

  UpdateResult on_response(const std::string& feed, ResourceType type, const Response& response,
                           MonotonicTime now, WallTime wall) override;
  UpdateResult on_delta(const std::string& feed, ResourceType type, const DeltaResponse& response,
                        MonotonicTime now, WallTime wall) override;
  void on_endpoints(const std::string& feed, const std::string& name,
                    std::shared_ptr<const EndpointSet> endpoints) override;
  void on_answered(MonotonicTime now) override { settle(now); }
  void on_absent(const std::string& feed, ResourceType type, const std::string& name) override;
  void on_connected(const std::string& feed) override;
  void on_failure(const std::string& feed, ResourceType type) override;
  void on_disconnected(const std::string& feed) override;
  void on_nack_held() override;
  [[nodiscard]] std::string version_of(const std::string& feed, ResourceType type,
                                       const std::string& name) const override {
    return store_.version_of(type, name, feed);
  }
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
  void taken(const std::string& feed, ResourceType type, const UpdateResult& result,
             const std::string& version);
  void follow_all(ResourceType type, ScopeName name, const ResourceSource& source, MonotonicTime from);
  /// After any change: new names, the next phase of start-up, and the batch for the server.
  void settle(MonotonicTime now);
  void follow_new_names();
  void follow(const ResourceStore::Touched& touched, ResourceType type);
  void demand_cluster(const Demand& demand, MonotonicTime now);
  [[nodiscard]] bool can_ask(const ResourceSource& source) const;
  void advance_start(MonotonicTime now);
  /// Of a source (null: ADS); null: there is none.
  ResourceFeed* feed(const ResourceSource* source, ResourceType type);
  void unfollow(const ResourceStore::Touched& touched, ResourceType type);

  struct Feed {
    ResourceFeed* feed = nullptr;
    bool all = false;             // whatever there is
    std::set<std::string> names;  // that are followed there
  };
  const DynamicConfig& config_;
  StatsStore& stats_store_;
  ResourceStore& store_;
  ConfigSink& sink_;
  std::optional<ControlPlaneStats> control_plane_;  // with a management server
  std::set<std::string> connected_;                 // feeds
  SubscriptionStats stats_;
  ClusterDemands cluster_demands_;
  bool said_no_delta_ = false;
  ResourceFeed* ads_ = nullptr;
  FeedMaker* maker_ = nullptr;
  std::map<std::pair<ResourceType, std::string>, Feed> feeds_;  // other than ADS, by type and source
  std::array<TypeState, kResourceTypeCount> types_;
  bool clusters_ready_ = false;
  bool done_ = false;
  bool started_once_ = false;
  std::function<void()> settled_;
  MonotonicTime started_{};
};

}  // namespace remora::xds
