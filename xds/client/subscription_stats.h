#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/resource_store.h"
#include "client/update_stats.h"
#include "translate/resource_source.h"

namespace remora::xds {

/// Envoy's statistics of what is followed: of clusters and listeners as wholes, and of endpoints, routes and
/// secrets one by one, under the names of those that need them. Single-threaded.
class SubscriptionStats {
 public:
  /// Borrowed.
  SubscriptionStats(ResourceStore& store, StatsStore& stats);

  /// Clusters and listeners: they are asked for from now on.
  void follow_all(ResourceType type, ScopeName name);
  /// `source` is the key of where it came from.
  void count(ResourceType type, const UpdateResult& result, const std::string& version,
             const std::string& source);
  /// The stream that brings this type from there ended.
  void failure(ResourceType type, const std::string& source);
  void fetch_timeout(ResourceType type);
  /// What a resource that became active nevertheless did not get in time.
  void count_timeouts(const ResourceStore::TimedOut& timed_out);
  /// Of resources that are gone.
  void forget(ResourceType type, const std::vector<std::string>& parents);
  /// How things stand, after any change.
  void refresh();

 private:
  UpdateStats& child_stats(ResourceType type, const std::string& parent, const std::string& child);
  void count_virtual_hosts(const UpdateResult& result, const std::string& version, const std::string& source);
  void count_timeout(const std::string& parent, const NeedKey& need);
  template <typename Call>
  void each_child_stats(ResourceType type, const std::string& child, Call call);

  ResourceStore& store_;
  StatsStore& stats_store_;
  SourceStats source_;
  UpdateStats whole_sets_[kResourceTypeCount];
  std::map<std::pair<std::string, std::string>, UpdateStats>
      child_stats_[kResourceTypeCount];  // parent, child
};

}  // namespace remora::xds
