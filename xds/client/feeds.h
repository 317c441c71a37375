#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "client/ads_config.h"
#include "client/discovery.h"
#include "client/dns/dns_feeds.h"
#include "client/file_feeds.h"
#include "client/kept_bootstrap.h"
#include "client/stream_client.h"

namespace remora::xds {

/// All feeds of the process: the aggregated stream, streams of one type, files, name servers.
class Feeds final : public FeedMaker {
 public:
  /// Borrowed. The mutex guards the receiver, and everything here but stop().
  struct Host {
    std::mutex& mutex;
    const KeptBootstrap& bootstrap;
    const Environment& environment;
    ConfigSink& sink;  // is told what became of demands for names
  };
  Feeds(Host host, ResourceReceiver& receiver);

  ResourceFeed& make_ads(const AdsConfig& config);
  ResourceFeed& make(const ResourceSource& source, ResourceType type) override;
  void retire(ResourceFeed& feed) override;
  /// A request waits for a name of the cache.
  void demand(const std::shared_ptr<DnsCache>& cache, const Demand& demand);
  void preresolve(const std::shared_ptr<DnsCache>& cache);
  /// Returns once all threads have ended. Without the mutex. Idempotent.
  void stop();

 private:
  ResourceFeed& add(StreamOptions options);
  [[nodiscard]] DnsResolverConfig usual_resolver() const;

  const Host host_;
  ResourceReceiver& receiver_;
  FileFeeds files_;
  DnsFeeds names_;
  std::list<std::unique_ptr<StreamClient>> streams_;
  std::list<std::unique_ptr<StreamClient>> retired_;  // whose threads are about to end
  bool stopping_ = false;
};

}  // namespace remora::xds
