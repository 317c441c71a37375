#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/event_log.h"
#include "store/object_store.h"

namespace remora::kubernetes {

/// What has been read from an API server, and what we have written there ourselves, which counts at once:
/// what the server tells later and is older than that is left out. Objects keep the server's resourceVersion;
/// the cache's own version is never below one that it holds, and grows with each event. Control thread only.
class ObjectCache {
 public:
  ObjectCache();

  uint64_t version() const { return log_.version(); }
  store::ObjectList list(const std::string& type, const std::string& ns) const;
  store::ObjectPtr get(const store::ObjectKey& key) const;
  size_t count(const std::string& type) const;
  store::ObjectStore::Watch watch(const std::string& type, uint64_t from,
                                  store::ObjectStore::OnEvent on_event) {
    return log_.watch(type, from, std::move(on_event));
  }

  /// The server's list of one type. Keys in `keep` stay as they are.
  void replace(const std::string& type, const std::vector<store::ObjectPtr>& objects,
               const std::set<store::ObjectKey>& keep, uint64_t version);
  /// The server's event.
  void put(const store::ObjectPtr& object);
  void remove(const store::ObjectKey& key, uint64_t version, const std::string& uid);

  /// The server's answer to a write of ours.
  void put_own(const store::ObjectPtr& object);
  void remove_own(const store::ObjectKey& key, const std::string& uid);

 private:
  using ByName = std::map<std::pair<std::string, std::string>, store::ObjectPtr>;

  bool is_stale(const store::Object& object);
  void place(const store::ObjectPtr& object);
  void take_away(const store::ObjectPtr& object, uint64_t version);
  void tell(store::EventType type, const store::ObjectPtr& object);

  std::map<std::string, ByName, std::less<>> objects_;
  std::map<store::ObjectKey, uint64_t>
      written_;  // versions of our own writes that the watch has not told yet
  std::map<store::ObjectKey, std::string> removed_;  // uids of what we have removed, likewise
  store::EventLog log_;
};

}  // namespace remora::kubernetes
