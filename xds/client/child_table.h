#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/resource_record.h"
#include "remora/core/rare.h"

namespace remora::xds {

/// The names of those who hold something: of most things there is one.
class Users {
 public:
  void insert(const std::string& name) {
    if (!first_ || *first_ == name) {
      first_ = name;
      return;
    }
    if (!others_) others_.emplace();
    others_->insert(name);
  }
  void erase(const std::string& name) {
    if (first_ != name) {
      if (others_) others_->erase(name);
    } else if (others_ && !others_->empty()) {
      first_ = std::move(others_->extract(others_->begin()).value());
    } else {
      first_.reset();
    }
  }
  [[nodiscard]] bool empty() const { return !first_; }
  template <typename Visit>
  void each(Visit visit) const {
    if (first_) visit(*first_);
    if (!others_) return;
    for (const std::string& name : *others_) visit(name);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    each([&](const std::string& name) { all.push_back(name); });
    return all;
  }

 private:
  std::optional<std::string> first_;
  Rare<std::set<std::string>> others_;
};

/// What others need before they can be used, by name: endpoints, routes, secrets. An entry lives as long as
/// somebody holds it, and is asked for meanwhile. Single-threaded.
template <typename Value>
class ChildTable {
 public:
  struct Entry {
    std::optional<ResourceRecord> record;
    Value value{};  // null until it came
    Users users;    // who holds it
    Rare<RefusedUpdate> refused;
    bool absent = false;      // its source says that there is none
    bool incomplete = false;  // it needs something else before it can be used
  };

  /// True: it was not held by anybody before.
  bool hold(const std::string& name, const std::string& user) {
    const auto [entry, is_new] = entries_.try_emplace(name);
    entry->second.users.insert(user);
    if (is_new) touched_.insert(name);
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
    if (found->second.refused) --refused_count_;
    entries_.erase(found);
    touched_.insert(name);
    return true;
  }
  /// False: nobody holds it, so it was not taken. No record: no resource holds it.
  bool supply(const std::string& name, std::optional<ResourceRecord> record, Value value) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return false;
    found->second.record = std::move(record);
    found->second.value = std::move(value);
    clear_refusal(name);
    found->second.absent = false;
    changed_.insert(name);
    dropped_.erase(name);
    return true;
  }
  /// The same resource means something else now.
  void replace(const std::string& name, Value value) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    found->second.value = std::move(value);
    changed_.insert(name);
  }
  void refuse(const std::string& name, RefusedUpdate update) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    if (!found->second.refused) ++refused_count_;
    found->second.refused = std::move(update);
  }
  /// The value that is there was given once more.
  void clear_refusal(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end() || !found->second.refused) return;
    --refused_count_;
    found->second.refused.reset();
  }
  /// The same bytes came as another version.
  void set_version(const std::string& name, const std::string& version) {
    const auto found = entries_.find(name);
    if (found != entries_.end() && found->second.record) found->second.record->version = version;
  }
  /// The same came again, and that matters.
  void renew(const std::string& name) {
    if (entries_.contains(name)) changed_.insert(name);
  }
  void set_incomplete(const std::string& name, bool incomplete) {
    const auto found = entries_.find(name);
    if (found != entries_.end()) found->second.incomplete = incomplete;
  }
  /// There is none to wait for; a value that is there stays.
  void mark_absent(const std::string& name) {
    const auto found = entries_.find(name);
    if (found != entries_.end()) found->second.absent = true;
  }

  /// What was there is gone, though it is still held.
  void withdraw(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    clear_refusal(name);
    found->second.record.reset();
    found->second.value = {};
    found->second.absent = true;
    changed_.insert(name);
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
  /// There is nothing to wait for.
  [[nodiscard]] bool is_settled(const std::string& name) const {
    const Entry* entry = find(name);
    return entry != nullptr && ((entry->value != nullptr && !entry->incomplete) || entry->absent);
  }
  /// Entries whose last update was refused.
  [[nodiscard]] size_t refused_count() const { return refused_count_; }
  /// Names that somebody holds now, or nobody any more, since the last call.
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }
  /// Names with another value since the last call, and those that had one and are gone.
  std::set<std::string> take_changed() { return std::exchange(changed_, {}); }
  std::set<std::string> take_dropped() { return std::exchange(dropped_, {}); }

 private:
  std::map<std::string, Entry> entries_;
  std::set<std::string> changed_;
  std::set<std::string> dropped_;
  std::set<std::string> touched_;
  size_t refused_count_ = 0;
};

}  // namespace remora::xds
