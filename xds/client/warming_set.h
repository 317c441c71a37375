#pragma once

#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "remora/core/clock.h"

namespace remora::xds {

/// One accepted version of a resource, as it came.
struct ResourceRecord {
  google::protobuf::Any resource;
  std::string version;
  WallTime updated{};
};

/// The last update of a resource that was refused.
struct RefusedUpdate {
  ResourceRecord record;
  std::string details;
};

/// Resources of one type ("parents": clusters, listeners), each of which may need one of another type
/// ("child": its endpoints, its routes) before it can be used. A new parent, or a new version of one,
/// **warms**: it becomes active when its child is there, or its fetch timeout has passed; the version before
/// serves meanwhile. Children live as long as a parent names them. Knows nothing of protocols or time
/// sources; single-threaded.
template <typename Parent, typename Child>
class WarmingSet {
 public:
  struct Version {
    ResourceRecord record;
    Parent parent;
    std::string child;              // "": needs none
    Milliseconds fetch_timeout{0};  // 0: for ever
  };
  struct Entry {
    bool is_static = false;
    std::optional<Version> active;
    std::optional<Version> warming;
    MonotonicTime deadline = MonotonicTime::max();
    std::optional<RefusedUpdate> refused;
  };
  struct ChildEntry {
    std::optional<ResourceRecord> record;
    Child value{};                  // null until it came
    std::set<std::string> parents;  // names of entries that use or wait for it
    std::optional<RefusedUpdate> refused;
  };
  /// What has changed since the last take_changes().
  struct Changes {
    std::set<std::string> activated;
    std::set<std::string> removed;
    std::set<std::string> changed_children;
    std::set<std::string> dropped_children;
    std::vector<std::string> timed_out;  // activated without their child
  };

  void offer(const std::string& name, Version version, MonotonicTime now) {
    Entry& entry = entries_[name];
    entry.refused.reset();
    release_later(entry.warming);
    warming_.erase(name);
    if (!version.child.empty()) {
      const auto [child, is_new] = children_.try_emplace(version.child);
      child->second.parents.insert(name);
      if (is_new) ++child_names_version_;
    }
    const bool ready = version.child.empty() || children_[version.child].value != nullptr;
    entry.deadline = version.fetch_timeout.count() == 0 ? MonotonicTime::max() : now + version.fetch_timeout;
    entry.warming = std::move(version);
    warming_.insert(name);
    if (ready) activate(name, entry);
    release(name);
  }

  /// An active entry without waiting, and without being reported as changed: what is there from the start.
  void preset(const std::string& name, Version version) {
    Entry& entry = entries_[name];
    entry.is_static = true;
    entry.active = std::move(version);
  }
  void mark_static(const std::string& name) { entries_[name].is_static = true; }

  void remove(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    release_later(found->second.warming);
    release_later(found->second.active);
    if (found->second.active) changes_.removed.insert(name);
    changes_.activated.erase(name);
    warming_.erase(name);
    entries_.erase(found);
    release(name);
  }

  /// Ignored unless some parent names it.
  void supply(const std::string& child, ResourceRecord record, Child value) {
    const auto found = children_.find(child);
    if (found == children_.end()) return;
    found->second.record = std::move(record);
    found->second.value = std::move(value);
    found->second.refused.reset();
    changes_.changed_children.insert(child);
    changes_.dropped_children.erase(child);
    const std::set<std::string> parents = found->second.parents;
    for (const std::string& name : parents) {
      Entry& entry = entries_[name];
      if (entry.warming && entry.warming->child == child) activate(name, entry);
      release(name);
    }
  }

  void refuse(const std::string& name, RefusedUpdate update) { entries_[name].refused = std::move(update); }
  void refuse_child(const std::string& child, RefusedUpdate update) {
    const auto found = children_.find(child);
    if (found != children_.end()) found->second.refused = std::move(update);
  }

  /// Activates what has waited long enough.
  void expire(MonotonicTime now) {
    const std::set<std::string> waiting = warming_;
    for (const std::string& name : waiting) {
      Entry& entry = entries_[name];
      if (entry.deadline > now) continue;
      changes_.timed_out.push_back(name);
      activate(name, entry);
      release(name);
    }
  }
  [[nodiscard]] MonotonicTime next_deadline() const {
    MonotonicTime next = MonotonicTime::max();
    for (const std::string& name : warming_) next = std::min(next, entries_.at(name).deadline);
    return next;
  }

  [[nodiscard]] Changes take_changes() { return std::exchange(changes_, {}); }
  /// Another number whenever the set of children's names is another.
  [[nodiscard]] uint64_t child_names_version() const { return child_names_version_; }
  [[nodiscard]] bool is_warming() const { return !warming_.empty(); }
  [[nodiscard]] size_t warming_count() const { return warming_.size(); }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::map<std::string, ChildEntry>& children() const { return children_; }
  [[nodiscard]] const Entry* find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const ChildEntry* find_child(const std::string& name) const {
    const auto found = children_.find(name);
    return found == children_.end() ? nullptr : &found->second;
  }

 private:
  void activate(const std::string& name, Entry& entry) {
    release_later(entry.active);
    entry.active = std::move(entry.warming);
    entry.warming.reset();
    warming_.erase(name);
    changes_.activated.insert(name);
    changes_.removed.erase(name);
  }

  /// Children are let go only when the step is complete, so that one that the next version names again is
  /// kept.
  void release_later(const std::optional<Version>& version) {
    if (version && !version->child.empty()) maybe_unused_.insert(version->child);
  }

  void release(const std::string& name) {
    const Entry* entry = find(name);
    for (const std::string& child : std::exchange(maybe_unused_, {})) {
      if (entry != nullptr && (names(entry->active, child) || names(entry->warming, child))) continue;
      const auto found = children_.find(child);
      if (found == children_.end()) continue;
      found->second.parents.erase(name);
      if (!found->second.parents.empty()) continue;
      changes_.changed_children.erase(child);
      if (found->second.value != nullptr) changes_.dropped_children.insert(child);
      children_.erase(found);
      ++child_names_version_;
    }
  }
  static bool names(const std::optional<Version>& version, const std::string& child) {
    return version && version->child == child;
  }

  std::map<std::string, Entry> entries_;
  std::map<std::string, ChildEntry> children_;
  std::set<std::string> warming_;
  std::set<std::string> maybe_unused_;
  Changes changes_;
  uint64_t child_names_version_ = 0;
};

}  // namespace remora::xds
