#include "kubernetes/object_cache.h"

#include <algorithm>

#include "store/metadata.h"

namespace remora::kubernetes {
namespace {

using store::EventType;
using store::Object;
using store::ObjectKey;
using store::ObjectPtr;

constexpr size_t kRemembered = 2048;  // events; watchers in this process are never far behind

}  // namespace

ObjectCache::ObjectCache() : log_(kRemembered) {}

store::ObjectList ObjectCache::list(const std::string& type, const std::string& ns) const {
  store::ObjectList list{log_.version(), {}};
  const auto found = objects_.find(type);
  if (found == objects_.end()) return list;
  const ByName& by_name = found->second;
  for (auto entry = by_name.lower_bound({ns, ""}); entry != by_name.end(); ++entry) {
    if (!ns.empty() && entry->first.first != ns) break;
    list.objects.push_back(entry->second);
  }
  return list;
}

ObjectPtr ObjectCache::get(const ObjectKey& key) const {
  const auto type = objects_.find(key.type);
  if (type == objects_.end()) return nullptr;
  const auto found = type->second.find({key.ns, key.name});
  return found == type->second.end() ? nullptr : found->second;
}

size_t ObjectCache::count(const std::string& type) const {
  const auto found = objects_.find(type);
  return found == objects_.end() ? 0 : found->second.size();
}

void ObjectCache::replace(const std::string& type, const std::vector<ObjectPtr>& objects,
                          const std::set<ObjectKey>& keep, uint64_t version) {
  std::set<ObjectKey> named = keep;
  for (const ObjectPtr& object : objects) {
    named.insert(object->key);
    const auto removed = removed_.find(object->key);
    const bool older =
        removed != removed_.end() && removed->second == store::metadata_text(object->body, "uid");
    const ObjectPtr present = get(object->key);
    if (older || (present != nullptr && present->version == object->version)) continue;
    if (!is_stale(*object)) place(object);
  }
  for (const ObjectPtr& object : list(type, "").objects) {
    // What we have written after the list was made cannot be in it.
    const auto own = written_.find(object->key);
    const bool newer = own != written_.end() && own->second > version;
    if (!newer && !named.contains(object->key)) take_away(object, version);
  }
  // A list that does not have it any more confirms a removal.
  std::erase_if(removed_,
                [&](const auto& entry) { return entry.first.type == type && !named.contains(entry.first); });
  std::erase_if(written_,
                [&](const auto& entry) { return entry.first.type == type && entry.second <= version; });
}

/// Whether we know better already.
bool ObjectCache::is_stale(const Object& object) {
  const auto own = written_.find(object.key);
  if (own != written_.end()) {
    if (object.version < own->second) return true;
    written_.erase(own);
  }
  const auto removed = removed_.find(object.key);
  if (removed == removed_.end()) return false;
  if (removed->second == store::metadata_text(object.body, "uid")) return true;
  removed_.erase(removed);  // another object of the same name
  return false;
}

void ObjectCache::put(const ObjectPtr& object) {
  if (is_stale(*object)) return;
  const ObjectPtr present = get(object->key);
  if (present == nullptr || present->version != object->version) place(object);
}

void ObjectCache::remove(const ObjectKey& key, uint64_t version, const std::string& uid) {
  const auto removed = removed_.find(key);
  if (removed != removed_.end() && (uid.empty() || removed->second == uid)) removed_.erase(removed);
  const auto own = written_.find(key);
  if (own != written_.end()) {
    if (version < own->second) return;  // it was made again, by us, after this
    written_.erase(own);
  }
  if (const ObjectPtr present = get(key)) take_away(present, version);
}

void ObjectCache::put_own(const ObjectPtr& object) {
  const ObjectPtr present = get(object->key);
  if (present != nullptr && present->version >= object->version) return;  // the watch was faster
  written_[object->key] = object->version;
  removed_.erase(object->key);
  place(object);
}

void ObjectCache::remove_own(const ObjectKey& key, const std::string& uid) {
  const ObjectPtr present = get(key);
  if (present == nullptr || store::metadata_text(present->body, "uid") != uid)
    return;  // the watch was faster
  written_.erase(key);
  removed_[key] = uid;
  take_away(present, present->version);
}

void ObjectCache::place(const ObjectPtr& object) {
  ObjectPtr& slot = objects_[object->key.type][{object->key.ns, object->key.name}];
  const EventType type = slot == nullptr ? EventType::kAdded : EventType::kModified;
  slot = object;
  tell(type, object);
}

void ObjectCache::take_away(const ObjectPtr& object, uint64_t version) {
  objects_[object->key.type].erase({object->key.ns, object->key.name});
  Object last = *object;
  store::set_version(last, std::max(version, object->version));
  tell(EventType::kDeleted, std::make_shared<const Object>(std::move(last)));
}

void ObjectCache::tell(EventType type, const ObjectPtr& object) {
  log_.add(std::max(log_.version() + 1, object->version), {type, object});
}

}  // namespace remora::kubernetes
