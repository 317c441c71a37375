#include "upstream/subset.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <unordered_map>

#include "upstream/load_balancer.h"

namespace remora {
namespace {

using Values = std::vector<MetadataValue>;

constexpr std::string_view kNamespace = "envoy.lb";

uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x9e3779b97f4a7c15 + (hash >> 29); }

uint64_t hash_of(const MetadataValue& value) {
  uint64_t hash = mix(0, value.value.index());
  if (const auto* text = value.string()) return mix(hash, std::hash<std::string_view>{}(*text));
  if (const auto* flag = std::get_if<bool>(&value.value)) return mix(hash, *flag ? 1 : 2);
  if (const auto* number = std::get_if<double>(&value.value)) return mix(hash, std::hash<double>{}(*number));
  if (const auto* list = std::get_if<MetadataValue::List>(&value.value)) {
    for (const auto& item : *list) hash = mix(hash, hash_of(item));
  }
  if (const auto* object = value.object()) {
    for (const auto& [key, member] : *object) {
      hash = mix(mix(hash, std::hash<std::string_view>{}(key)), hash_of(member));
    }
  }
  return hash;
}

uint64_t hash_of(const Values& values) {
  uint64_t hash = 0;
  for (const auto& value : values) hash = mix(hash, hash_of(value));
  return hash;
}

const MetadataValue* find(const Host& host, const std::string& key) {
  const auto& metadata = host.endpoint().metadata;
  return metadata == nullptr ? nullptr : metadata->find(kNamespace, key);
}

/// Every combination of values that the host has for `keys`; none if it lacks a key. With `list_as_any` a
/// list stands for each of its items.
std::vector<Values> combinations(const Host& host, const std::vector<std::string>& keys, bool list_as_any) {
  std::vector<Values> result(1);
  for (const auto& key : keys) {
    const MetadataValue* value = find(host, key);
    if (value == nullptr) return {};
    const auto* list = list_as_any ? std::get_if<MetadataValue::List>(&value->value) : nullptr;
    if (list == nullptr) {
      for (auto& values : result) values.push_back(*value);
      continue;
    }
    std::vector<Values> branched;
    for (const auto& values : result) {
      for (const auto& item : *list) branched.emplace_back(values).push_back(item);
    }
    result = std::move(branched);
  }
  return result;
}

bool matches(const Host& host, const SubsetMatch& wanted, bool list_as_any) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& pair) {
    const MetadataValue* value = find(host, pair.first);
    if (value == nullptr) return false;
    const auto* list = list_as_any ? std::get_if<MetadataValue::List>(&value->value) : nullptr;
    return list == nullptr ? *value == pair.second
                           : std::find(list->begin(), list->end(), pair.second) != list->end();
  });
}

}  // namespace

/// One subset: the hosts whose values are `values`, in the order of the selector's keys.
struct SubsetIndex::Subset {
  uint64_t hash;
  Values values;
  std::vector<const Host*> hosts;
  PriorityLevels levels;         // unless `single`
  const Host* single = nullptr;  // single_host_per_subset: this one, whatever its health
};

/// What a request asks for: its metadata_match, all of it or only some keys (KEYS_SUBSET). Nothing is copied.
class SubsetIndex::Criteria {
 public:
  Criteria(const SubsetMatch& match, const std::vector<std::string>* only) : match_(match), only_(only) {}

  /// Calls `visit(key, value)` in order of keys as long as it returns true; false if it stopped.
  template <typename Visit>
  bool each(Visit visit) const {
    return std::all_of(match_.begin(), match_.end(), [&](const auto& pair) {
      const bool counts = only_ == nullptr || std::binary_search(only_->begin(), only_->end(), pair.first);
      return !counts || visit(pair.first, pair.second);
    });
  }
  [[nodiscard]] bool has_keys(const std::vector<std::string>& keys) const {
    size_t at = 0;
    return each([&](const auto& key, const auto&) { return at < keys.size() && keys[at++] == key; }) &&
           at == keys.size();
  }
  [[nodiscard]] bool has_values(const Values& values) const {
    size_t at = 0;
    return each([&](const auto&, const auto& value) { return values[at++] == value; });
  }
  [[nodiscard]] uint64_t hash() const {
    uint64_t hash = 0;
    each([&](const auto&, const auto& value) { return hash = mix(hash, hash_of(value)), true; });
    return hash;
  }
  [[nodiscard]] Criteria restricted_to(const std::vector<std::string>& keys) const { return {match_, &keys}; }

