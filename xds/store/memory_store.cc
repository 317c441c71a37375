#include "store/memory_store.h"

#include <algorithm>
#include <set>

#include "store/kinds.h"
#include "store/metadata.h"

namespace remora::store {
namespace {

namespace json = boost::json;
using Reason = WriteError::Reason;

constexpr size_t kHistory = 8192;  // events; a watcher that is further behind lists again

WriteError error(Reason reason, const ObjectKey& key, const std::string& what) {
  return {reason, key.text() + ": " + what};
}

bool has_text(const json::object& body, std::string_view field) {
  const json::value* value = body.if_contains(field);
  return value != nullptr && value->is_string() && !value->get_string().empty();
}

/// Names become parts of paths and URLs: a DNS subdomain name (RFC 1123) is harmless in both.
bool is_good_name(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 253 && alphanumeric(name.front()) && alphanumeric(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

std::optional<WriteError> check_key(const ObjectKey& key) {
  const Kind* kind = find_kind(key.type);
  if (kind == nullptr) return error(Reason::kInvalid, key, "there is no such kind");
  if (!is_good_name(key.name)) {
    return error(Reason::kInvalid, key, "metadata.name must be a lower-case RFC 1123 subdomain");
  }
  if (kind->namespaced != !key.ns.empty() || (kind->namespaced && !is_good_name(key.ns))) {
    return error(Reason::kInvalid, key, "metadata.namespace does not fit the kind");
  }
  return std::nullopt;
}

std::optional<WriteError> check_body(const ObjectKey& key, const json::object& body) {
  if (has_text(body, "apiVersion") && has_text(body, "kind")) return std::nullopt;
  return error(Reason::kInvalid, key, "apiVersion and kind are required");
}

std::optional<WriteError> check_precondition(const ObjectPtr& present, const Precondition& precondition) {
  if (precondition.version && *precondition.version != present->version) {
    return error(
        Reason::kConflict, present->key,
        "the object has been modified; please apply your changes to the latest version and try again");
  }
  const std::string uid = metadata_text(present->body, "uid");
  if (!precondition.uid.empty() && precondition.uid != uid) {
    return error(Reason::kConflict, present->key, "its uid is " + uid + ", not " + precondition.uid);
  }
  return std::nullopt;
}

WriteError read_only(const Object& object) {
  return error(Reason::kReadOnly, object.key, "is defined in " + object.file + "; change it there");
}

/// `body` as the next state of `before`.
Object successor(const Object& before, json::object body, std::string file) {
  Object next{before.key, 0, std::move(body), std::move(file)};
  const int64_t generation = generation_of(before.body);
  const bool same = same_but_metadata_and_status(before.body, next.body);
  stamp(next, metadata_text(before.body, "uid"), metadata_text(before.body, "creationTimestamp"),
        same ? generation : generation + 1);
  return next;
}

void take_status(json::object& body, const json::object& from) {
  if (const json::value* status = from.if_contains("status")) {
    body["status"] = *status;
  } else {
    body.erase("status");
  }
}

}  // namespace

MemoryStore::MemoryStore(Keeper* keeper) : keeper_(keeper), log_(kHistory) {}

ObjectList MemoryStore::list(const std::string& type, const std::string& ns) const {
  ObjectList list{log_.version(), {}};
  const auto found = objects_.find(type);
  if (found == objects_.end()) return list;
  for (const auto& [name, object] : found->second) {
    if (ns.empty() || name.first == ns) list.objects.push_back(object);
  }
  return list;
}

ObjectPtr MemoryStore::get(const ObjectKey& key) const {
  const auto type = objects_.find(key.type);
  if (type == objects_.end()) return nullptr;
  const auto found = type->second.find({key.ns, key.name});
  return found == type->second.end() ? nullptr : found->second;
}

void MemoryStore::create(ObjectKey key, json::object body, Written done) {
  auto fault = check_key(key);
  if (!fault) fault = check_body(key, body);
  if (!fault && get(key) != nullptr) fault = error(Reason::kAlreadyExists, key, "already exists");
  if (fault) return done(*fault);
  Object object{std::move(key), 0, std::move(body), {}};
  stamp(object, make_uid(), timestamp_now(), 1);
  done(write(nullptr, std::move(object), Keep::kMust));
}

void MemoryStore::update(const ObjectKey& key, json::object body, Precondition precondition, Written done) {
  const ObjectPtr before = get(key);
  if (before == nullptr) return done(error(Reason::kNotFound, key, "not found"));
  auto fault = check_body(key, body);
  if (!fault) fault = check_precondition(before, precondition);
  if (!fault && !before->file.empty()) fault = read_only(*before);
  if (fault) return done(*fault);
  done(write(before, successor(*before, std::move(body), {}), Keep::kMust));
}

void MemoryStore::update_status(const ObjectKey& key, json::object body, Precondition precondition,
                                Written done) {
  const ObjectPtr before = get(key);
  if (before == nullptr) return done(error(Reason::kNotFound, key, "not found"));
  if (const auto fault = check_precondition(before, precondition)) return done(*fault);
  json::object next = before->body;
  take_status(next, body);
  done(write(before, successor(*before, std::move(next), before->file), Keep::kMust));
}

void MemoryStore::remove(const ObjectKey& key, Precondition precondition, Written done) {
  const ObjectPtr object = get(key);
  if (object == nullptr) return done(error(Reason::kNotFound, key, "not found"));
  auto fault = check_precondition(object, precondition);
  if (!fault && !object->file.empty()) fault = read_only(*object);
  if (fault) return done(*fault);
  done(take_away(object, Keep::kMust));
}

WriteResult MemoryStore::write(const ObjectPtr& before, Object next, Keep keep) {
  if (before != nullptr && same_but_version(before->body, next.body) && before->file == next.file)
    return before;
  set_version(next, next_version());
  auto object = std::make_shared<const Object>(std::move(next));
  if (keeper_ != nullptr && keep != Keep::kNot) {
    const auto kept = keeper_->save(*object);
    if (!kept.ok() && keep == Keep::kMust) return error(Reason::kStorage, object->key, kept.error().message);
  }
  commit(before == nullptr ? EventType::kAdded : EventType::kModified, object);
  return object;
}

WriteResult MemoryStore::take_away(const ObjectPtr& object, Keep keep) {
  if (keeper_ != nullptr && keep != Keep::kNot) {
    const auto erased = keeper_->erase(*object);
    if (!erased.ok() && keep == Keep::kMust)
      return error(Reason::kStorage, object->key, erased.error().message);
  }
  Object last = *object;
  set_version(last, next_version());
  auto told = std::make_shared<const Object>(std::move(last));
  commit(EventType::kDeleted, told);
  return told;
}

void MemoryStore::commit(EventType type, ObjectPtr object) {
  const uint64_t version = object->version;
  if (type == EventType::kDeleted) {
    objects_[object->key.type].erase({object->key.ns, object->key.name});
  } else {
    place(object->key) = object;
  }
  log_.add(version, {type, std::move(object)});
}

/// Microseconds since 1970, or one more than the last: versions never return, not even after a restart that
/// has forgotten what was deleted.
uint64_t MemoryStore::next_version() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  return std::max(log_.version() + 1, micros);
}

void MemoryStore::restore(Object object) {
  // A watch from before this start has missed what happened in between.
  log_.forget_until(object.version);
  if (!object.file.empty()) {
    remembered_.insert_or_assign(object.key, std::move(object));
    return;
  }
  auto restored = std::make_shared<const Object>(std::move(object));
  place(restored->key) = restored;
}

void MemoryStore::absorb(const ObjectKey& key, json::object body) {
  const ObjectPtr before = get(key);
  Object next{key, 0, std::move(body), {}};
  if (before != nullptr) {
    next = successor(*before, std::move(next.body), {});
  } else {
    stamp(next, make_uid(), timestamp_now(), 1);
  }
  // Where our form cannot be written, theirs is there: it is not lost.
  static_cast<void>(write(before, std::move(next), Keep::kTry));
}

void MemoryStore::absorb_removal(const ObjectKey& key) {
  const ObjectPtr object = get(key);
  if (object == nullptr || !object->file.empty()) return;
  Object last = *object;
  set_version(last, next_version());
  commit(EventType::kDeleted, std::make_shared<const Object>(std::move(last)));
}

std::vector<Manifest> MemoryStore::set_manifests(std::vector<Manifest> manifests) {
  std::vector<Manifest> refused;
  std::set<ObjectKey> named;
  for (Manifest& manifest : manifests) {
    named.insert(manifest.key);
    if (!take_manifest(manifest)) refused.push_back(std::move(manifest));
  }
  std::vector<ObjectPtr> gone;
  for (const auto& [type, by_name] : objects_) {
    for (const auto& [name, object] : by_name) {
      if (!object->file.empty() && !named.contains(object->key)) gone.push_back(object);
    }
  }
  for (const ObjectPtr& object : gone) take_away(object, Keep::kTry);
  return refused;
}

bool MemoryStore::take_manifest(Manifest& manifest) {
  const ObjectPtr present = get(manifest.key);
  if (present != nullptr && present->file.empty()) return false;
  const auto remembered = remembered_.find(manifest.key);
  if (present == nullptr && remembered == remembered_.end()) {
    Object next{manifest.key, 0, std::move(manifest.body), std::move(manifest.file)};
    stamp(next, uid_of(next.key, next.file), timestamp_now(), 1);
    static_cast<void>(write(nullptr, std::move(next), Keep::kNot));
    return true;
  }
  const Object& before = present != nullptr ? *present : remembered->second;
  take_status(manifest.body, before.body);
  Object next = successor(before, std::move(manifest.body), std::move(manifest.file));
  static_cast<void>(write(present, std::move(next), Keep::kNot));
  if (remembered != remembered_.end()) remembered_.erase(remembered);
  return true;
}

}  // namespace remora::store
