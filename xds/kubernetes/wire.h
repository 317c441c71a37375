#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kubernetes/api_client.h"
#include "kubernetes/kinds.h"
#include "remora/core/result.h"
#include "store/object.h"
#include "store/object_store.h"

// What API servers send, read. Pure; nothing here trusts what it reads.
namespace remora::kubernetes {

/// An object that could not be read: who it is, as far as can be told, and what is wrong with it.
struct Unreadable {
  store::ObjectKey key;
  std::string why;
};

struct ObjectText {
  store::ObjectPtr object;  ///< null where it could not be read
  Unreadable fault;
};

/// One object, as small as its kind permits. Refuses more than 1 MiB and more than 100 levels.
ObjectText read_object(const ApiKind& kind, std::string_view text);

struct ListPage {
  uint64_t version = 0;
  std::string continue_token;  ///< empty: this was the last page
  std::vector<store::ObjectPtr> objects;
  std::vector<Unreadable> unreadable;
};

Result<ListPage> read_list(const ApiKind& kind, const std::string& text);

/// One line of a watch.
struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type = Type::kError;
  std::string_view object;  ///< its text, within the line
};

Result<WatchEvent> read_watch_event(std::string_view line);

/// What a Status says.
struct Refusal {
  unsigned code = 0;
  std::string reason;   ///< "Forbidden", "AlreadyExists", ...
  std::string message;  ///< never empty; at most a few hundred bytes
};

Refusal read_refusal(unsigned status, std::string_view body);

/// Why a write did not happen, of what the server said.
store::WriteError to_write_error(const store::ObjectKey& key, const Refusal& refusal);

/// metadata.resourceVersion as a number; 0 where it is none.
uint64_t version_of(const boost::json::object& body);
/// The same of an object that may be unreadable otherwise.
uint64_t version_of_text(std::string_view object);

}  // namespace remora::kubernetes
