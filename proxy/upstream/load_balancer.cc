#include "upstream/load_balancer.h"

#include <algorithm>

#include "remora/config/balancer.h"
#include "remora/config/metadata.h"
#include "remora/config/route.h"
#include "remora/core/stats.h"
#include "upstream/bounded_load.h"
#include "upstream/foreseen.h"
#include "upstream/hash_table.h"
#include "upstream/subset.h"
#include "upstream/zone_routing.h"

namespace remora {
namespace {

/// Whether the endpoint's metadata has all of these values, each alone or in a list.
bool has_all(const Endpoint& endpoint, const SubsetMatch& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const MetadataValue* value = endpoint.metadata->find("envoy.lb", pair.first);
    if (value == nullptr) return false;
    const auto* list = std::get_if<MetadataValue::List>(&value->value);
    return list == nullptr ? *value == pair.second : std::ranges::find(*list, pair.second) != list->end();
  });
}

/// Policies whose next choice depends neither on the request nor on the load at that moment.
bool can_be_foreseen(const ClusterConfig& config) {
  return !config.consistent_hash && !config.subset &&
         (config.lb_policy == LbPolicy::kRoundRobin || config.lb_policy == LbPolicy::kRandom ||
          config.lb_policy == LbPolicy::kClientSideWeighted);
}

}  // namespace

LoadBalancer::LoadBalancer(const ClusterConfig& config, const PickerContext& context, LbStats stats)
    : stats_(stats),
      random_(context.random),
      hashed_(config.consistent_hash.has_value()),
      fail_in_panic_(config.balancer && config.balancer->zones.fail_traffic_on_panic) {
  if (!hashed_) {
    picker_ = make_picker(config, context);
  } else if (config.consistent_hash->hash_balance_factor > 0) {
    bounded_ = std::make_unique<BoundedLoad>(config.consistent_hash->hash_balance_factor);
  }
  if (config.preconnect->predictive_ratio > 1 && can_be_foreseen(config))
    foreseen_ = std::make_unique<Foreseen>();
}

LoadBalancer::~LoadBalancer() = default;

bool LoadBalancer::is_to_be_avoided(const Host& host, const LbContext& context) {
  if (std::ranges::find(context.tried, &host.state()) != context.tried.end()) return true;
  if (context.avoid == nullptr) return false;
  const Endpoint& endpoint = host.endpoint();
  if (context.avoid->avoid_canary_hosts && endpoint.canary) return true;
  return std::ranges::any_of(context.avoid->avoid_hosts_with,
                             [&](const SubsetMatch& wanted) { return has_all(endpoint, wanted); });
}

const Host* LoadBalancer::pick(const HostSet& hosts, const LbContext& context) {
  if (hosts.generation() != generation_) adopt(hosts);
  const Host* host = nullptr;
  if (hashed_) hash_ = context.hash ? *context.hash : random_.next();
  left_out_ = context.left_out;
  given_ = context.level;
  for (uint32_t attempt = 0; attempt <= context.attempts; ++attempt) {
    attempt_ = attempt;
    host = attempt == 0 && foreseen_ != nullptr ? take_foreseen(hosts, context) : pick_once(hosts, context);
    if (host == nullptr || !is_to_be_avoided(*host, context)) break;
  }
  return host;
}

const Host* LoadBalancer::take_foreseen(const HostSet& hosts, const LbContext& context) {
  foreseeable_ = !context.level && (context.left_out == nullptr || context.left_out->empty());
  const Host* host = foreseeable_ ? foreseen_->take() : nullptr;
  return host != nullptr ? host : pick_once(hosts, context);
}

const Host* LoadBalancer::foresee(const HostSet& hosts) {
  if (!foreseeable_ || hosts.generation() != generation_ || foreseen_->size() >= hosts.healthy())
    return nullptr;
  left_out_ = nullptr;
  given_.reset();
  const Host* host = pick_once(hosts, {});
  if (host != nullptr) foreseen_->add(*host);
  return host;
}

void LoadBalancer::adopt(const HostSet& hosts) {
  generation_ = hosts.generation();
  if (foreseen_) foreseen_->clear();
  localities_.adopt();
  if (picker_) picker_->adopt(hosts.choices());
}

const Host* LoadBalancer::pick_once(const HostSet& hosts, const LbContext& context) {
  return hosts.subsets() != nullptr ? hosts.subsets()->pick(*this, context) : pick_from(hosts.levels());
}

LevelChoice LoadBalancer::pick_priority(const PriorityLevels& levels, std::vector<uint32_t>* left_out) {
  left_out_ = left_out;
  const Level chosen = pick_wanted_level(levels.levels);
  return {static_cast<uint32_t>(chosen.level - levels.levels.data()), chosen.degraded};
}

