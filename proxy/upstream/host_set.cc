#include "upstream/host_set.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "upstream/aperture.h"
#include "upstream/hash_table.h"
#include "upstream/localities.h"
#include "upstream/reached_hosts.h"
#include "upstream/subset.h"
#include "upstream/zone_routing.h"

namespace remora {
namespace {

/// How much of its share each level can take.
void set_rooms(std::vector<PriorityLevel>& levels, uint64_t overprovisioning) {
  for (auto& level : levels) {
    const uint64_t count = std::max<size_t>(1, level.size - level.excluded);
    const auto percent = [&](const HostChoices& choices) {
      return static_cast<uint32_t>(std::min<uint64_t>(100, overprovisioning * choices.hosts.size() / count));
    };
    level.healthy_room = percent(level.healthy);
    level.degraded_room = percent(*level.degraded);
  }
}

uint32_t total_room(const std::vector<PriorityLevel>& levels) {
  const uint32_t sum =
      std::accumulate(levels.begin(), levels.end(), 0u, [](uint32_t total, const PriorityLevel& level) {
        return total + level.healthy_room + level.degraded_room;
      });
  return std::min(100u, sum);
}

/// Gives each level what it can take of `left`, lower levels first. Returns what is left over.
uint32_t distribute(std::vector<PriorityLevel>& levels, uint32_t PriorityLevel::*load,
                    uint32_t PriorityLevel::*room, uint32_t total, uint32_t left) {
  for (auto& level : levels) {
    level.*load = std::min(left, level.*room * 100 / total);
    left -= level.*load;
  }
  return left;
}

/// What rounding left over goes to the first level that can take anything, healthy hosts before degraded
/// ones.
void assign_rest(std::vector<PriorityLevel>& levels, uint32_t rest) {
  const auto healthy = std::ranges::find_if(levels, [](const auto& level) { return level.healthy_room > 0; });
  if (healthy != levels.end()) {
    healthy->healthy_load += rest;
  } else {
    std::ranges::find_if(levels, [](const auto& level) { return level.degraded_room > 0; })->degraded_load +=
        rest;
  }
}

/// When every level is in panic, health says nothing any more: the shares follow the numbers of hosts.
void share_by_size(std::vector<PriorityLevel>& levels) {
  const size_t count = std::accumulate(levels.begin(), levels.end(), size_t{0},
                                       [](size_t sum, const auto& level) { return sum + level.size; });
  uint32_t left = 100;
  PriorityLevel* first = nullptr;
  for (auto& level : levels) {
    if (first == nullptr && level.size > 0) first = &level;
    level.healthy_load = count == 0 ? 0 : static_cast<uint32_t>(100 * level.size / count);
    level.degraded_load = 0;
    left -= level.healthy_load;
  }
  (first == nullptr ? levels.front() : *first).healthy_load += left;
}

uint64_t next_generation() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void finish_level(PriorityLevel& level, uint32_t priority, const LoadRules& rules, uint32_t& next_id) {
  finish(level.all, rules, next_id);
  finish(level.healthy, rules, next_id);
  if (!level.degraded->empty()) finish(level.degraded.edit(), rules, next_id);
  if (rules.hashing != nullptr) return;
  if (rules.zones != nullptr && priority == 0) level.zones = make_zone_routing(level, rules, next_id);
  if (rules.localities == nullptr) return;
  level.healthy_localities = make_localities(level.healthy, level.all, priority, rules, next_id);
  level.degraded_localities = make_localities(*level.degraded, level.all, priority, rules, next_id);
}

void make_tables(std::vector<PriorityLevel>& levels, const LoadRules& rules) {
  for (uint32_t priority = 0; priority < levels.size(); ++priority) {
    auto& level = levels[priority];
    const auto& hosts = level.panic ? level.all.hosts : level.healthy.hosts;
    level.table = rules.localities == nullptr
                      ? HashTable::make(hosts, *rules.hashing)
                      : HashTable::of(locality_members(hosts, priority, *rules.localities), *rules.hashing);
  }
}

}  // namespace

void finish(HostChoices& choices, const LoadRules& rules, uint32_t& next_id) {
  describe(choices, rules, next_id);
  if (rules.aperture != nullptr) choices.aperture = make_aperture(choices, rules, next_id);
}

void describe(HostChoices& choices, const LoadRules& rules, uint32_t& next_id) {
  choices.id = next_id++;
  const auto& hosts = choices.hosts;
  const auto counts = [&](size_t place) { return hosts[place]->weight() * choices.part(place); };
  for (size_t i = 1; i < hosts.size() && choices.equal_weights; ++i)
    choices.equal_weights = counts(i) == counts(0);
  if (rules.slow_start_window == Milliseconds(0)) return;
  for (const Host* host : hosts) {
    choices.slow_until =
        std::max(choices.slow_until, host->state().healthy_since() + rules.slow_start_window);
  }
}

bool is_in_panic(const PriorityLevel& level, uint32_t threshold) {
  const size_t count = level.size - level.excluded;
  const double percent =
      count == 0 ? 0.0 : 100.0 * static_cast<double>(level.usable) / static_cast<double>(count);
  return percent < threshold;
}

bool PriorityLevels::has_hosts() const {
  return std::any_of(levels.begin(), levels.end(), [](const auto& level) { return !level.all.empty(); });
}

void share_load(std::vector<PriorityLevel>& levels, uint32_t panic_threshold) {
  const uint32_t total = total_room(levels);
  const uint32_t threshold = std::min(100u, panic_threshold);
  if (total > 0) {
    uint32_t left =
        distribute(levels, &PriorityLevel::healthy_load, &PriorityLevel::healthy_room, total, 100);
    left = distribute(levels, &PriorityLevel::degraded_load, &PriorityLevel::degraded_room, total, left);
    assign_rest(levels, left);
  } else if (threshold == 0) {
    levels.front().healthy_load = 100;  // there is nobody, and nobody will be found
    return;
  }
  if (total == 100) return;
  for (auto& level : levels) level.panic = is_in_panic(level, threshold);
  if (std::all_of(levels.begin(), levels.end(), [](const auto& level) { return level.panic; }))
    share_by_size(levels);
}

PriorityLevels make_levels(const std::vector<const Host*>& hosts, const LoadRules& rules, uint32_t& next_id) {
  PriorityLevels result;
  result.levels.resize(1);
  for (const Host* host : hosts) {
    const uint32_t priority = host->endpoint().priority;
    if (priority >= result.levels.size()) result.levels.resize(priority + 1);
    PriorityLevel& level = result.levels[priority];
    level.all.hosts.push_back(host);
    ++level.size;
    if (host->excluded()) ++level.excluded;
    const HostHealth health = host->health();
    if (health == HostHealth::kHealthy || health == HostHealth::kDegraded) ++level.usable;
    if (health == HostHealth::kHealthy) level.healthy.hosts.push_back(host);
    if (health == HostHealth::kDegraded) level.degraded.edit().hosts.push_back(host);
  }
  for (uint32_t priority = 0; priority < result.levels.size(); ++priority)
    finish_level(result.levels[priority], priority, rules, next_id);
  set_rooms(result.levels, rules.overprovisioning);
  share_load(result.levels, rules.panic_threshold);
  if (rules.hashing != nullptr) make_tables(result.levels, rules);
  if (rules.reached != nullptr) note_reached(result, *rules.reached);
  return result;
}

HostSet::HostSet(HostList hosts, const LoadRules& given, const LbSubset* subset)
    : hosts_(std::move(hosts)),
      generation_(next_generation()),
      drop_per_million_(given.drop_per_million) {
  std::vector<const Host*> borrowed;
  borrowed.reserve(hosts_.size());
  for (const auto& host : hosts_) {
    borrowed.push_back(host.get());
    max_weight_ = std::max(max_weight_, host->weight());
  }
  LoadRules rules = given;
  ReachedHosts* reached = rules.aperture == nullptr ? nullptr : &reached_.emplace();
  if (subset == nullptr) rules.reached = reached;  // else the subsets are chosen from
  levels_ = make_levels(borrowed, rules, choices_);
  for (const auto& level : levels_.levels) {
    healthy_ += level.healthy.hosts.size();
    degraded_ += level.degraded->hosts.size();
    excluded_ += level.excluded;
  }
  if (subset == nullptr) return;
  LoadRules within = rules;
  within.reached = reached;
  if (!rules.subset_localities) within.localities = nullptr;
  subsets_ = std::make_unique<const SubsetIndex>(borrowed, *subset, within, choices_);
}

HostSet::~HostSet() = default;

double HostSet::reach(const Host& host) const {
  if (!reached_) return 1;
  const auto found = reached_->find(&host);
  return found == reached_->end() ? 0 : found->second;
}

}  // namespace remora
