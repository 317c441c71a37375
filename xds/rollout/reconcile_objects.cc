#include "rollout/reconcile_objects.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

std::string uid_of(const json::object& body) {
  const auto* metadata = object_of(body, "metadata");
  return metadata == nullptr ? "" : text_of(*metadata, "uid");
}

std::string annotation_of(const json::object& body, std::string_view name) {
  const auto* metadata = object_of(body, "metadata");
  const auto* annotations = metadata == nullptr ? nullptr : object_of(*metadata, "annotations");
  return annotations == nullptr ? "" : text_of(*annotations, name);
}

json::object& object_in(json::object& parent, std::string_view name) {
  json::value& value = parent[name];
  return value.is_object() ? value.get_object() : value.emplace_object();
}

std::set<std::string> canary_uids(const store::ObjectStore& store) {
  std::set<std::string> uids;
  for (const auto& canary : store.list(kCanaryType).objects) uids.insert(uid_of(canary->body));
  return uids;
}

/// A Service keeps what others decide about it (cluster IP, node ports); ours are ports and selector.
void apply_spec(const WantedObject& wanted, json::object& body) {
  const json::object& spec = wanted.body.at("spec").get_object();
  if (wanted.key.type != kServiceType) {
    body["spec"] = spec;
    return;
  }
  json::object& present = object_in(body, "spec");
  present["ports"] = spec.at("ports");
  present["selector"] = spec.at("selector");
}

void apply_own_metadata(const WantedObject& wanted, const std::vector<std::string>& unmanaged,
                        json::object& body) {
  const json::object& from = wanted.body.at("metadata").get_object();
  json::object& metadata = object_in(body, "metadata");
  json::object labels = from.at("labels").get_object();
  if (const auto* present = object_of(metadata, "labels")) {
    for (const std::string& name : unmanaged) {
      if (present->contains(name)) labels[name] = present->at(name);
    }
  }
  metadata["labels"] = std::move(labels);
  metadata["ownerReferences"] = from.at("ownerReferences");
  if (from.contains("annotations")) {
    for (const auto& item : from.at("annotations").get_object()) {
      object_in(metadata, "annotations")[item.key()] = item.value();
    }
  }
}

class ObjectWriter : public std::enable_shared_from_this<ObjectWriter> {
 public:
  ObjectWriter(store::ObjectStore& store, store::ObjectPtr canary, bool revert,
               std::vector<std::string> unmanaged, std::vector<WantedObject> wanted,
               std::function<void(Result<bool>)> done)
      : store_(store),
        canary_(std::move(canary)),
        revert_(revert),
        unmanaged_(std::move(unmanaged)),
        wanted_(std::move(wanted)),
        done_(std::move(done)) {}

  void start() {
    // A canary Service that is about to select another version must have lost its requests before.
    if (moves_canary()) std::rotate(wanted_.rbegin(), wanted_.rbegin() + 1, wanted_.rend());
    next();
  }

  void abandon() { done_ = nullptr; }

 private:
  bool moves_canary() const {
    for (const WantedObject& wanted : wanted_) {
      if (wanted.key.type != kServiceType || !wanted.key.name.ends_with("-canary")) continue;
      const store::ObjectPtr present = store_.get(wanted.key);
      const auto* spec = present ? object_of(present->body, "spec") : nullptr;
      return spec != nullptr && spec->contains("selector") &&
             spec->at("selector") != wanted.body.at("spec").get_object().at("selector") &&
             store_.get(wanted_.back().key) != nullptr;
    }
    return false;
  }

  void next() {
    // Writes may answer at once: a loop, so that many of them need no deep stack.
    while (done_ && index_ < wanted_.size()) {
      answered_ = false;
      in_loop_ = true;
      write(wanted_[index_]);
      in_loop_ = false;
      if (!answered_) return;
    }
    if (done_ && index_ == wanted_.size()) finish(written_);
  }

  void write(const WantedObject& wanted) {
    const store::ObjectPtr present = store_.get(wanted.key);
    if (!present) {
      store_.create(wanted.key, wanted.body, written());
      return;
    }
    json::object body = present->body;
    const std::string owner = owning_canary_uid(present->body);
    const bool ours = owner == uid_of(canary_->body);
    const bool adoptable = !ours && !owner.empty() && canary_uids(store_).count(owner) == 0;
    if (!ours && !adoptable && !owner.empty()) {
      return finish(Error{wanted.key.text() + " belongs to another Canary"});
    }
    apply_spec(wanted, body);
    if (ours || adoptable || !wanted.apex) {
      apply_own_metadata(wanted, unmanaged_, body);
    } else {
      take_over(*present, body);
    }
    if (body == present->body) return step();
    if (!present->file.empty()) return blocked(wanted, *present);
    store_.update(wanted.key, std::move(body), {present->version, ""}, written());
  }

  /// Somebody else's object stays theirs; it is only marked, and what it said is kept.
  void take_over(const store::Object& present, json::object& body) const {
    json::object& annotations = object_in(object_in(body, "metadata"), "annotations");
    annotations[kTakenAnnotation] = canary_->key.name;
    annotations[kRevertAnnotation] = revert_ ? "true" : "false";
    if (annotations.contains(kLastAppliedAnnotation) || annotations.contains(kOriginalAnnotation)) return;
    if (const auto* spec = object_of(present.body, "spec"))
      annotations[kOriginalAnnotation] = json::serialize(*spec);
  }

  /// A manifest file cannot be changed from here. A Service may stay as it is: the routes decide.
  void blocked(const WantedObject& wanted, const store::Object& present) {
    if (wanted.apex && wanted.key.type == kServiceType) return step();
    finish(Error{wanted.key.text() + " is defined by the manifest file " + present.file +
                 ", so its routes cannot be moved: remove it from there"});
  }

  store::Written written() {
    return [self = shared_from_this()](const store::WriteResult& result) {
      if (!self->done_) return;
      if (const auto* error = std::get_if<store::WriteError>(&result)) {
        return self->finish(Error{error->message});
      }
      self->written_ = true;
      self->step();
    };
  }

  void step() {
    ++index_;
    answered_ = true;
    if (!in_loop_) next();
  }

  void finish(Result<bool> result) {
    const auto done = std::move(done_);
    done_ = nullptr;
    if (done) done(std::move(result));
  }

  store::ObjectStore& store_;
  store::ObjectPtr canary_;
  bool revert_;
  std::vector<std::string> unmanaged_;
  std::vector<WantedObject> wanted_;
  std::function<void(Result<bool>)> done_;
  size_t index_ = 0;
  bool written_ = false;
  bool answered_ = false;
  bool in_loop_ = false;
};

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

}  // namespace

std::shared_ptr<void> reconcile_objects(store::ObjectStore& store, store::ObjectPtr canary,
                                        bool revert_on_deletion, std::vector<std::string> unmanaged_labels,
                                        std::vector<WantedObject> wanted,
                                        std::function<void(Result<bool>)> done) {
  auto writer =
      std::make_shared<ObjectWriter>(store, std::move(canary), revert_on_deletion,
                                     std::move(unmanaged_labels), std::move(wanted), std::move(done));
  writer->start();
  return {nullptr, [writer](void*) { writer->abandon(); }};
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
  // Routes first: they must not lead to Services that are gone.
  for (const char* type : {kVirtualServiceType, kDestinationRuleType, kServiceType}) {
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