LoadBalancer::Level LoadBalancer::pick_wanted_level(const std::vector<PriorityLevel>& levels) {
  std::optional<Level> other;
  if (left_out_ != nullptr && !left_out_->empty()) other = pick_other_level(levels);
  return other ? *other : pick_level(levels);
}

/// Subsets may have fewer levels than the cluster.
const Host* LoadBalancer::pick_from(const PriorityLevels& all) {
  if (given_ && given_->priority >= all.levels.size()) return nullptr;
  const Level chosen =
      given_ ? Level{&all.levels[given_->priority], given_->degraded} : pick_wanted_level(all.levels);
  if (chosen.level->panic) count(&LbStats::healthy_panic);
  if (hashed_) return pick_hashed(*chosen.level);
  const HostChoices* choices = choices_of(chosen);
  return choices == nullptr || choices->empty() ? nullptr : picker_->pick(choices->open());
}

/// In panic localities do not count either. Null: nobody is to be chosen. Source: Envoy.
const HostChoices* LoadBalancer::choices_of(const Level& chosen) {
  const auto& level = *chosen.level;
  if (level.panic) return fail_in_panic_ ? nullptr : &level.all;
  const auto& localities = chosen.degraded ? level.degraded_localities : level.healthy_localities;
  if (localities != nullptr) return &localities_.next(*localities, random_);
  if (level.zones != nullptr && stats_.zones != nullptr) {
    const ZoneChoice zone = choose_zone(*level.zones, chosen.degraded, random_, *stats_.zones);
    if (zone.hosts != nullptr || (zone.local_in_panic && fail_in_panic_)) return zone.hosts;
  }
  return chosen.degraded ? &*level.degraded : &level.healthy;
}

LoadBalancer::Level LoadBalancer::pick_level(const std::vector<PriorityLevel>& levels) {
  if (levels.front().healthy_load >= 100) return {&levels.front(), false};
  auto point = static_cast<uint32_t>(hashed_ ? hash_ % 100 : random_.below(100));
  const auto falls_to = [&point](uint32_t load) {
    if (point < load) return true;
    point -= load;
    return false;
  };
  const auto healthy_at =
      std::find_if(levels.begin(), levels.end(), [&](const auto& l) { return falls_to(l.healthy_load); });
  if (healthy_at != levels.end()) return {&*healthy_at, false};
  return {&*std::find_if(levels.begin(), levels.end() - 1,
                         [&](const auto& l) { return falls_to(l.degraded_load); }),
          true};
}

/// A level that is not left out, by what those can take; nullopt: health says nothing. Where none can take
/// anything, nothing is left out any more. Source: Envoy, previous_priorities.
std::optional<LoadBalancer::Level> LoadBalancer::pick_other_level(const std::vector<PriorityLevel>& levels) {
  const auto counts = [&](const PriorityLevel& level) {
    const auto priority = static_cast<uint32_t>(&level - levels.data());
    return std::ranges::find(*left_out_, priority) == left_out_->end();
  };
  const auto room = [&] {
    uint32_t sum = 0;
    for (const auto& level : levels) sum += counts(level) ? level.healthy_room + level.degraded_room : 0;
    return std::min(sum, 100u);
  };
  uint32_t total = room();
  if (total == 0) {
    left_out_->clear();
    total = room();
    if (total == 0) return std::nullopt;
  }
  auto point = static_cast<uint32_t>(hashed_ ? hash_ % 100 : random_.below(100));
  for (uint32_t left = 100; left > 0;) {  // what rounding leaves over is shared again
    for (const bool degraded : {false, true}) {
      for (const auto& level : levels) {
        if (!counts(level)) continue;
        const uint32_t share =
            std::min(left, (degraded ? level.degraded_room : level.healthy_room) * 100 / total);
        if (point < share) return Level{&level, degraded};
        point -= share;
        left -= share;
      }
    }
  }
  return std::nullopt;  // not reached: the shares make 100
}

/// Degraded hosts are never in a table: where only they are left, nobody is chosen. Source: Envoy.
const Host* LoadBalancer::pick_hashed(const PriorityLevel& level) {
  if (level.table == nullptr) return nullptr;
  size_t owner = level.table->find(hash_, attempt_);
  if (bounded_ != nullptr) {
    const uint64_t active = stats_.scope == nullptr ? 0 : stats_.scope->value(stats_.rq_active);
    owner = bounded_->choose(*level.table, owner, hash_, active);
  }
  return level.table->members()[owner].host;
}

void LoadBalancer::count(size_t LbStats::*stat) {
  if (stats_.block != nullptr) stats_.block->add(stats_.*stat);
}

}  // namespace remora
