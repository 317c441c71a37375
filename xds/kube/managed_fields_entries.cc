#include "kube/managed_fields_entries.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <tuple>

#include "kube/limits.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr size_t kMaxUpdaters = 10;
constexpr const char* kAncient = "ancient-changes";

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<Manager> read_manager(const json::value& value) {
  const auto* entry = value.if_object();
  if (entry == nullptr) return {};
  Manager manager;
  const std::string operation = text_of(*entry, "operation");
  manager.applied = operation == "Apply";
  if (!manager.applied && operation != "Update") return {};
  manager.name = text_of(*entry, "manager");
  manager.api_version = text_of(*entry, "apiVersion");
  manager.subresource = text_of(*entry, "subresource");
  manager.time = text_of(*entry, "time");
  if (manager.api_version.empty() || text_of(*entry, "fieldsType") != "FieldsV1") return {};
  const json::value* fields = entry->if_contains("fieldsV1");
  auto set = fields != nullptr ? from_fields_v1(*fields) : Result<FieldSet>(FieldSet());
  if (!set) return {};
  manager.fields = std::move(*set);
  return manager;
}

json::object write_manager(const Manager& manager) {
  json::object entry;
  entry["manager"] = manager.name;
  entry["operation"] = manager.applied ? "Apply" : "Update";
  entry["apiVersion"] = manager.api_version;
  if (!manager.time.empty()) entry["time"] = manager.time;
  entry["fieldsType"] = "FieldsV1";
  entry["fieldsV1"] = to_fields_v1(manager.fields);
  if (!manager.subresource.empty()) entry["subresource"] = manager.subresource;
  return entry;
}

}  // namespace

Managers read_managers(const json::object& object) {
  const json::value* metadata = object.if_contains("metadata");
  const json::value* list = metadata != nullptr && metadata->is_object()
                                ? metadata->get_object().if_contains("managedFields")
                                : nullptr;
  Managers managers;
  if (list == nullptr || !list->is_array()) return managers;
  for (const json::value& entry : list->get_array()) {
    auto manager = read_manager(entry);
    if (!manager) return {};
    managers.push_back(std::move(*manager));
  }
  return managers;
}

bool write_managers(Managers managers, json::object& object) {
  std::erase_if(managers, [](const Manager& manager) { return manager.fields.empty(); });
  std::sort(managers.begin(), managers.end(), [](const Manager& a, const Manager& b) {
    return std::tie(b.applied, a.time, a.name, a.api_version, a.subresource) <
           std::tie(a.applied, b.time, b.name, b.api_version, b.subresource);
  });
  json::value* metadata = object.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return true;
  metadata->get_object().erase("managedFields");
  if (managers.empty()) return true;
  json::array list;
  size_t size = 0;
  for (const Manager& manager : managers) {
    list.push_back(write_manager(manager));
    size += size_of(list.back());
  }
  if (size > kMaxManagedFieldsBytes) return false;
  metadata->get_object()["managedFields"] = std::move(list);
  return true;
}

Manager& manager_of(Managers& managers, const Writer& writer, bool applied, const std::string& api_version) {
  const std::string name = writer.manager.empty() ? "unknown" : writer.manager;
  const auto found = std::find_if(managers.begin(), managers.end(), [&](const Manager& manager) {
    return manager.name == name && manager.applied == applied && manager.subresource == writer.subresource &&
           (applied || manager.api_version == api_version);
  });
  if (found != managers.end()) return *found;
  managers.push_back({name, applied, api_version, writer.subresource, {}, {}});
  return managers.back();
}

std::string describe(const Manager& manager) {
  std::string text = json::serialize(json::string(manager.name));
  if (!manager.subresource.empty()) {
    text += " with subresource " + json::serialize(json::string(manager.subresource));
  }
  if (!manager.applied) text += " using " + manager.api_version;
  return text;
}

void limit_updaters(Managers& managers) {
  std::vector<Manager*> updaters;
  for (Manager& manager : managers) {
    if (!manager.applied && !manager.fields.empty()) updaters.push_back(&manager);
  }
  if (updaters.size() <= kMaxUpdaters) return;
  std::stable_sort(updaters.begin(), updaters.end(), [](const Manager* a, const Manager* b) {
    return std::make_tuple(a->name != kAncient, a->time) < std::make_tuple(b->name != kAncient, b->time);
  });
  Manager ancient = std::move(*updaters[0]);
  ancient.name = kAncient;
  ancient.subresource.clear();
  for (size_t i = 1; i + kMaxUpdaters <= updaters.size(); ++i) {
    ancient.fields = unite(std::move(ancient.fields), updaters[i]->fields);
    ancient.time = updaters[i]->time;
    ancient.api_version = updaters[i]->api_version;
    updaters[i]->fields = {};
  }
  *updaters[0] = std::move(ancient);
  std::erase_if(managers, [](const Manager& manager) { return manager.fields.empty(); });
}

const FieldSet& unowned_fields() {
  static const FieldSet kSet = [] {
    FieldSet set;
    set.add({"f:apiVersion"});
    set.add({"f:kind"});
    set.add({"f:metadata"});
    for (const char* name : {"name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName",
                             "generation", "managedFields", "resourceVersion"}) {
      set.add({"f:metadata", std::string("f:") + name});
    }
    return set;
  }();
  return kSet;
}

std::string api_version_of(const json::object& object) { return text_of(object, "apiVersion"); }

json::object without_managed_fields(const json::object& object) {
  json::object copy = object;
  json::value* metadata = copy.if_contains("metadata");
  if (metadata != nullptr && metadata->is_object()) metadata->get_object().erase("managedFields");
  return copy;
}

}  // namespace remora::kube
