#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "kubernetes/kinds.h"
#include "store/object.h"

namespace remora::kubernetes {

/// How it stands with the reading of one kind.
struct KindState {
  enum class Condition {
    kListing,      ///< has not been read yet
    kWatching,     ///< all is well
    kAbsent,       ///< the server does not know the kind: its CustomResourceDefinition is missing
    kForbidden,    ///< we have no permission
    kUnreachable,  ///< no answer, or none that can be understood
  };

  const ApiKind* kind = nullptr;
  Condition condition = Condition::kListing;
  std::string message;       ///< what is wrong
  std::string_view version;  ///< of the API: "v1"
  bool synced = false;       ///< has been listed once: what was read last is served, whatever comes
  uint64_t lists = 0;
  uint64_t watches = 0;
  uint64_t events = 0;
  std::chrono::system_clock::time_point since;  ///< when the condition was met
  /// Objects that could not be read, and why; their last good state stays.
  std::map<store::ObjectKey, std::string> unreadable;

  /// Whether waiting for it helps nobody: it has been read, or cannot be and is not needed for routing.
  bool settled() const {
    const bool no_permission = condition == Condition::kForbidden && kind->need != Need::kRouting;
    return synced || condition == Condition::kAbsent || no_permission;
  }
};

std::string_view word_for(KindState::Condition condition);

/// What to tell an operator: "VirtualService (networking.istio.io/v1 virtualservices): forbidden: ...".
std::string describe(const KindState& state);

}  // namespace remora::kubernetes
