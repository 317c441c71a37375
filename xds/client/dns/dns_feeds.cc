#include "client/dns/dns_feeds.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "client/dns/dns_stats.h"

namespace remora::xds {
namespace {

constexpr Milliseconds kLongestWait{60000};

/// For poll(); rounded up, so that what is due is due.
int milliseconds_until(MonotonicTime due, MonotonicTime now) {
  if (due == MonotonicTime::max()) return static_cast<int>(kLongestWait.count());
  const auto left = std::chrono::ceil<Milliseconds>(due - now);
  return static_cast<int>(std::clamp(left, Milliseconds{0}, kLongestWait).count());
}

}  // namespace

DnsFeeds::DnsFeeds(std::mutex& mutex, StatsStore& stats, ResourceReceiver& receiver, ConfigSink& sink)
    : mutex_(mutex),
      stats_(stats),
      receiver_(receiver),
      sink_(sink),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

DnsFeeds::~DnsFeeds() {
  stop();
  ::close(wake_fd_);
}

ResourceFeed& DnsFeeds::add(const ResourceSource& source, const std::function<DnsResolverConfig()>& usual) {
  auto& resolver = resolver_of(source.dns->resolver ? *source.dns->resolver : usual());
  auto feed = std::make_unique<DnsFeed>(
      source.dns,
      DnsFeed::Parts{*this, resolver, random_, make_dns_cluster_scope(stats_, source.stat_name), source.key});
  DnsFeed& added = *feed;
  feeds_[&added].feed = std::move(feed);
  begin();
  return added;
}

void DnsFeeds::begin() {
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { run(); });
}

DnsCacheKeeper& DnsFeeds::keeper_of(const std::shared_ptr<DnsCache>& cache,
                                    const std::function<DnsResolverConfig()>& usual) {
  const auto& own = cache->config().resolver;
  return caches_.keeper_of(cache, resolver_of(own ? *own : usual()));
}

void DnsFeeds::demand(const std::shared_ptr<DnsCache>& cache, const Demand& demand,
                      const std::function<DnsResolverConfig()>& usual) {
  keeper_of(cache, usual).demand(demand.key, demand.number, std::chrono::steady_clock::now());
  begin();
  wake();
}

void DnsFeeds::preresolve(const std::shared_ptr<DnsCache>& cache,
                          const std::function<DnsResolverConfig()>& usual) {
  keeper_of(cache, usual).preresolve(std::chrono::steady_clock::now());
  begin();
  wake();
}

bool DnsFeeds::remove(const ResourceFeed& feed) {
  const auto found = feeds_.find(&feed);
  if (found == feeds_.end()) return false;
  due_.erase({found->second.due, found->second.feed.get()});
  removed_.push_back(std::move(found->second.feed));
  feeds_.erase(found);
  return true;
}

void DnsFeeds::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  wake();
  thread_.join();
}

CaresResolver& DnsFeeds::resolver_of(const DnsResolverConfig& config) {
  if (!cares_) cares_ = make_cares_scope(stats_);
  const auto same = [&](const CaresResolver& one) { return one.config() == config; };
  const auto found = std::ranges::find_if(resolvers_, same);
  return found != resolvers_.end() ? *found : resolvers_.emplace_back(config, cares_);
}

void DnsFeeds::on_due(DnsFeed& feed) {
  const auto found = feeds_.find(&feed);
  if (found == feeds_.end()) return;
  due_.erase({found->second.due, &feed});
  found->second.due = feed.next_due();
  if (found->second.due == MonotonicTime::max()) return;
  due_.insert({found->second.due, &feed});
  if (found->second.due == MonotonicTime::min()) wake();  // another thread has it followed
}

void DnsFeeds::on_hosts(DnsFeed& feed, std::shared_ptr<const EndpointSet> hosts) {
  if (feeds_.contains(&feed)) receiver_.on_endpoints(feed.key(), feed.name(), std::move(hosts));
}

void DnsFeeds::run() {
  std::vector<pollfd> polled;
  for (;;) {
    int left = -1;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (CaresResolver& resolver : resolvers_) resolver.process(polled);
      const auto now = std::chrono::steady_clock::now();
      turn(now);
      polled.assign(1, {wake_fd_, POLLIN, 0});
      for (const CaresResolver& resolver : resolvers_) resolver.add_sockets(polled);
      left = milliseconds_until(next_due(now), now);
    }
    ::poll(polled.data(), polled.size(), left);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(wake_fd_, &count, sizeof(count));
  }
}

void DnsFeeds::turn(MonotonicTime now) {
  while (!due_.empty() && due_.begin()->first <= now) due_.begin()->second->on_time(now);
  caches_.on_time(now);
  for (CaresResolver& resolver : resolvers_) resolver.run(now);
  if (auto settled = caches_.take_settled(); !settled.empty()) {
    ConfigBatch batch;
    batch.settled = std::move(settled);
    sink_.apply(std::move(batch));
  }
  removed_.clear();
}

MonotonicTime DnsFeeds::next_due(MonotonicTime now) const {
  MonotonicTime next = caches_.next_due();
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  for (const CaresResolver& resolver : resolvers_) next = std::min(next, resolver.next_due(now));
  return next;
}

void DnsFeeds::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
}

}  // namespace remora::xds
