#include "rollout/reconcile_objects.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <set>

#include "rollout/json_fields.h"
#include "rollout/known_configs.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

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
  json::object labels = part_of(from, "labels");
  if (const auto* present = object_of(metadata, "labels")) {
    for (const std::string& name : unmanaged) {
      if (present->contains(name)) labels[name] = present->at(name);
    }
  }
  if (labels.empty()) {
    metadata.erase("labels");
  } else {
    metadata["labels"] = std::move(labels);
  }
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
               std::function<void(Result<Reconciled>)> done)
      : store_(store),
        canary_(std::move(canary)),
        revert_(revert),
        unmanaged_(std::move(unmanaged)),
        wanted_(std::move(wanted)),
        done_(std::move(done)) {}

  void start() {
    // A canary Service that is about to select another version must have lost its requests before.
    const auto routes = std::find_if(wanted_.begin(), wanted_.end(), [](const WantedObject& wanted) {
      return wanted.key.type == kVirtualServiceType;
    });
    if (routes != wanted_.end() && store_.get(routes->key) && moves_canary()) {
      std::rotate(wanted_.begin(), routes, routes + 1);
    }
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
             spec->at("selector") != wanted.body.at("spec").get_object().at("selector");
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
    if (done_ && index_ == wanted_.size()) finish(written_ ? Reconciled::kWritten : Reconciled::kUnchanged);
  }

  /// An object of which everything is given, as it was made from what was there.
  void write_whole(const WantedObject& wanted, const store::ObjectPtr& present) {
    if ((present ? present->version : 0) != wanted.seen_version) return finish(Reconciled::kOutdated);
    if (!present) return store_.create(wanted.key, wanted.body, written());
    if (present->body == wanted.body) return step();
    if (!present->file.empty()) return blocked(wanted, *present);
    store_.update(wanted.key, wanted.body, {present->version, ""}, written());
  }

  void read_and_write(const WantedObject& wanted) {
    store_.fetch(wanted.key, [self = shared_from_this(), &wanted](const Result<store::ObjectPtr>& present) {
      if (!self->done_) return;
      if (!present.ok()) return self->finish(present.error());
      self->write_whole(wanted, *present);
    });
  }

  void write(const WantedObject& wanted) {
    if (is_read_by_name(wanted.key.type)) return read_and_write(wanted);
    const store::ObjectPtr present = store_.get(wanted.key);
    if (wanted.whole) return write_whole(wanted, present);
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
        using Reason = store::WriteError::Reason;
        const bool outdated = error->reason == Reason::kConflict || error->reason == Reason::kAlreadyExists ||
                              error->reason == Reason::kNotFound;
        return outdated ? self->finish(Reconciled::kOutdated) : self->finish(Error{error->message});
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

  void finish(Result<Reconciled> result) {
    const auto done = std::move(done_);
    done_ = nullptr;
    if (done) done(std::move(result));
  }

  store::ObjectStore& store_;
  store::ObjectPtr canary_;
  bool revert_;
  std::vector<std::string> unmanaged_;
  std::vector<WantedObject> wanted_;
  std::function<void(Result<Reconciled>)> done_;
  size_t index_ = 0;
  bool written_ = false;
  bool answered_ = false;
  bool in_loop_ = false;
};

}  // namespace

std::shared_ptr<void> reconcile_objects(store::ObjectStore& store, store::ObjectPtr canary,
                                        bool revert_on_deletion, std::vector<std::string> unmanaged_labels,
                                        std::vector<WantedObject> wanted,
                                        std::function<void(Result<Reconciled>)> done) {
  auto writer =
      std::make_shared<ObjectWriter>(store, std::move(canary), revert_on_deletion,
                                     std::move(unmanaged_labels), std::move(wanted), std::move(done));
  writer->start();
  return {writer.get(), [writer](void*) { writer->abandon(); }};
}

}  // namespace remora::rollout
