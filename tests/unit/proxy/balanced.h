#pragma once

#include <map>
#include <memory>
#include <vector>

#include "remora/config/balancer.h"
#include "unit/proxy/hosts.h"
#include "unit/support/hand_clock.h"
#include "upstream/load_balancer.h"

namespace remora::test {

/// Whose counts are compared.
inline constexpr size_t kShard = 1;

inline ClusterConfig config_of(LbPolicy policy) {
  ClusterConfig config;
  config.lb_policy = policy;
  return config;
}

/// A balancer over one HostSet at a time, with a fixed seed and a clock that stands still.
struct Balanced {
  ClusterConfig config;
  Random random{7};
  HandClock clock;
  LoadBalancer balancer;
  HostList hosts;
  HostSet set;

  Balanced(const ClusterConfig& cluster, const std::vector<Endpoint>& endpoints, LoadRules rules = {})
      : Balanced(cluster, hosts_of(endpoints), rules) {}
  Balanced(const ClusterConfig& cluster, HostList list, LoadRules rules)
      : config(cluster),
        balancer(config, {kShard, random, clock}, {}),
        hosts(std::move(list)),
        set(hosts, rules, nullptr) {}

  int pick(const LbContext& context = {}) { return number_of(balancer.pick(set, context)); }
  std::map<int, double> counts(int picks, const LbContext& context = {}) {
    std::map<int, double> seen;
    for (int i = 0; i < picks; ++i) seen[pick(context)] += 1;
    return seen;
  }
  HostStats& stats(size_t host) { return hosts[host]->state().stats(kShard); }
  OwnedCount& active(size_t host) { return stats(host).rq_active; }
};

inline std::vector<double> values(const std::map<int, double>& counts) {
  std::vector<double> list;
  for (const auto& entry : counts) list.push_back(entry.second);
  return list;
}

}  // namespace remora::test
