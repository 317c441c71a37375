#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "kube/api.h"
#include "kube/apply.h"
#include "kube/body.h"
#include "kube/forms.h"
#include "kube/mesh_check.h"
#include "kube/metadata.h"
#include "kube/patch.h"
#include "kube/resource_version.h"
#include "kube/status.h"
#include "kube/validate.h"
#include "store/metadata.h"

// create, update and patch. All end in store_change(): the checks that every new state must pass, and the
// write.
namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr int kPatchTries = 5;  ///< of a patch that says no version: each on what is there then

/// A new state of an object on its way into the store.
struct Change {
  store::ObjectPtr before;  ///< null: it is to be created
  json::object next;
  std::vector<std::string> duplicates = {};  ///< fields that the client's text has twice
  bool tracked = false;                      ///< its managedFields are up to date
  std::optional<uint64_t> version = {};      ///< that the client has seen
  std::function<void()> on_conflict = {};    ///< instead of a refusal
};

bool is_status(const Call& call) { return call.target.subresource == "status"; }

std::optional<Refusal> validate_change(Call& call, Change& change) {
  const store::Kind& kind = *call.target.kind;
  const auto mode = field_validation(call.query("fieldValidation"));
  if (const auto* refusal = std::get_if<Refusal>(&mode)) return *refusal;
  const auto checked = validate(kind, change.next, change.duplicates, std::get<FieldValidation>(mode));
  if (const auto* refusal = std::get_if<Refusal>(&checked)) return *refusal;
  for (const std::string& warning : std::get<0>(checked)) call.warn(warning);
  if (is_status(call)) return std::nullopt;
  const std::string name = store::metadata_text(change.next, "name");
  if (auto refusal = check_metadata(kind, name, change.next)) return refusal;
  MeshFindings findings = check_for_mesh(kind, change.next);
  for (std::string& warning : findings.warnings) call.warn(std::move(warning));
  if (findings.errors.empty()) return std::nullopt;
  return invalid(kind, name, std::move(findings.errors));
}

/// What the store and nobody else decides, and what a client may not take out of an object by an update.
void keep_what_is_ours(const Call& call, const store::Object& before, json::object& next) {
  json::object& metadata = metadata_of(next);
  for (const char* field : {"deletionTimestamp", "deletionGracePeriodSeconds", "generateName"}) {
    const json::object& had = before.body.at("metadata").as_object();
    if (const json::value* value = had.if_contains(field)) {
      metadata[field] = *value;
    } else {
      metadata.erase(field);
    }
  }
  if (!call.target.kind->has_status) return;
  const json::value* status = before.body.if_contains("status");
  if (is_status(call)) {
    json::value set = next.contains("status") ? next["status"] : json::value();
    json::object kept = before.body;
    kept["metadata"] = next["metadata"];
    kept["status"] = std::move(set);
    if (kept["status"].is_null()) kept.erase("status");
    next = std::move(kept);
  } else if (status != nullptr) {
    next["status"] = *status;
  } else {
    next.erase("status");
  }
}

/// The object as it would be, for a dry run.
store::Object imagined(const store::ObjectKey& key, const Change& change) {
  const bool creates = change.before == nullptr;
  store::Object object{key, creates ? 0 : change.before->version, change.next, {}};
  const json::object* had = creates ? nullptr : &change.before->body;
  const int64_t generation =
      creates ? 1 : store::generation_of(*had) + !store::same_but_metadata_and_status(*had, change.next);
  store::stamp(object, creates ? store::make_uid() : store::metadata_text(*had, "uid"),
               creates ? store::timestamp_now() : store::metadata_text(*had, "creationTimestamp"),
               generation);
  if (creates) {
    metadata_of(object.body).erase("resourceVersion");
  } else {
    store::set_version(object, change.before->version);
  }
  return object;
}

store::Written answer_with(const CallPtr& call, unsigned status, std::function<void()> on_conflict) {
  return [call, status, on_conflict = std::move(on_conflict)](store::WriteResult result) {
    if (const auto* object = std::get_if<store::ObjectPtr>(&result)) {
      return call->answer(status, in_form(*call, **object));
    }
    const auto& error = std::get<store::WriteError>(result);
    if (error.reason == store::WriteError::Reason::kConflict && on_conflict) return on_conflict();
    call->refuse(from_write_error(error, call->target));
  };
}

