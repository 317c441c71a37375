#include "kubernetes/kind_state.h"

namespace remora::kubernetes {

std::string_view word_for(KindState::Condition condition) {
  switch (condition) {
    case KindState::Condition::kListing: return "Listing";
    case KindState::Condition::kWatching: return "Watching";
    case KindState::Condition::kAbsent: return "Absent";
    case KindState::Condition::kForbidden: return "Forbidden";
    case KindState::Condition::kUnreachable: return "Unreachable";
  }
  return "Listing";
}

std::string describe(const KindState& state) {
  std::string text(state.kind->kind);
  text += " (" + state.kind->api_version(state.version) + ' ' + std::string(state.kind->plural) + "): ";
  text += word_for(state.condition);
  if (!state.message.empty()) text += ": " + state.message;
  return text;
}

}  // namespace remora::kubernetes
