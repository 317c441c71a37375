#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/route.h"

namespace remora {
namespace {

/// Values of one apply() before any of them is written: what a format reads is the head as it was.
struct PendingValues {
  struct Value {
    const HeaderMutation* mutation;
    size_t begin;
    size_t size;
  };
  std::string text;
  std::vector<Value> values;

  static PendingValues& of_this_thread() {
    thread_local PendingValues pending;
    pending.text.clear();
    pending.values.clear();
    return pending;
  }
  [[nodiscard]] std::string_view view(const Value& value) const {
    return std::string_view(text).substr(value.begin, value.size);
  }
};

bool overwrites(HeaderMutation::Action action) {
  return action == HeaderMutation::Action::kOverwriteOrAdd ||
         action == HeaderMutation::Action::kOverwriteIfExists;
}

bool applies(const HeaderMutation& mutation, const HeaderMap& headers) {
  switch (mutation.action) {
    case HeaderMutation::Action::kAddIfAbsent: return !headers.get(mutation.name).has_value();
    case HeaderMutation::Action::kOverwriteIfExists: return headers.get(mutation.name).has_value();
    default: return true;
  }
}

}  // namespace

void apply(const std::vector<HeaderEdit>& edits, HeaderMap& headers, const ExchangeInfo& info) {
  for (const HeaderEdit& edit : edits) {
    if (!edit.remove_matching) {
      edit.mutation.apply(headers, info);
      continue;
    }
    headers.remove_if([&](const HeaderMap::Field& field) {
      const bool protected_name = field.name.starts_with(':') || field.id == HeaderId::kHost;
      return !protected_name && edit.remove_matching->matches(field.name);
    });
  }
}

void HeaderMutations::apply(HeaderMap& headers, const ExchangeInfo& info) const {
  for (const auto& name : remove) headers.remove(name);
  if (add.empty()) return;

  PendingValues& pending = PendingValues::of_this_thread();
  for (const auto& mutation : add) {
    if (!applies(mutation, headers)) continue;
    const size_t begin = pending.text.size();
    mutation.value.append(info, "", pending.text);
    const size_t size = pending.text.size() - begin;
    if (size > 0 || mutation.keep_empty_value) pending.values.push_back({&mutation, begin, size});
  }
  // Envoy's order: what replaces comes before what is added, so that an added value survives a replacement.
  for (const auto& value : pending.values) {
    if (overwrites(value.mutation->action)) headers.set(value.mutation->name, pending.view(value));
  }
  for (const auto& value : pending.values) {
    if (!overwrites(value.mutation->action)) headers.add(value.mutation->name, pending.view(value));
  }
}

}  // namespace remora