bool is_leaving(json::object& next) {
  json::object& metadata = metadata_of(next);
  const json::value* finalizers = metadata.if_contains("finalizers");
  const bool held = finalizers != nullptr && finalizers->is_array() && !finalizers->get_array().empty();
  return metadata.contains("deletionTimestamp") && !held;
}

void replace(Api& api, const CallPtr& call, Change change) {
  const store::ObjectKey key = call->target.key();
  store::Precondition precondition{change.version, {}};
  auto done = answer_with(call, 200, std::move(change.on_conflict));
  if (is_status(*call))
    return api.store.update_status(key, std::move(change.next), precondition, std::move(done));
  if (change.before->version == 0) return api.store.create(key, std::move(change.next), std::move(done));
  if (is_leaving(change.next)) return api.store.remove(key, precondition, std::move(done));
  api.store.update(key, std::move(change.next), precondition, std::move(done));
}

void store_change(Api& api, const CallPtr& call, Change change) {
  const bool creates = change.before == nullptr;
  if (!creates && !is_status(*call) && !change.before->file.empty()) {
    return call->refuse(defined_in_file(call->target, *change.before));
  }
  if (!creates) keep_what_is_ours(*call, *change.before, change.next);
  if (creates && call->target.kind->has_status) change.next.erase("status");
  drop_empty_metadata(change.next);
  if (const auto refusal = validate_change(*call, change)) return call->refuse(*refusal);
  if (!change.tracked) {
    const json::object* before = creates ? nullptr : &change.before->body;
    track_update(*call->target.kind, before, change.next, writer_of(*call));
  }
  // All versions of a kind have one schema: an object stays in the one that it was created in.
  if (!creates) change.next["apiVersion"] = change.before->body.at("apiVersion");
  const store::ObjectKey key = call->target.key();
  if (call->dry_run()) return call->answer(creates ? 201 : 200, in_form(*call, imagined(key, change)));
  if (!creates) return replace(api, call, std::move(change));
  api.store.create(key, std::move(change.next), answer_with(call, 201, nullptr));
}

/// The version that the client says it has seen. Kubernetes wants one in every update of a custom resource.
Outcome<std::optional<uint64_t>> seen_version(const Call& call, const json::object& next) {
  const std::string text = store::metadata_text(next, "resourceVersion");
  const store::Kind& kind = *call.target.kind;
  if (text.empty() || text == "0") {
    if (kind.group.empty() || kind.group == "apps") return std::optional<uint64_t>();
    return invalid(kind, call.target.name,
                   {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                     "metadata.resourceVersion"}});
  }
  const auto version = parse_version(text);
  if (version) return version;
  return invalid(kind, call.target.name,
                 {{"FieldValueInvalid", "Invalid value: \"" + text + "\": must be a number",
                   "metadata.resourceVersion"}});
}

std::optional<Refusal> check_uid(const Call& call, const store::Object& before, const json::object& next) {
  const std::string uid = store::metadata_text(next, "uid"),
                    present = store::metadata_text(before.body, "uid");
  if (uid.empty() || uid == present) return std::nullopt;
  return conflict(call.target,
                  "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + present);
}

/// The body of the request as an object that fits the path.
Outcome<json::object> read_object(const Call& call) {
  auto body = read_body(call.request().body, call.header("Content-Type"));
  if (auto* object = std::get_if<json::object>(&body)) {
    if (auto refusal = match_identity(call, *object)) return *refusal;
  }
  return body;
}

/// Fields that the client's text has twice; only JSON is looked at as text.
std::vector<std::string> duplicates_of(const Call& call) {
  const std::string type = call.header("Content-Type"), &body = call.request().body;
  const bool may_be_json = type.empty() || type.find("json") != std::string::npos || body.starts_with('{');
  return may_be_json && type.find("json-patch") == std::string::npos ? duplicate_fields(body)
                                                                     : std::vector<std::string>();
}

// --- patch
// --------------------------------------------------------------------------------------------------

void patch_once(Api& api, const CallPtr& call, PatchType type, int tries);

void finish_patch(Api& api, const CallPtr& call, Change change, PatchType type, int tries) {
  if (auto refusal = match_identity(*call, change.next)) return call->refuse(*refusal);
  if (change.before != nullptr) {
    if (auto refusal = check_uid(*call, *change.before, change.next)) return call->refuse(*refusal);
    const std::string asked = store::metadata_text(change.next, "resourceVersion");
    const std::string present = store::metadata_text(change.before->body, "resourceVersion");
    if (asked != present && !asked.empty()) {
      return call->refuse(from_write_error({store::WriteError::Reason::kConflict, ""}, call->target));
    }
    change.version = change.before->version;
    if (tries > 1) change.on_conflict = [&api, call, type, tries] { patch_once(api, call, type, tries - 1); };
  }
  store_change(api, call, std::move(change));
}

Refusal needs_manager() {
  return {
      422,
      "Invalid",
      "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
      {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}}};
}

