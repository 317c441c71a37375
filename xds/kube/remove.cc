#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "kube/api.h"
#include "kube/body.h"
#include "kube/forms.h"
#include "kube/metadata.h"
#include "kube/resource_version.h"
#include "kube/selector.h"
#include "kube/status.h"
#include "store/metadata.h"

// delete and deletecollection. An object with finalizers is marked, and goes when the last of them is taken
// away.
namespace remora::kube {
namespace {

namespace json = boost::json;

struct Options {
  store::Precondition precondition;
  bool dry_run = false;
};

std::string text_of(const json::object& object, const char* field) {
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// What is asked about dependents: none of our objects has any, so all answers are the same.
bool is_propagation(const std::string& word) {
  return word.empty() || word == "Background" || word == "Foreground" || word == "Orphan";
}

/// DeleteOptions of the body and the query.
Outcome<Options> read_options(const Call& call) {
  Options options{{}, call.dry_run()};
  std::string propagation = call.query("propagationPolicy");
  if (!call.request().body.empty()) {
    auto body = read_body(call.request().body, call.header("Content-Type"));
    if (const auto* refusal = std::get_if<Refusal>(&body)) return *refusal;
    const auto& object = std::get<json::object>(body);
    if (const json::value* dry = object.if_contains("dryRun"); dry != nullptr && dry->is_array()) {
      options.dry_run |= !dry->get_array().empty();
    }
    if (propagation.empty()) propagation = text_of(object, "propagationPolicy");
    if (const json::value* wanted = object.if_contains("preconditions");
        wanted != nullptr && wanted->is_object()) {
      options.precondition.uid = text_of(wanted->get_object(), "uid");
      const std::string version = text_of(wanted->get_object(), "resourceVersion");
      options.precondition.version = parse_version(version);
      if (!version.empty() && !options.precondition.version)
        return bad_request("preconditions.resourceVersion: \"" + version + "\" is no version");
    }
  }
  if (!is_propagation(propagation))
    return bad_request("propagationPolicy: \"" + propagation + "\" is unknown");
  return options;
}

bool has_finalizers(const json::object& body) {
  const json::value* finalizers = body.at("metadata").as_object().if_contains("finalizers");
  return finalizers != nullptr && finalizers->is_array() && !finalizers->get_array().empty();
}

std::optional<Refusal> check_preconditions(const Target& target, const store::Object& object,
                                           const store::Precondition& wanted) {
  const std::string uid = store::metadata_text(object.body, "uid");
  if (!wanted.uid.empty() && wanted.uid != uid) {
    return conflict(
        target, "Precondition failed: UID in precondition: " + wanted.uid + ", UID in object meta: " + uid);
  }
  if (wanted.version && *wanted.version != object.version) {
    return from_write_error({store::WriteError::Reason::kConflict, ""}, target);
  }
  return std::nullopt;
}

/// Removes an object, or marks it where finalizers hold it.
void remove_one(Api& api, const store::ObjectPtr& object, const store::Precondition& precondition,
                store::Written done) {
  if (!has_finalizers(object->body)) return api.store.remove(object->key, precondition, std::move(done));
  json::object marked = object->body;
  json::object& metadata = metadata_of(marked);
  if (metadata.contains("deletionTimestamp")) return done(object);
  metadata["deletionTimestamp"] = store::timestamp_now();
  metadata["deletionGracePeriodSeconds"] = 0;
  api.store.update(object->key, std::move(marked), precondition, std::move(done));
}

/// What is in a namespace goes with it; so it stays where a manifest file holds anything in it.
std::optional<Refusal> empty_namespace(Api& api, const Target& target) {
  if (target.name == "default") return forbidden(target, "this namespace may not be deleted");
  std::vector<store::ObjectPtr> objects;
  for (const store::Kind& kind : store::kinds()) {
    if (!kind.namespaced) continue;
    for (auto& object : api.store.list(kind.type(), target.name).objects) {
      if (!object->file.empty())
        return forbidden(target, object->key.text() + " is defined in " + object->file);
      objects.push_back(std::move(object));
    }
  }
  std::optional<Refusal> failed;
  for (const auto& object : objects) {
    remove_one(api, object, {}, [&](store::WriteResult result) {
      if (const auto* error = std::get_if<store::WriteError>(&result))
        failed = from_write_error(*error, target);
    });
    if (failed) return failed;
  }
  return std::nullopt;
}

}  // namespace

void delete_object(Api& api, const CallPtr& call) {
  const auto options = read_options(*call);
  if (const auto* refusal = std::get_if<Refusal>(&options)) return call->refuse(*refusal);
  const auto& [precondition, dry_run] = std::get<Options>(options);
  const auto object = find_object(api, call->target.key());
  if (object == nullptr) return call->refuse(not_found(call->target));
  if (auto refusal = check_preconditions(call->target, *object, precondition)) return call->refuse(*refusal);
  if (!object->file.empty()) return call->refuse(defined_in_file(call->target, *object));
  if (dry_run) return call->answer(200, deleted_status(*object));
  if (call->target.kind->kind == "Namespace") {
    if (auto refusal = empty_namespace(api, call->target)) return call->refuse(*refusal);
    if (object->version == 0) return call->answer(200, deleted_status(*object));
  }
  const bool stays = has_finalizers(object->body);
  remove_one(api, object, precondition, [call, stays](store::WriteResult result) {
    if (const auto* error = std::get_if<store::WriteError>(&result)) {
      return call->refuse(from_write_error(*error, call->target));
    }
    const auto& removed = *std::get<store::ObjectPtr>(result);
    call->answer(200, stays ? in_form(*call, removed) : deleted_status(removed));
  });
}

void delete_collection(Api& api, const CallPtr& call) {
  const auto options = read_options(*call);
  if (const auto* refusal = std::get_if<Refusal>(&options)) return call->refuse(*refusal);
  auto selector = Selector::parse(call->query("labelSelector"), call->query("fieldSelector"));
  if (const auto* refusal = std::get_if<Refusal>(&selector)) return call->refuse(*refusal);
  if (call->target.kind->kind == "Namespace") return call->refuse(method_not_allowed());
  std::vector<store::ObjectPtr> objects;
  for (auto& object : api.store.list(call->target.kind->type(), call->target.ns).objects) {
    if (!std::get<Selector>(selector).matches(*object)) continue;
    Target target = call->target;
    target.name = object->key.name;
    if (!object->file.empty()) return call->refuse(defined_in_file(target, *object));
    objects.push_back(std::move(object));
  }
  // The answer waits for the last of them, and is the first failure if there is one.
  struct Progress {
    size_t left = 0;
    std::optional<Refusal> failed;
  };
  auto progress = std::make_shared<Progress>(Progress{objects.size() + 1, {}});
  const auto one_done = [call, progress, objects] {
    if (--progress->left > 0) return;
    if (progress->failed) return call->refuse(*progress->failed);
    call->answer(200, in_form(*call, objects, json::object()));
  };
  for (const auto& object : objects) {
    if (std::get<Options>(options).dry_run) {
      one_done();
      continue;
    }
    remove_one(api, object, {}, [call, progress, one_done](store::WriteResult result) {
      if (const auto* error = std::get_if<store::WriteError>(&result))
        progress->failed = from_write_error(*error, call->target);
      one_done();
    });
  }
  one_done();
}

}  // namespace remora::kube
