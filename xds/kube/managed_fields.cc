#include "kube/managed_fields.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "kube/managed_fields_compare.h"
#include "kube/managed_fields_entries.h"
#include "kube/schema.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

const json::value* given_entries(const json::object& object) {
  const json::value* metadata = object.if_contains("metadata");
  return metadata != nullptr && metadata->is_object() ? metadata->get_object().if_contains("managedFields")
                                                      : nullptr;
}

/// An empty list, or one with an empty entry: the client wants all ownership forgotten.
bool asks_for_reset(const json::object& object) {
  const json::value* given = given_entries(object);
  if (given == nullptr || !given->is_array()) return false;
  const json::array& list = given->get_array();
  return list.empty() || (list.size() == 1 && list[0].is_object() && list[0].get_object().empty());
}

Managers present_managers(const json::object* before, const json::object& after, const Writer& writer) {
  if (writer.subresource.empty()) {
    if (asks_for_reset(after)) return {};
    Managers given = read_managers(after);
    if (!given.empty()) return given;
  }
  return before != nullptr ? read_managers(*before) : Managers();
}

/// A write to the object does not touch its status, and one to the status nothing else.
FieldSet within_reach(FieldSet set, const store::Kind& kind, const Writer& writer) {
  const bool is_status = writer.subresource == "status";
  std::erase_if(set.children, [&](const auto& child) {
    return is_status ? child.first != "f:status" : kind.has_status && child.first == "f:status";
  });
  return set;
}

}  // namespace

void track_update(const store::Kind& kind, const json::object* before, json::object& after,
                  const Writer& writer) {
  Managers managers = present_managers(before, after, writer);
  if (managers.empty() && before != nullptr) {  // nobody asked for tracking
    write_managers({}, after);
    return;
  }
  const json::value old = before != nullptr ? without_managed_fields(*before) : json::object();
  const Comparison changes = compare(old, without_managed_fields(after), schema_of(kind));
  const FieldSet written = within_reach(unite(changes.modified, changes.added), kind, writer);
  const FieldSet gone = unite(written, within_reach(changes.removed, kind, writer));
  for (Manager& manager : managers) manager.fields = subtract(std::move(manager.fields), gone);
  const FieldSet owned = subtract(written, unowned_fields());
  if (!owned.empty()) {
    Manager& self = manager_of(managers, writer, false, api_version_of(after));
    self.fields = unite(std::move(self.fields), owned);
    self.time = writer.time;
  }
  limit_updaters(managers);
  write_managers(std::move(managers), after);
}

}  // namespace remora::kube
