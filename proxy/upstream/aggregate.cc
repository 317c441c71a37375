#include "upstream/aggregate.h"

#include <algorithm>

#include "upstream/pool.h"
#include "upstream/worker_clusters.h"

namespace remora {
namespace {

/// What shares follow from.
PriorityLevel without_hosts(const PriorityLevel& level) {
  PriorityLevel copy;
  copy.healthy_room = level.healthy_room;
  copy.degraded_room = level.degraded_room;
  copy.size = level.size;
  copy.usable = level.usable;
  copy.excluded = level.excluded;
  return copy;
}

}  // namespace

JoinedPriorities join_priorities(const RareList<std::string>& names, uint32_t panic_threshold,
                                 const std::function<const HostSet*(const std::string&)>& find) {
  JoinedPriorities joined;
  for (uint32_t member = 0; member < names.size(); ++member) {
    const HostSet* hosts = find(names[member]);
    if (hosts == nullptr) continue;
    const auto& levels = hosts->levels().levels;
    for (uint32_t priority = 0; priority < levels.size(); ++priority) {
      if (levels[priority].size == 0) continue;
      joined.levels.levels.push_back(without_hosts(levels[priority]));
      joined.sources.push_back({member, priority});
    }
  }
  if (!joined.sources.empty()) share_load(joined.levels.levels, panic_threshold);
  return joined;
}

LocalRef<HostPool> AggregateChoice::pick(LoadBalancer& balancer, const LbContext& context) {
  if (change_ != clusters_.changes()) {
    joined_ = join_priorities(config_.aggregate, config_.panic_threshold_percent,
                              [this](const std::string& name) { return clusters_.hosts(name); });
    change_ = clusters_.changes();
  }
  if (joined_.sources.empty()) return {};
  const LevelChoice chosen = balancer.pick_priority(joined_.levels, context.left_out);
  const auto& source = joined_.sources[chosen.priority];
  const auto member = clusters_.find(config_.aggregate[source.member]);
  LbContext within = context;
  within.left_out = nullptr;
  within.level = {source.priority, chosen.degraded};
  return member->pick(within);
}

uint32_t AggregateChoice::joined(const std::string& member, uint32_t priority) const {
  const auto found = std::ranges::find_if(joined_.sources, [&](const auto& source) {
    return source.priority == priority && config_.aggregate[source.member] == member;
  });
  return found == joined_.sources.end() ? 0 : static_cast<uint32_t>(found - joined_.sources.begin());
}

}  // namespace remora
