#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <set>

#include "rollout/json_fields.h"
#include "rollout/reconcile_objects.h"

// What becomes of a Canary's objects when it goes: its own are removed, what it took over is given back.
namespace remora::rollout {
namespace {

namespace json = boost::json;

std::string annotation_of(const json::object& body, std::string_view name) {
  return text_of(part_of(part_of(body, "metadata"), "annotations"), name);
}

/// The spec from before the rollout: kubectl's memory of it, or ours.
json::value original_spec(const json::object& body) {
  boost::system::error_code error;
  if (const std::string applied = annotation_of(body, kLastAppliedAnnotation); !applied.empty()) {
    const json::value object = json::parse(applied, error);
    const auto* spec = error || !object.is_object() ? nullptr : object_of(object.get_object(), "spec");
    return spec == nullptr ? json::value() : json::value(*spec);
  }
  json::value spec = json::parse(annotation_of(body, kOriginalAnnotation), error);
  return error ? json::value() : spec;
}

/// Gives back what a Canary took over.
void release(store::ObjectStore& store, const store::Object& object, const store::Written& done) {
  json::object body = object.body;
  if (annotation_of(body, kRevertAnnotation) == "true") {
    json::value spec = original_spec(body);
    if (spec.is_object()) body["spec"] = std::move(spec);
  }
  json::object& annotations = object_in(object_in(body, "metadata"), "annotations");
  for (const char* name : {kTakenAnnotation, kRevertAnnotation, kOriginalAnnotation}) annotations.erase(name);
  store.update(object.key, std::move(body), {object.version, ""}, done);
}

/// Routes first: they must not lead to Services that are gone.
constexpr std::array<const char*, 3> kTypes{kVirtualServiceType, kDestinationRuleType, kServiceType};

}  // namespace

std::set<std::string> canary_uids(const store::ObjectStore& store) {
  std::set<std::string> uids;
  for (const auto& canary : store.list(kCanaryType).objects) uids.insert(uid_of(canary->body));
  return uids;
}

void release_next(store::ObjectStore& store, const store::Object& canary,
                  std::function<void(Result<bool>)> done) {
  for (const char* type : kTypes) {
    for (const store::ObjectPtr& object : store.list(type, canary.key.ns).objects) {
      if (!object->file.empty() || annotation_of(object->body, kTakenAnnotation) != canary.key.name) continue;
      return release(store, *object, [done](const store::WriteResult& result) {
        const auto* error = std::get_if<store::WriteError>(&result);
        done(error == nullptr ? Result<bool>(false) : Result<bool>(Error{error->message}));
      });
    }
  }
  done(true);
}

void sweep_orphans(store::ObjectStore& store, const store::Object* gone,
                   const std::function<void(bool, const std::string&)>& log) {
  const std::set<std::string> uids = canary_uids(store);
  const auto was_of = [&](const std::string& owner) {
    if (owner.empty() || uids.count(owner) > 0) return false;
    return gone == nullptr || owner == uid_of(gone->body);
  };
  const auto was_taken_by = [&](const store::Object& object, const std::string& taker) {
    if (taker.empty() || store.get({kCanaryType, object.key.ns, taker})) return false;
    return gone == nullptr || (gone->key.ns == object.key.ns && gone->key.name == taker);
  };
  const auto say = [log](const std::string& what) {
    return [log, what](const store::WriteResult& result) {
      const auto* error = std::get_if<store::WriteError>(&result);
      log(error != nullptr, error == nullptr ? what : what + " failed: " + error->message);
    };
  };
  for (const char* type : kTypes) {
    for (const store::ObjectPtr& object : store.list(type).objects) {
      if (!object->file.empty()) continue;
      if (was_of(owning_canary_uid(object->body))) {
        store.remove(object->key, {object->version, ""},
                     say("removed " + object->key.text() + " with its Canary"));
      } else if (was_taken_by(*object, annotation_of(object->body, kTakenAnnotation))) {
        release(store, *object, say("gave " + object->key.text() + " back"));
      }
    }
  }
}

}  // namespace remora::rollout
