#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "remora/core/result.h"
#include "store/event_log.h"
#include "store/object_store.h"

namespace remora::store {

/// Makes an object last. Nothing is answered as written before its keeper has said yes.
class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual Result<void> save(const Object& object) = 0;
  virtual Result<void> erase(const Object& object) = 0;
};

/// An object that a manifest file defines.
struct Manifest {
  ObjectKey key;
  boost::json::object body;
  std::string file;
};

/// The rules of a store: versions, generations, preconditions, history and watches. By itself it forgets
/// everything at the end; with a Keeper it does not. Control thread only.
class MemoryStore : public ObjectStore {
 public:
  /// `keeper` may be null, and must outlive the store.
  explicit MemoryStore(Keeper* keeper = nullptr);

  uint64_t version() const override { return log_.version(); }
  ObjectList list(const std::string& type, const std::string& ns = {}) const override;
  ObjectPtr get(const ObjectKey& key) const override;
  void create(ObjectKey key, boost::json::object body, Written done) override;
  void update(const ObjectKey& key, boost::json::object body, Precondition precondition,
              Written done) override;
  void update_status(const ObjectKey& key, boost::json::object body, Precondition precondition,
                     Written done) override;
  void remove(const ObjectKey& key, Precondition precondition, Written done) override;
  Watch watch(const std::string& type, uint64_t from, OnEvent on_event) override {
    return log_.watch(type, from, std::move(on_event));
  }

  /// What was kept before this store was made, at the version it has. No events, no keeping. An object of a
  /// manifest file is only remembered until set_manifests() names it again.
  void restore(Object object);

  /// Somebody else has changed what is kept: `body` is there now. Taken as an update, and kept in our form.
  void absorb(const ObjectKey& key, boost::json::object body);
  /// Somebody else has taken it away.
  void absorb_removal(const ObjectKey& key);

  /// What all manifest files define now, together. Returns those that the store itself has already: they are
  /// left out.
  std::vector<Manifest> set_manifests(std::vector<Manifest> manifests);

 private:
  /// What somebody else's file says holds even where we cannot keep it in our form; of a manifest there is
  /// nothing to keep before it has a status.
  enum class Keep { kMust, kTry, kNot };
  WriteResult write(const ObjectPtr& before, Object next, Keep keep);
  WriteResult take_away(const ObjectPtr& object, Keep keep);
  void commit(EventType type, ObjectPtr object);
  uint64_t next_version() const;
  ObjectPtr& place(const ObjectKey& key) { return objects_[key.type][{key.ns, key.name}]; }
  bool take_manifest(Manifest& manifest);

  using ByName = std::map<std::pair<std::string, std::string>, ObjectPtr>;
  Keeper* keeper_;
  std::map<std::string, ByName, std::less<>> objects_;
  std::map<ObjectKey, Object> remembered_;  // of manifest files that have not been read yet
  EventLog log_;
};

}  // namespace remora::store
