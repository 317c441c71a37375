#include "kube/apply.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "kube/apply_merge.h"
#include "kube/json_members.h"
#include "kube/limits.h"
#include "kube/managed_fields_compare.h"
#include "kube/managed_fields_entries.h"
#include "kube/managed_fields_typed.h"
#include "kube/schema.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr size_t kMaxManagers = 64;
constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

const json::value* member_at(const json::object& object, std::initializer_list<std::string_view> path) {
  const json::value* at = nullptr;
  const json::object* in = &object;
  for (const std::string_view name : path) {
    at = in != nullptr ? in->if_contains(name) : nullptr;
    if (at == nullptr) return nullptr;
    in = at->if_object();
  }
  return at;
}

std::string text_at(const json::object& object, std::initializer_list<std::string_view> path,
                    std::string otherwise = {}) {
  const json::value* value = member_at(object, path);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::move(otherwise);
}

void drop_nulls(json::value& value) {
  if (auto* array = value.if_array()) {
    for (json::value& item : *array) drop_nulls(item);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) drop_nulls(member.value());
    erase_members(*object, [](const auto& member) { return member.value().is_null(); });
  }
}

/// What of `applied` counts: its status or all but its status, and nothing of what the server itself keeps.
json::value within_reach(const json::object& applied, const store::Kind& kind, const Writer& writer) {
  json::value out = applied;
  drop_nulls(out);
  const bool is_status = writer.subresource == "status";
  erase_members(out.get_object(), [&](const auto& member) {
    if (member.key() == "status") return !is_status && kind.has_status;
    return is_status && member.key() != "apiVersion" && member.key() != "kind" && member.key() != "metadata";
  });
  json::value* metadata = out.get_object().if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return out;
  const FieldSet& kept_by_server = *unowned_fields().find("f:metadata");
  erase_members(metadata->get_object(), [&](const auto& member) {
    if (member.key() == "name" || member.key() == "namespace") return false;
    return is_status || kept_by_server.find("f:" + std::string(member.key())) != nullptr;
  });
  return out;
}

/// A request that does not repeat the object's name means the object that it was sent to.
void complete_name(json::object& applied, const json::object& live) {
  json::value& metadata = applied["metadata"];
  if (!metadata.is_object()) metadata = json::object{};
  for (const char* name : {"name", "namespace"}) {
    const json::value* given = member_at(live, {"metadata", name});
    if (given != nullptr) metadata.get_object().emplace(name, *given);
  }
}

Refusal no_typed_object(const store::Kind& kind, const json::object& applied,
                        const std::vector<std::string>& faults) {
  std::string text = "failed to create typed patch object (" + text_at(applied, {"metadata", "namespace"}) +
                     '/' + text_at(applied, {"metadata", "name"}) + "; " + api_version_of(applied) +
                     ", Kind=" + std::string(kind.kind) + "): ";
  if (faults.size() > 1) text += "errors:";
  for (const std::string& fault : faults) text += (faults.size() > 1 ? "\n  " : "") + fault;
  return bad_request(std::move(text));
}

/// A field that another manager owns and that would change.
struct Conflict {
  const Manager* manager = nullptr;
  FieldSet fields;
};

Refusal refuse_conflicts(std::vector<Conflict> conflicts) {
  std::sort(conflicts.begin(), conflicts.end(),
            [](const Conflict& a, const Conflict& b) { return describe(*a.manager) < describe(*b.manager); });
  Refusal refusal{409, "Conflict", {}, {}};
  std::string lines;
  for (const Conflict& conflict : conflicts) {
    const std::string who = describe(*conflict.manager);
    lines += (lines.empty() ? "" : "\n") + ("conflicts with " + who + ':');
    for_each_path(conflict.fields, [&](const std::string& path) {
      refusal.causes.push_back({"FieldManagerConflict", "conflict with " + who, path});
      lines += "\n- " + path;
    });
  }
  const size_t count = refusal.causes.size();
  refusal.message = count == 1 ? "Apply failed with 1 conflict: " + refusal.causes[0].message + ": " +
                                     refusal.causes[0].field
                               : "Apply failed with " + std::to_string(count) + " conflicts: " + lines;
  return refusal;
}

class Applier {
 public:
  Applier(const store::Kind& kind, const json::object* live, const Writer& writer)
      : schema_(schema_of(kind)),
        writer_(writer),
        live_(live != nullptr ? json::value(without_managed_fields(*live)) : json::value(json::object())),
        managers_(live != nullptr ? read_managers(*live) : Managers()) {}

  Outcome<json::object> apply(const json::value& applied, bool force) {
    const std::string version = api_version_of(applied.get_object());
    own_what_nobody_owns(version);
    Manager& self = manager_of(managers_, writer_, true, version);
    const FieldSet last = self.fields;
    self.fields = field_set(applied, &schema_);
    json::value merged = live_;
    apply_merge(merged, applied, &schema_);
    if (!last.empty()) prune(merged, last);
    const Comparison changes = compare(live_, merged, schema_);
    if (auto conflicts = resolve(self, changes, force); !conflicts.empty())
      return refuse_conflicts(std::move(conflicts));
    finish(self, last, version, merged != live_);
    update_last_applied(merged.get_object(), applied.get_object());
    if (managers_.size() > kMaxManagers) {
      return Refusal{422,
                     "Invalid",
                     "metadata.managedFields: Too many: " + std::to_string(managers_.size()) +
                         ": must have at most " + std::to_string(kMaxManagers) + " items",
                     {}};
    }
    if (!write_managers(std::move(managers_), merged.get_object()) || size_of(merged) > kMaxBodyBytes)
      return too_large("the applied object would exceed the limit");
    return std::move(merged.get_object());
  }

