#include <boost/json/array.hpp>
#include <map>

#include "kube/api.h"
#include "store/metadata.h"

// Namespaces need not be created: one exists as soon as something is in it, and "default" always does. Those
// that somebody has created, to label them, are objects like any other.
namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr const char* kType = "namespaces";

/// When the first object of each namespace was created.
std::map<std::string, std::string> namespaces_in_use(const Api& api) {
  std::map<std::string, std::string> first{{"default", ""}};
  for (const store::Kind& kind : store::kinds()) {
    if (!kind.namespaced) continue;
    for (const auto& object : api.store.list(kind.type()).objects) {
      const std::string created = store::metadata_text(object->body, "creationTimestamp");
      std::string& earliest = first[object->key.ns];
      if (!created.empty() && (earliest.empty() || created < earliest)) earliest = created;
    }
  }
  return first;
}

store::ObjectPtr implied(const std::string& name, const std::string& created) {
  json::object metadata{{"name", name}, {"uid", "implied-by-its-objects-" + name}, {"resourceVersion", "1"}};
  metadata["labels"] = json::object{{"kubernetes.io/metadata.name", name}};
  if (!created.empty()) metadata["creationTimestamp"] = created;
  json::object body{{"apiVersion", "v1"},
                    {"kind", "Namespace"},
                    {"metadata", std::move(metadata)},
                    {"spec", json::object()},
                    {"status", {{"phase", "Active"}}}};
  return std::make_shared<const store::Object>(store::Object{{kType, "", name}, 0, std::move(body), {}});
}

/// A created Namespace has a phase as well.
store::ObjectPtr with_phase(store::ObjectPtr object) {
  if (object->body.contains("status")) return object;
  store::Object active = *object;
  active.body["status"] = json::object{{"phase", "Active"}};
  return std::make_shared<const store::Object>(std::move(active));
}

}  // namespace

store::ObjectPtr find_object(const Api& api, const store::ObjectKey& key) {
  auto object = api.store.get(key);
  if (key.type != kType) return object;
  if (object != nullptr) return with_phase(std::move(object));
  const auto in_use = namespaces_in_use(api);
  const auto found = in_use.find(key.name);
  return found == in_use.end() ? nullptr : implied(key.name, found->second);
}

store::ObjectList find_objects(const Api& api, const Target& target) {
  auto list = api.store.list(target.kind->type(), target.ns);
  if (target.kind->type() != kType) return list;
  auto missing = namespaces_in_use(api);
  std::map<std::string, store::ObjectPtr> by_name;
  for (auto& object : list.objects) {
    const std::string name = object->key.name;
    missing.erase(name);
    by_name[name] = with_phase(std::move(object));
  }
  for (const auto& [name, created] : missing) by_name[name] = implied(name, created);
  list.objects.clear();
  for (auto& entry : by_name) list.objects.push_back(std::move(entry.second));
  return list;
}

}  // namespace remora::kube
