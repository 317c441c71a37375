#pragma once

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/resource_record.h"
#include "remora/core/clock.h"
#include "remora/core/rare.h"

namespace remora::xds {

enum class NeedKind : uint8_t { kEndpoints, kRoutes, kSecret, kExtension };

/// Something without which a resource cannot be used.
struct NeedKey {
  NeedKind kind = NeedKind::kEndpoints;
  std::string name;
  auto operator<=>(const NeedKey&) const = default;  // NOLINT: clang-tidy 14 takes its 0 for a pointer
};
struct Need {
  NeedKey key;
  Milliseconds fetch_timeout{0};  // 0: it is waited for for ever
  bool is_waited_for = true;      // false: used when it is there
};

/// Where needs are kept. Not owned by a WarmingSet; outlives it.
class NeedKeeper {
 public:
  virtual ~NeedKeeper() = default;
  /// `parent` uses or waits for it from now on; until release().
  virtual void hold(const NeedKey& key, const std::string& parent) = 0;
  virtual void release(const NeedKey& key, const std::string& parent) = 0;
  /// There is nothing to wait for: it is there, or is known not to come.
  [[nodiscard]] virtual bool is_settled(const NeedKey& key) const = 0;
};

/// Resources of one type ("parents": clusters, listeners), each of which may need others (its endpoints, its
/// routes, its certificates) before it can be used. A new parent, or a new version of one, **warms**: it
/// becomes active when everything is there, or was waited for long enough; the version before serves
/// meanwhile. Knows nothing of protocols or time sources; single-threaded.
template <typename Parent>
class WarmingSet {
 public:
  struct Version {
    ResourceRecord record;
    Parent parent;
    std::vector<Need> needs;
  };
  using Missing = std::map<NeedKey, MonotonicTime>;  // until when it is waited for
  struct Entry {
    bool is_static = false;
    Rare<Version> active;
    Rare<Version> warming;
    Rare<Missing> missing;  // of the one that warms; never empty
    Rare<RefusedUpdate> refused;
  };
  /// What has changed since the last take_changes().
  struct Changes {
    std::set<std::string> activated;
    std::set<std::string> removed;
    std::vector<std::pair<std::string, NeedKey>> timed_out;  // what did not come in time, and for whom
  };

  explicit WarmingSet(NeedKeeper& keeper) : keeper_(keeper) {}

  void offer(const std::string& name, Version version, MonotonicTime now) {
    Entry& entry = entries_[name];
    clear_refusal(name);
    for (const Need& need : version.needs) keeper_.hold(need.key, name);
    const Rare<Version> before = stop_warming(name, entry);
    for (const Need& need : version.needs) {
      if (!need.is_waited_for || keeper_.is_settled(need.key)) continue;
      const bool forever = need.fetch_timeout.count() == 0;
      const auto deadline = forever ? MonotonicTime::max() : now + need.fetch_timeout;
      if (!entry.missing) entry.missing.emplace();
      if (entry.missing->emplace(need.key, deadline).second) ++deadlines_[deadline];
      waiting_[need.key].insert(name);
    }
    entry.warming = std::move(version);
    warming_.insert(name);
    release_unused(name, before);
    activate_if_complete(name);
  }

  /// An active entry without waiting, and without being reported as changed: what is there from the start.
  void preset(const std::string& name, Version version) {
    Entry& entry = entries_[name];
    entry.is_static = true;
    entry.active = std::move(version);
  }
  void mark_static(const std::string& name) { entries_[name].is_static = true; }

  /// The same versions mean something else now; null: there is no such one.
  void renew(const std::string& name, Rare<Parent> active, Rare<Parent> warming) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    if (warming && found->second.warming) found->second.warming->parent = std::move(*warming);
    if (!active || !found->second.active) return;
    found->second.active->parent = std::move(*active);
    changes_.activated.insert(name);
  }

  void remove(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    const Rare<Version> warming = stop_warming(name, found->second);
    const Rare<Version> active = std::move(found->second.active);
    if (active) changes_.removed.insert(name);
    changes_.activated.erase(name);
    if (found->second.refused) --refused_count_;
    entries_.erase(found);
    release_unused(name, warming);
    release_unused(name, active);
  }

  /// Something that parents may wait for is there, or will not come.
  void settled(const NeedKey& key) {
    const auto found = waiting_.find(key);
    if (found == waiting_.end()) return;
    const std::set<std::string> parents = std::move(found->second);
    waiting_.erase(found);
    for (const std::string& name : parents) {
      forget_missing(entries_[name], key);
      activate_if_complete(name);
    }
  }

