#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>

#include "store/object_store.h"

namespace remora::store {

/// What has happened to a store's objects, in its order: told to watchers, and remembered for those that come
/// back. Control thread only.
class EventLog {
 public:
  /// `remembered`: events; a watcher that is further behind lists again.
  explicit EventLog(size_t remembered) : remembered_(remembered) {}

  /// The last event's version.
  uint64_t version() const { return version_; }

  /// What happened up to `version` is not known any more.
  void forget_until(uint64_t version);

  /// `version` must be above the last one. Watchers are called before this returns, unless it is called by
  /// one of them: then after it.
  void add(uint64_t version, Event event);

  /// See ObjectStore::watch.
  ObjectStore::Watch watch(const std::string& type, uint64_t from, ObjectStore::OnEvent on_event);

 private:
  struct Entry {
    uint64_t version = 0;
    Event event;
  };
  struct Watcher {
    std::string type;
    uint64_t after = 0;  ///< what is later, it is told as it happens
    ObjectStore::OnEvent on_event;

    bool wants(const Event& event) const { return type.empty() || type == event.object->key.type; }
  };

  void deliver();

  const size_t remembered_;
  uint64_t version_ = 1;
  std::deque<Entry> history_;
  uint64_t forgotten_ = 0;  // the last version whose event is not in the history any more
  std::deque<Entry> undelivered_;
  bool delivering_ = false;
  std::list<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace remora::store
