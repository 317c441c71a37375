#include "web/http_message.h"

#include "web/percent.h"

namespace remora::web {
namespace {

/// Calls `found(name, value)`, both not decoded, for each parameter until it returns true.
template <typename Found>
bool any_parameter(std::string_view target, Found found) {
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return false;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = equals < pair.size() ? pair.substr(equals + 1) : std::string_view();
    if (found(pair.substr(0, equals), value)) return true;
  }
  return false;
}

}  // namespace

std::string_view Request::path() const {
  const std::string_view whole = target;
  return whole.substr(0, whole.find('?'));
}

std::string Request::query(std::string_view name) const {
  std::string out;
  any_parameter(target, [&](std::string_view key, std::string_view value) {
    if (percent_decode(key, Plus::kIsSpace) != name) return false;
    out = percent_decode(value, Plus::kIsSpace);
    return true;
  });
  return out;
}

bool Request::has_query(std::string_view name) const {
  return any_parameter(target, [&](std::string_view key, std::string_view) {
    return percent_decode(key, Plus::kIsSpace) == name;
  });
}

}  // namespace remora::web