 private:
  const SubsetMatch& match_;
  const std::vector<std::string>* only_;
};

struct SubsetIndex::Group {
  LbSubset::Selector selector;
  std::vector<Subset> subsets;  // by hash

  [[nodiscard]] const Subset* find(const Criteria& criteria) const {
    const uint64_t hash = criteria.hash();
    auto it = std::lower_bound(subsets.begin(), subsets.end(), hash,
                               [](const Subset& subset, uint64_t wanted) { return subset.hash < wanted; });
    for (; it != subsets.end() && it->hash == hash; ++it) {
      if (criteria.has_values(it->values)) return &*it;
    }
    return nullptr;
  }
};

/// Collects the subsets of one selector; the hosts of each stay in the order of the configuration.
struct SubsetIndex::Builder {
  Group& group;
  std::unordered_multimap<uint64_t, size_t> place_of;  // by hash of the values

  Subset& subset_for(Values values) {
    const uint64_t hash = hash_of(values);
    const auto [begin, end] = place_of.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      if (group.subsets[it->second].values == values) return group.subsets[it->second];
    }
    place_of.emplace(hash, group.subsets.size());
    return group.subsets.emplace_back(Subset{hash, std::move(values), {}, {}, nullptr});
  }
};

SubsetIndex::SubsetIndex(const std::vector<const Host*>& hosts, const LbSubset& config,
                         const LoadRules& rules, uint32_t& next_id)
    : fallback_(config.fallback),
      panic_mode_any_(config.panic_mode_any) {
  for (const auto& selector : config.selectors)
    add_group(selector, hosts, config.list_as_any, rules, next_id);
  const auto wanted = [&](LbSubset::Fallback kind) {
    return fallback_ == kind || std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
             return group.selector.fallback == kind;
           });
  };
  if (panic_mode_any_ || wanted(LbSubset::Fallback::kAnyEndpoint)) any_ = make_levels(hosts, rules, next_id);
  if (wanted(LbSubset::Fallback::kDefaultSubset)) {
    std::vector<const Host*> matching;
    std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(matching),
                 [&](const Host* host) { return matches(*host, config.default_subset, config.list_as_any); });
    default_ = make_levels(matching, rules, next_id);
  }
}

SubsetIndex::~SubsetIndex() = default;

void SubsetIndex::add_group(const LbSubset::Selector& selector, const std::vector<const Host*>& hosts,
                            bool list_as_any, const LoadRules& rules, uint32_t& next_id) {
  if (selector.keys.empty()) return;  // no request can ask for it
  Group& group = groups_.emplace_back(Group{selector, {}});
  Builder builder{group, {}};
  for (const Host* host : hosts) {
    for (auto& values : combinations(*host, selector.keys, list_as_any)) {
      builder.subset_for(std::move(values)).hosts.push_back(host);
    }
  }
  for (Subset& subset : group.subsets) {
    if (!selector.single_host_per_subset) {
      subset.levels = make_levels(subset.hosts, rules, next_id);
      continue;
    }
    subset.single = *std::min_element(
        subset.hosts.begin(), subset.hosts.end(),
        [](const Host* a, const Host* b) { return a->endpoint().priority < b->endpoint().priority; });
    duplicates_ += subset.hosts.size() - 1;
    if (rules.reached != nullptr) (*rules.reached)[subset.single] = 1;
  }
  std::sort(group.subsets.begin(), group.subsets.end(),
            [](const auto& a, const auto& b) { return a.hash < b.hash; });
}

std::string SubsetIndex::name_of(const Group& group, const Subset& subset) {
  std::string name;
  for (size_t i = 0; i < subset.values.size(); ++i) {
    name.append(i == 0 ? "" : ",").append(group.selector.keys[i]).append("=");
    subset.values[i].append_json(name);
  }
  return name;
}

