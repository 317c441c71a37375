#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "remora/core/result.h"
#include "store/object.h"

namespace remora::store {

enum class EventType { kAdded, kModified, kDeleted };

/// One change. A deleted object is told in its last state, with the version of its deletion.
struct Event {
  EventType type = EventType::kAdded;
  ObjectPtr object;
};

struct ObjectList {
  uint64_t version = 0;  ///< the store's, when the list was made: a watch from here misses nothing
  std::vector<ObjectPtr> objects;
};

/// Why a write did not happen.
struct WriteError {
  enum class Reason {
    kNotFound,       ///< an update or removal of what is not there
    kAlreadyExists,  ///< a creation of what is there
    kConflict,       ///< the object has another version than the writer has seen
    kReadOnly,       ///< a manifest file defines it
    kInvalid,        ///< the body is no object that can be kept (no name, ...)
    kStorage,        ///< it could not be made durable: disk full, read-only, no permission, ...; nothing has
                     ///< changed, as far as is known: an API server that is lost while it writes does not say
  };
  Reason reason = Reason::kStorage;
  std::string message;
};

using WriteResult = std::variant<ObjectPtr, WriteError>;
using Written = std::function<void(WriteResult)>;

/// What an update presumes. No version: whatever is there is replaced (the last writer wins).
struct Precondition {
  std::optional<uint64_t> version;
  std::string uid;  ///< empty: any
};

/// Where the objects of a mesh are kept: a directory, or a Kubernetes API server. Reads answer at once from
/// memory; writes answer through a callback, which may be called before the write returns. What is answered
/// as written survives a crash. Control thread only.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// A watch lives as long as its handle.
  using Watch = std::shared_ptr<void>;
  using OnEvent = std::function<void(const Event&)>;

  virtual uint64_t version() const = 0;
  /// Of one type, by namespace and name; an empty namespace means all of them.
  virtual ObjectList list(const std::string& type, const std::string& ns = {}) const = 0;
  virtual ObjectPtr get(const ObjectKey& key) const = 0;

  /// Reads one object where it is kept, also of types that are not held in memory (a Kubernetes API server's
  /// Secrets). Null: there is none. An error says why that is not known. `done` may be called before the call
  /// returns.
  using Fetched = std::function<void(Result<ObjectPtr>)>;
  virtual void fetch(const ObjectKey& key, Fetched done) { done(get(key)); }

  /// Adds an object: gives it uid, creationTimestamp, generation 1 (not in the core group) and a version.
  virtual void create(ObjectKey key, boost::json::object body, Written done) = 0;
  /// Replaces an object. metadata.{uid,creationTimestamp,generation,resourceVersion} are the store's: what
  /// the body says of them does not count. generation grows where anything but metadata and status differs.
  /// A body equal to what is there changes nothing and answers the present object.
  virtual void update(const ObjectKey& key, boost::json::object body, Precondition precondition,
                      Written done) = 0;
  /// Like update, but takes only `status` from the body. Works on objects that files define, too.
  virtual void update_status(const ObjectKey& key, boost::json::object body, Precondition precondition,
                             Written done) = 0;
  virtual void remove(const ObjectKey& key, Precondition precondition, Written done) = 0;

  /// Calls back on the control thread for every change after `from` (see ObjectList::version), of one type
  /// or, where `type` is empty, of all; first for those that have already happened, before it returns. Null
  /// where `from` is older than what is remembered: list again (Kubernetes' "410 Gone"). A callback may read
  /// and write the store: what it causes is told after what it was called for.
  virtual Watch watch(const std::string& type, uint64_t from, OnEvent on_event) = 0;
};

}  // namespace remora::store
