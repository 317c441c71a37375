#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/dns/name_resolver.h"
#include "client/resource_feed.h"
#include "remora/core/random.h"
#include "remora/core/stats.h"

namespace remora::xds {

/// The endpoints of one cluster as name servers give them: asks for each of its names, again and again, and
/// hands on the hosts that follow. After an answer the next question comes with the refresh rate, or with the
/// addresses' time to live; after a failure what was known stays, and the questions back off. Time is passed
/// in. Single-threaded. Source: Envoy, service discovery (strict DNS, logical DNS).
class DnsFeed final : public ResourceFeed {
 public:
  class Owner {
   public:
    Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    virtual ~Owner() = default;
    /// The hosts of the cluster; the same set once more where nothing has changed.
    virtual void on_hosts(DnsFeed& feed, std::shared_ptr<const EndpointSet> hosts) = 0;
    /// next_due() is another one.
    virtual void on_due(DnsFeed& feed) = 0;
  };
  /// What it works with outlives the feed. `key` as in ResourceSource.
  struct Parts {
    Owner& owner;
    NameResolver& resolver;
    Random& random;
    std::shared_ptr<StatScope> stats;  // make_dns_cluster_scope()
    std::string key;
  };
  DnsFeed(std::shared_ptr<const DnsDiscovery> dns, Parts parts);
  ~DnsFeed() override;

  void follow_all(ResourceType /*type*/) override {}
  /// The first question is due from now on.
  void follow(ResourceType type, const std::string& name) override;
  void unfollow(ResourceType /*type*/, const std::string& /*name*/) override {}

  /// Asks for what is due.
  void on_time(MonotonicTime now);
  /// When that is; MonotonicTime::max(): only an answer is waited for.
  [[nodiscard]] MonotonicTime next_due() const;
  [[nodiscard]] const std::string& key() const { return parts_.key; }
  /// Of the cluster, as follow() gave it.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Target {
    MonotonicTime due = MonotonicTime::max();
    Milliseconds failure_limit{0};  // of the next wait after a failure
    EndpointList hosts;             // sorted by address
  };
  void ask(size_t number);
  void on_answer(size_t number, const DnsAnswer& answer, MonotonicTime now);
  [[nodiscard]] bool is_success(const DnsAnswer& answer) const;
  bool take(size_t number, const DnsAnswer& answer);
  [[nodiscard]] std::shared_ptr<const EndpointSet> join() const;
  Milliseconds after_success(Target& target, const DnsAnswer& answer);
  Milliseconds after_failure(Target& target);

  const std::shared_ptr<const DnsDiscovery> dns_;
  const Parts parts_;
  std::string name_;
  std::vector<Target> targets_;  // as in dns_
  std::shared_ptr<const EndpointSet> set_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for answers that come later
};

}  // namespace remora::xds
