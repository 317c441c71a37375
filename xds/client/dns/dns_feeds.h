#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/dns/cares_resolver.h"
#include "client/dns/dns_caches.h"
#include "client/dns/dns_feed.h"
#include "client/resource_feed.h"
#include "remora/config/snapshot.h"
#include "remora/core/random.h"
#include "translate/resource_source.h"

namespace remora::xds {

/// The feeds of all clusters whose hosts are resolved, and the names that requests ask for, with the
/// resolvers that they share. One thread, which begins with the first of them and never waits for an answer.
class DnsFeeds final : DnsFeed::Owner {
 public:
  /// Borrowed. The mutex guards the receiver; `sink` is told what became of demands.
  DnsFeeds(std::mutex& mutex, StatsStore& stats, ResourceReceiver& receiver, ConfigSink& sink);
  ~DnsFeeds() override;
  DnsFeeds(const DnsFeeds&) = delete;
  DnsFeeds& operator=(const DnsFeeds&) = delete;

  // With the mutex held:
  /// The feed of the cluster of that source; it lives until remove().
  /// `usual` says who is asked where the cluster does not.
  ResourceFeed& add(const ResourceSource& source, const std::function<DnsResolverConfig()>& usual);
  /// False: it is not one of these.
  bool remove(const ResourceFeed& feed);
  /// A request waits for a name of the cache; `usual` as above.
  void demand(const std::shared_ptr<DnsCache>& cache, const Demand& demand,
              const std::function<DnsResolverConfig()>& usual);
  /// Asks for what the cache is to have before any request.
  void preresolve(const std::shared_ptr<DnsCache>& cache, const std::function<DnsResolverConfig()>& usual);

  /// Returns once the thread has ended. Without the mutex. Idempotent.
  void stop();

 private:
  struct Entry {
    std::unique_ptr<DnsFeed> feed;
    MonotonicTime due = MonotonicTime::max();
  };
  void on_hosts(DnsFeed& feed, std::shared_ptr<const EndpointSet> hosts) override;
  void on_due(DnsFeed& feed) override;

  void run();
  // With the mutex held:
  void turn(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_due(MonotonicTime now) const;
  CaresResolver& resolver_of(const DnsResolverConfig& config);
  DnsCacheKeeper& keeper_of(const std::shared_ptr<DnsCache>& cache,
                            const std::function<DnsResolverConfig()>& usual);
  void begin();
  void wake() const;

  std::mutex& mutex_;
  StatsStore& stats_;
  ResourceReceiver& receiver_;
  ConfigSink& sink_;
  std::shared_ptr<StatScope> cares_;  // null: no name was asked for yet
  Random random_;
  std::list<CaresResolver> resolvers_;  // one of each configuration
  DnsCaches caches_{random_};
  std::unordered_map<const ResourceFeed*, Entry> feeds_;
  std::set<std::pair<MonotonicTime, DnsFeed*>> due_;
  std::vector<std::unique_ptr<DnsFeed>> removed_;  // they may still be at work in this turn
  bool stopping_ = false;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace remora::xds
