#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "kubernetes/kubernetes_store.h"
#include "store/metadata.h"

// What KubernetesStore sends to the server, and what becomes of the answers.
namespace remora::kubernetes {
namespace {

namespace json = boost::json;
using store::ObjectKey;
using store::ObjectPtr;
using store::Precondition;
using store::WriteError;
using store::Written;
using Reason = WriteError::Reason;

constexpr int kMostTries = 5;

json::object& metadata_of(json::object& body) {
  json::value& metadata = body["metadata"];
  return metadata.is_object() ? metadata.get_object() : metadata.emplace_object();
}

/// Where the object is written, and as what: the version of the API that is in use, whatever the body says.
void address(const ApiKind& kind, std::string_view version, const ObjectKey& key, json::object& body) {
  body["apiVersion"] = kind.api_version(version);
  body["kind"] = kind.kind;
  json::object& metadata = metadata_of(body);
  metadata["name"] = key.name;
  if (kind.namespaced) metadata["namespace"] = key.ns;
  metadata.erase("managedFields");
}

WriteError not_written(const ObjectKey& key, const std::string& why) {
  return {Reason::kStorage, key.text() + ": " + why};
}

std::optional<WriteError> check_writable(const ObjectKey& key) {
  const ApiKind* kind = find_api_kind(key.type);
  if (kind == nullptr) return WriteError{Reason::kInvalid, key.text() + ": there is no such kind"};
  if (kind->slim != nullptr) return WriteError{Reason::kInvalid, key.text() + ": is only read here"};
  if (kind->namespaced == key.ns.empty()) {
    return WriteError{Reason::kInvalid, key.text() + ": metadata.namespace does not fit the kind"};
  }
  return std::nullopt;
}

bool same_status(const json::object& a, const json::object& b) {
  const json::value* one = a.if_contains("status");
  const json::value* other = b.if_contains("status");
  return one == nullptr || other == nullptr ? one == other : *one == *other;
}

}  // namespace

/// An update on its way, perhaps for the second time.
struct KubernetesStore::Change {
  ObjectKey key;
  json::object body;
  Precondition precondition;
  bool only_status = false;
  Written done;
  const ApiKind* kind = nullptr;
  int tries = 0;
};

// --- reading by name ---------------------------------------------------------------------------------------

void KubernetesStore::fetch(const ObjectKey& key, Fetched done) {
  const ApiKind* kind = find_api_kind(key.type);
  if (kind == nullptr || kind->namespaced == key.ns.empty())
    return done(Error{key.text() + ": there is no such kind"});
  ApiCall request;
  request.path = kind->path(version_of_kind(*kind), key);
  call(std::move(request), [kind, key, done = std::move(done)](const Result<ApiAnswer>& answer) {
    if (!answer.ok()) return done(Error{key.text() + ": " + answer.error().message});
    if (answer->status == 404) return done(ObjectPtr());
    if (!answer->ok())
      return done(Error{key.text() + ": " + read_refusal(answer->status, answer->body).message});
    ObjectText read = read_object(*kind, answer->body);
    if (read.object == nullptr) return done(Error{key.text() + ": " + read.fault.why});
    done(std::move(read.object));
  });
}

// --- creating ----------------------------------------------------------------------------------------------

void KubernetesStore::create(ObjectKey key, json::object body, Written done) {
  if (const auto fault = check_writable(key)) return done(*fault);
  const ApiKind& kind = *find_api_kind(key.type);
  address(kind, version_of_kind(kind), key, body);
  for (const char* name : {"resourceVersion", "uid", "creationTimestamp", "generation"})
    metadata_of(body).erase(name);
  ApiCall request{"POST", kind.path(version_of_kind(kind), key.ns), json::serialize(body)};
  call(std::move(request), [this, &kind, key, done = std::move(done)](const Result<ApiAnswer>& answer) {
    on_created(kind, key, answer, done);
  });
}

void KubernetesStore::on_created(const ApiKind& kind, const ObjectKey& key, const Result<ApiAnswer>& answer,
                                 const Written& done) {
  if (!answer.ok()) return done(not_written(key, answer.error().message));
  if (!answer->ok()) return done(to_write_error(key, read_refusal(answer->status, answer->body)));
  done(take_written(kind, key, answer->body));
}

/// What the server says is there now.
store::WriteResult KubernetesStore::take_written(const ApiKind& kind, const ObjectKey& key,
                                                 const std::string& text) {
  const ObjectText read = read_object(kind, text);
  if (read.object == nullptr)
    return not_written(key, "it is written, and the server's answer " + read.fault.why);
  if (reflectors_.contains(key.type)) cache_.put_own(read.object);
  return read.object;
}

// --- changing ----------------------------------------------------------------------------------------------

void KubernetesStore::update(const ObjectKey& key, json::object body, Precondition precondition,
                             Written done) {
  change(key, std::move(body), std::move(precondition), false, std::move(done));
}

void KubernetesStore::update_status(const ObjectKey& key, json::object body, Precondition precondition,
                                    Written done) {
  change(key, std::move(body), std::move(precondition), true, std::move(done));
}

void KubernetesStore::change(const ObjectKey& key, json::object body, Precondition precondition,
                             bool only_status, Written done) {
  if (const auto fault = check_writable(key)) return done(*fault);
  auto change = std::make_shared<Change>();
  *change = {key,         std::move(body), std::move(precondition),
             only_status, std::move(done), find_api_kind(key.type)};
  const ObjectPtr present = cache_.get(key);
  if (present == nullptr) return change_from_newest(change);
  send_change(change, present);
}

/// Asks the server what is there, and goes on from that.
void KubernetesStore::change_from_newest(const ChangePtr& change) {
  fetch(change->key, [this, change](const Result<ObjectPtr>& newest) {
    if (!newest.ok()) return change->done(WriteError{Reason::kStorage, newest.error().message});
    if (*newest == nullptr)
      return change->done(WriteError{Reason::kNotFound, change->key.text() + ": not found"});
    if (reflectors_.contains(change->key.type)) cache_.put_own(*newest);
    send_change(change, *newest);
  });
}

void KubernetesStore::send_change(const ChangePtr& change, const ObjectPtr& base) {
  const auto conflict = [&](const std::string& why) {
    change->done(WriteError{Reason::kConflict, change->key.text() + ": " + why});
  };
  const std::string uid = store::metadata_text(base->body, "uid");
  const Precondition& wanted = change->precondition;
  if (!wanted.uid.empty() && wanted.uid != uid) return conflict("its uid is " + uid + ", not " + wanted.uid);
  if (wanted.version && *wanted.version != base->version) {
    return conflict("the object has been modified since version " + std::to_string(*wanted.version));
  }
  const bool same = change->only_status ? same_status(base->body, change->body)
                                        : store::same_but_version(base->body, change->body);
  if (same) return change->done(base);
  json::object body = change->only_status ? base->body : change->body;
  if (change->only_status) {
    const json::value* status = change->body.if_contains("status");
    body["status"] = status == nullptr ? json::value() : *status;
  }
  const std::string_view version = version_of_kind(*change->kind);
  address(*change->kind, version, change->key, body);
  metadata_of(body)["resourceVersion"] = std::to_string(base->version);
  metadata_of(body)["uid"] = uid;
  ++change->tries;
  ApiCall request{"PUT", change->kind->path(version, change->key) + (change->only_status ? "/status" : ""),
                  json::serialize(body)};
  call(std::move(request), [this, change](const Result<ApiAnswer>& answer) { on_changed(change, answer); });
}

void KubernetesStore::on_changed(const ChangePtr& change, const Result<ApiAnswer>& answer) {
  if (!answer.ok()) return change->done(not_written(change->key, answer.error().message));
  if (answer->ok()) return change->done(take_written(*change->kind, change->key, answer->body));
  const WriteError error = to_write_error(change->key, read_refusal(answer->status, answer->body));
  const bool again = error.reason == Reason::kConflict && !change->precondition.version;
  if (again && change->tries < kMostTries) return change_from_newest(change);
  change->done(error);
}

// --- removing ----------------------------------------------------------------------------------------------

void KubernetesStore::remove(const ObjectKey& key, Precondition precondition, Written done) {
  if (const auto fault = check_writable(key)) return done(*fault);
  const ApiKind& kind = *find_api_kind(key.type);
  json::object options{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  json::object preconditions;
  if (precondition.version) preconditions["resourceVersion"] = std::to_string(*precondition.version);
  if (!precondition.uid.empty()) preconditions["uid"] = precondition.uid;
  if (!preconditions.empty()) options["preconditions"] = std::move(preconditions);
  const ObjectPtr present = cache_.get(key);
  const std::string uid = present == nullptr ? precondition.uid : store::metadata_text(present->body, "uid");
  ApiCall request{"DELETE", kind.path(version_of_kind(kind), key), json::serialize(options)};
  call(std::move(request), [this, &kind, key, uid, done = std::move(done)](const Result<ApiAnswer>& answer) {
    on_deleted(kind, key, uid, answer, done);
  });
}

/// The answer is the object where it only begins to go (finalizers), else a Status, or the object's last
/// state.
void KubernetesStore::on_deleted(const ApiKind& kind, const ObjectKey& key, const std::string& uid,
                                 const Result<ApiAnswer>& answer, const Written& done) {
  if (!answer.ok()) return done(not_written(key, answer.error().message));
  if (!answer->ok()) return done(to_write_error(key, read_refusal(answer->status, answer->body)));
  const ObjectPtr before = cache_.get(key);
  const ObjectText read = read_object(kind, answer->body);
  if (read.object != nullptr && !store::metadata_text(read.object->body, "deletionTimestamp").empty()) {
    if (reflectors_.contains(key.type)) cache_.put_own(read.object);
    return done(read.object);
  }
  cache_.remove_own(key, uid);
  done(before != nullptr ? before : read.object);
}

}  // namespace remora::kubernetes
