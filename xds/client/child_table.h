#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "client/resource_record.h"

namespace remora::xds {

/// What others need before they can be used, by name: endpoints, routes, secrets. An entry lives as long as
/// somebody holds it, and is asked for meanwhile. Single-threaded.
template <typename Value>
class ChildTable {
 public:
  struct Entry {
    std::optional<ResourceRecord> record;
    Value value{};                // null until it came
    std::set<std::string> users;  // who holds it
    std::optional<RefusedUpdate> refused;
  };

  /// True: it was not held by anybody before.
  bool hold(const std::string& name, const std::string& user) {
    const auto [entry, is_new] = entries_.try_emplace(name);
    entry->second.users.insert(user);
    if (is_new) ++names_version_;
    return is_new;
  }
  /// True: nobody holds it any more, so it is gone.
  bool release(const std::string& name, const std::string& user) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return false;
    found->second.users.erase(user);
    if (!found->second.users.empty()) return false;
    changed_.erase(name);
    if (found->second.value != nullptr) dropped_.insert(name);
    entries_.erase(found);
    ++names_version_;
    return true;
  }
  /// False: nobody holds it, so it was not taken.
  bool supply(const std::string& name, ResourceRecord record, Value value) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return false;
    found->second.record = std::move(record);
    found->second.value = std::move(value);
    found->second.refused.reset();
    changed_.insert(name);
    dropped_.erase(name);
    return true;
  }
  void refuse(const std::string& name, RefusedUpdate update) {
    const auto found = entries_.find(name);
    if (found != entries_.end()) found->second.refused = std::move(update);
  }

  [[nodiscard]] const Entry* find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }
  /// Null: not there (yet).
  [[nodiscard]] Value value_of(const std::string& name) const {
    const Entry* entry = find(name);
    return entry == nullptr ? Value{} : entry->value;
  }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  /// Another number whenever the set of names is another.
  [[nodiscard]] uint64_t names_version() const { return names_version_; }
  /// Names with another value since the last call, and those that had one and are gone.
  std::set<std::string> take_changed() { return std::exchange(changed_, {}); }
  std::set<std::string> take_dropped() { return std::exchange(dropped_, {}); }

 private:
  std::map<std::string, Entry> entries_;
  std::set<std::string> changed_;
  std::set<std::string> dropped_;
  uint64_t names_version_ = 0;
};

}  // namespace remora::xds