  /// What waits for it waits until then.
  void postpone(const NeedKey& key, MonotonicTime deadline) {
    const auto found = waiting_.find(key);
    if (found == waiting_.end()) return;
    for (const std::string& name : found->second) {
      Entry& entry = entries_[name];
      forget_missing(entry, key);
      if (!entry.missing) entry.missing.emplace();
      entry.missing->emplace(key, deadline);
      ++deadlines_[deadline];
    }
  }

  void refuse(const std::string& name, RefusedUpdate update) {
    Entry& entry = entries_[name];
    if (!entry.refused) ++refused_count_;
    entry.refused = std::move(update);
  }

  /// The version that is there was given once more.
  void clear_refusal(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end() || !found->second.refused) return;
    --refused_count_;
    found->second.refused.reset();
  }

  /// The same bytes came as another version.
  void set_version(const std::string& name, const std::string& version) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    auto& latest = found->second.warming ? found->second.warming : found->second.active;
    if (latest) latest->record.version = version;
  }

  /// Goes on without what was waited for long enough.
  void expire(MonotonicTime now) {
    if (next_deadline() > now) return;
    const std::set<std::string> warming = warming_;
    for (const std::string& name : warming) {
      Entry& entry = entries_[name];
      for (const NeedKey& key : due(entry, now)) {
        changes_.timed_out.emplace_back(name, key);
        forget_waiting(key, name);
        forget_missing(entry, key);
      }
      activate_if_complete(name);
    }
  }
  [[nodiscard]] MonotonicTime next_deadline() const {
    return deadlines_.empty() ? MonotonicTime::max() : deadlines_.begin()->first;
  }

  [[nodiscard]] Changes take_changes() { return std::exchange(changes_, {}); }
  [[nodiscard]] bool is_warming() const { return !warming_.empty(); }
  [[nodiscard]] size_t warming_count() const { return warming_.size(); }
  /// Entries whose last update was refused.
  [[nodiscard]] size_t refused_count() const { return refused_count_; }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  [[nodiscard]] const Entry* find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  void activate_if_complete(const std::string& name) {
    Entry& entry = entries_[name];
    if (!entry.warming || entry.missing) return;
    const Rare<Version> before = std::exchange(entry.active, std::move(entry.warming));
    entry.warming.reset();
    warming_.erase(name);
    changes_.activated.insert(name);
    changes_.removed.erase(name);
    release_unused(name, before);
  }

  /// What warmed, if anything.
  Rare<Version> stop_warming(const std::string& name, Entry& entry) {
    while (entry.missing) {
      const NeedKey key = entry.missing->begin()->first;
      forget_waiting(key, name);
      forget_missing(entry, key);
    }
    warming_.erase(name);
    return std::exchange(entry.warming, {});
  }

  /// What the entry has waited for long enough.
  static std::vector<NeedKey> due(const Entry& entry, MonotonicTime now) {
    std::vector<NeedKey> keys;
    if (!entry.missing) return keys;
    for (const auto& [key, deadline] : *entry.missing) {
      if (deadline <= now) keys.push_back(key);
    }
    return keys;
  }

  void forget_missing(Entry& entry, const NeedKey& key) {
    if (!entry.missing) return;
    const auto need = entry.missing->find(key);
    if (need == entry.missing->end()) return;
    const auto deadline = deadlines_.find(need->second);
    if (--deadline->second == 0) deadlines_.erase(deadline);
    entry.missing->erase(need);
    if (entry.missing->empty()) entry.missing.reset();
  }

  void forget_waiting(const NeedKey& key, const std::string& name) {
    const auto found = waiting_.find(key);
    if (found == waiting_.end()) return;
    found->second.erase(name);
    if (found->second.empty()) waiting_.erase(found);
  }

  /// Lets go what a version that is over needed and no other version of the entry needs.
  void release_unused(const std::string& name, const Rare<Version>& version) {
    if (!version) return;
    const Entry* entry = find(name);
    for (const Need& need : version->needs) {
      if (entry != nullptr && (names(entry->active, need.key) || names(entry->warming, need.key))) continue;
      keeper_.release(need.key, name);
    }
  }
  static bool names(const Rare<Version>& version, const NeedKey& key) {
    const auto same = [&](const Need& need) { return need.key == key; };
    return version && std::any_of(version->needs.begin(), version->needs.end(), same);
  }

  NeedKeeper& keeper_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> warming_;
  std::map<NeedKey, std::set<std::string>> waiting_;  // who waits for what
  std::map<MonotonicTime, size_t> deadlines_;         // of everything that is missing; how many have each
  Changes changes_;
  size_t refused_count_ = 0;
};

}  // namespace remora::xds