void apply_once(Api& api, const CallPtr& call, const store::ObjectPtr& before, int tries) {
  if (call->query("fieldManager").empty()) return call->refuse(needs_manager());
  auto applied = read_body(call->request().body, "application/yaml");
  if (const auto* refusal = std::get_if<Refusal>(&applied)) return call->refuse(*refusal);
  auto& wanted = std::get<json::object>(applied);
  if (auto refusal = match_identity(*call, wanted)) return call->refuse(*refusal);
  const json::object live = before == nullptr ? json::object() : presented(*before, call->target);
  auto result = server_side_apply(*call->target.kind, before == nullptr ? nullptr : &live, wanted,
                                  writer_of(*call), call->flag("force"));
  if (const auto* refusal = std::get_if<Refusal>(&result)) return call->refuse(*refusal);
  finish_patch(api, call, {before, std::get<json::object>(std::move(result)), duplicates_of(*call), true},
               PatchType::kApply, tries);
}

void patch_once(Api& api, const CallPtr& call, PatchType type, int tries) {
  const auto before = find_object(api, call->target.key());
  if (type == PatchType::kApply) return apply_once(api, call, before, tries);
  if (before == nullptr) return call->refuse(not_found(call->target));
  auto result = patch(*call->target.kind, presented(*before, call->target), call->request().body, type);
  if (const auto* refusal = std::get_if<Refusal>(&result)) return call->refuse(*refusal);
  finish_patch(api, call, {before, std::get<json::object>(std::move(result)), duplicates_of(*call)}, type,
               tries);
}

}  // namespace

void create_object(Api& api, const CallPtr& call) {
  auto body = read_object(*call);
  if (const auto* refusal = std::get_if<Refusal>(&body)) return call->refuse(*refusal);
  auto& object = std::get<json::object>(body);
  if (!store::metadata_text(object, "resourceVersion").empty()) {
    return call->refuse(bad_request("resourceVersion should not be set on objects to be created"));
  }
  json::object& metadata = metadata_of(object);
  metadata["name"] = name_to_create(object);
  for (const char* field : {"deletionTimestamp", "deletionGracePeriodSeconds"}) metadata.erase(field);
  call->target.name = store::metadata_text(object, "name");
  if (call->dry_run() && api.store.get(call->target.key()) != nullptr) {
    return call->refuse(from_write_error({store::WriteError::Reason::kAlreadyExists, ""}, call->target));
  }
  store_change(api, call, {nullptr, std::move(object), duplicates_of(*call)});
}

void update_object(Api& api, const CallPtr& call) {
  auto body = read_object(*call);
  if (const auto* refusal = std::get_if<Refusal>(&body)) return call->refuse(*refusal);
  auto& object = std::get<json::object>(body);
  const auto before = find_object(api, call->target.key());
  if (before == nullptr) return call->refuse(not_found(call->target));
  if (auto refusal = check_uid(*call, *before, object)) return call->refuse(*refusal);
  const auto version = seen_version(*call, object);
  if (const auto* refusal = std::get_if<Refusal>(&version)) return call->refuse(*refusal);
  Change change{before, std::move(object), duplicates_of(*call)};
  change.version = std::get<0>(version);
  if (change.version && before->version != 0 && *change.version != before->version) {
    return call->refuse(from_write_error({store::WriteError::Reason::kConflict, ""}, call->target));
  }
  store_change(api, call, std::move(change));
}

void patch_object(Api& api, const CallPtr& call) {
  const auto type = patch_type(*call->target.kind, call->header("Content-Type"));
  if (const auto* refusal = std::get_if<Refusal>(&type)) return call->refuse(*refusal);
  patch_once(api, call, std::get<PatchType>(type), kPatchTries);
}

}  // namespace remora::kube