/// Picks for a request.
struct SubsetIndex::BalancerPick {
  LoadBalancer& balancer;

  const Host* from(const PriorityLevels& levels, std::string_view /*why*/) {
    return balancer.pick_from(levels);
  }
  const Host* single(const Host* host) { return host; }
  void selected(const Group& /*group*/, const Subset& /*subset*/) {
    balancer.count(&LbStats::subsets_selected);
  }
  void fell_back() { balancer.count(&LbStats::subsets_fallback); }
  void panicked() { balancer.count(&LbStats::subsets_fallback_panic); }
};

/// Picks nobody, but remembers among whom it would be.
struct SubsetIndex::ExplainPick {
  Explained& found;

  const Host* from(const PriorityLevels& levels, std::string_view why) {
    found.levels = &levels;
    if (found.why.empty() || !why.empty()) found.why = why;
    for (const auto& level : levels.levels) {
      if (!level.all.empty()) return level.all.hosts.front();
    }
    return nullptr;
  }
  const Host* single(const Host* host) { return found.single = host; }
  void selected(const Group& group, const Subset& subset) { found.why = "subset " + name_of(group, subset); }
  void fell_back() {}
  void panicked() {}
};

const Host* SubsetIndex::pick(LoadBalancer& balancer, const LbContext& context) const {
  static const SubsetMatch kNothing;
  return pick_by(BalancerPick{balancer},
                 Criteria(context.subset == nullptr ? kNothing : *context.subset, nullptr));
}

SubsetIndex::Explained SubsetIndex::explain(const SubsetMatch& wanted) const {
  Explained found;
  pick_by(ExplainPick{found}, Criteria(wanted, nullptr));
  if (found.why.empty()) found.why = "no subset has these values, and no fallback is configured";
  return found;
}

template <typename Picker>
const Host* SubsetIndex::pick_by(Picker picker, const Criteria& criteria) const {
  const auto group = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const Group& g) { return criteria.has_keys(g.selector.keys); });
  if (group == groups_.end()) return pick_fallback(picker);
  if (const Subset* subset = group->find(criteria)) {
    picker.selected(*group, *subset);
    return subset->single != nullptr ? picker.single(subset->single) : picker.from(subset->levels, {});
  }
  const LbSubset::Selector& selector = group->selector;
  switch (selector.fallback) {
    case LbSubset::Fallback::kNotDefined: break;
    case LbSubset::Fallback::kNoFallback: return nullptr;
    case LbSubset::Fallback::kAnyEndpoint: return picker.from(any_, "the selector's fallback ANY_ENDPOINT");
    case LbSubset::Fallback::kDefaultSubset:
      return picker.from(default_, "the selector's fallback DEFAULT_SUBSET");
    case LbSubset::Fallback::kKeysSubset:
      if (selector.fallback_keys.size() < selector.keys.size()) {  // always so; else this would not end
        return pick_by(picker, criteria.restricted_to(selector.fallback_keys));
      }
  }
  return pick_fallback(picker);
}

/// The cluster's own fallback: any host or the default subset, and when that finds nobody, any host in panic.
template <typename Picker>
const Host* SubsetIndex::pick_fallback(Picker picker) const {
  const bool any = fallback_ == LbSubset::Fallback::kAnyEndpoint;
  if (!any && fallback_ != LbSubset::Fallback::kDefaultSubset) return nullptr;
  const std::string_view why = any ? "fallback ANY_ENDPOINT" : "fallback DEFAULT_SUBSET";
  if (const Host* host = picker.from(any ? any_ : default_, why)) {
    picker.fell_back();
    return host;
  }
  const Host* host = panic_mode_any_ ? picker.from(any_, "panic_mode_any: all hosts") : nullptr;
  if (host != nullptr) picker.panicked();
  return host;
}

size_t SubsetIndex::size() const {
  size_t count = 0;
  for (const auto& group : groups_) count += group.subsets.size();
  return count;
}

std::vector<std::string> SubsetIndex::names() const {
  std::vector<std::string> names;
  for (const auto& group : groups_) {
    for (const auto& subset : group.subsets) {
      names.push_back(name_of(group, subset));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace remora