 private:
  /// What was there before anybody's fields were tracked.
  void own_what_nobody_owns(const std::string& version) {
    if (!managers_.empty() || live_.get_object().empty()) return;
    Manager before{"before-first-apply", false, version, {}, writer_.time, {}};
    before.fields = subtract(compare(json::object(), live_, schema_).added, unowned_fields());
    before.fields.children.erase("f:status");
    managers_.push_back(std::move(before));
  }

  /// Takes out what the writer applied before, does not apply now, and nobody else owns. On the way, what is
  /// emptied becomes null, which counts as a value where an empty list does not: its owners keep it.
  void prune(json::value& merged, const FieldSet& last) const {
    FieldSet owned;
    for (const Manager& manager : managers_) owned = unite(std::move(owned), manager.fields);
    const FieldSet before = with_named_fields(last, &schema_);
    const FieldSet all = with_named_fields(field_set(merged, &schema_), &schema_);
    json::value pruned = merged;
    remove_fields(pruned, before, &schema_, Emptied::kBecomesNull);
    FieldSet kept = unite(with_named_fields(field_set(pruned, &schema_), &schema_),
                          with_named_fields(std::move(owned), &schema_));
    pruned = merged;
    remove_fields(pruned, subtract(all, kept), &schema_, Emptied::kBecomesNull);
    kept = with_named_fields(field_set(pruned, &schema_), &schema_);
    remove_fields(merged, intersect(subtract(all, kept), before), &schema_, Emptied::kStays);
  }

  /// Takes what changes from its owners; what stands against that is answered, and then nothing is taken.
  std::vector<Conflict> resolve(const Manager& self, const Comparison& changes, bool force) {
    const FieldSet written = unite(changes.modified, changes.added);
    std::vector<Conflict> conflicts;
    for (const Manager& manager : managers_) {
      if (&manager == &self) continue;
      FieldSet common = intersect(manager.fields, written);
      if (!common.empty()) conflicts.push_back({&manager, std::move(common)});
    }
    if (!force) {
      if (!conflicts.empty() && self.name == "kubectl") forgive_client_side_apply(conflicts);
      if (!conflicts.empty()) return conflicts;
    }
    for (Manager& manager : managers_) {
      if (&manager == &self) continue;
      manager.fields = subtract(subtract(std::move(manager.fields), written), changes.removed);
    }
    return {};
  }

  /// kubectl may change without force what its own client-side apply set and nobody has changed since.
  void forgive_client_side_apply(std::vector<Conflict>& conflicts) const {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = kMaxDepth;
    const std::string text = text_at(live_.get_object(), {"metadata", "annotations", kLastApplied});
    json::value applied = json::parse(text, error, {}, options);
    if (error || !applied.is_object() || !apply_faults(applied, schema_).empty()) return;
    drop_nulls(applied);
    const Comparison since = compare(applied, live_, schema_);
    FieldSet forgiven = subtract(field_set(applied, &schema_), since.modified);
    forgiven = subtract(subtract(std::move(forgiven), since.added), since.removed);
    std::erase_if(conflicts, [&](Conflict& conflict) {
      conflict.fields = subtract(std::move(conflict.fields), forgiven);
      return conflict.fields.empty();
    });
  }

  /// The entry changes its time only where something changed, so that the same request again changes nothing.
  void finish(Manager& self, const FieldSet& last, const std::string& version, bool changed) {
    self.fields = subtract(std::move(self.fields), unowned_fields());
    if (changed || self.fields != last || self.api_version != version) self.time = writer_.time;
    self.api_version = version;
  }

  /// Client-side apply finds its annotation as it would have left it.
  void update_last_applied(json::object& merged, const json::object& applied) const {
    if (writer_.manager != "kubectl" || text_at(merged, {"metadata", "annotations", kLastApplied}).empty())
      return;
    json::object config = applied;
    if (const json::value* annotations = member_at(config, {"metadata", "annotations"})) {
      if (annotations->is_object())
        config["metadata"].get_object()["annotations"].get_object().erase(kLastApplied);
    }
    merged["metadata"].get_object()["annotations"].get_object()[kLastApplied] =
        json::serialize(config) + '\n';
  }

  const Schema& schema_;
  const Writer& writer_;
  const json::value live_;
  Managers managers_;
};

}  // namespace

Outcome<json::object> server_side_apply(const store::Kind& kind, const json::object* live,
                                        const json::object& applied, const Writer& writer, bool force) {
  if (member_at(applied, {"metadata", "managedFields"}) != nullptr) {
    return bad_request("metadata.managedFields must be nil");
  }
  const auto faults = apply_faults(applied, schema_of(kind));
  if (!faults.empty()) return no_typed_object(kind, applied, faults);
  json::value config = within_reach(applied, kind, writer);
  if (live != nullptr) complete_name(config.get_object(), *live);
  return Applier(kind, live, writer).apply(config, force);
}

}  // namespace remora::kube
