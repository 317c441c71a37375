#include "remora/config/scoped_routes.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <string_view>
#include <utility>

#include "core/ascii.h"

namespace remora {
namespace {

/// Keys as one text: each part with its length in front, so that no two keys read the same.
void append_part(std::string& key, std::string_view part) {
  key.append(std::to_string(part.size())).append(":").append(part);
}

/// Cuts the next element off `rest`; an empty separator takes all.
std::string_view next_element(std::string_view& rest, std::string_view separator, bool& more) {
  const size_t end = separator.empty() ? std::string_view::npos : rest.find(separator);
  more = end != std::string_view::npos;
  const auto element = rest.substr(0, end);
  rest.remove_prefix(more ? end + separator.size() : rest.size());
  return element;
}

std::optional<std::string_view> value_with(const ScopeKeyPart::Element& wanted, std::string_view element) {
  const size_t end = wanted.separator.empty() ? std::string_view::npos : element.find(wanted.separator);
  if (element.substr(0, end) != wanted.key) return std::nullopt;
  return end == std::string_view::npos ? std::string_view() : element.substr(end + wanted.separator.size());
}

std::optional<std::string_view> read_part(const ScopeKeyPart& part, const HeaderMap& head) {
  const bool host = part.header == "host" && !head.has(HeaderId::kHost);  // one header under two names
  const auto value = host ? head.get(HeaderId::kAuthority) : head.get(part.header);
  if (!value) return std::nullopt;
  std::string_view rest = *value;
  bool more = true;
  for (uint32_t number = 0; more; ++number) {
    const auto element = next_element(rest, part.separator, more);
    if (!part.element) {
      if (number == part.index) return element;
    } else if (const auto found = value_with(*part.element, element)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace

struct ScopedRoutes::Index {
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> by_key;
};

ScopedRoutes::ScopedRoutes(std::string name, std::vector<ScopeKeyPart> key, std::vector<RouteScope> scopes)
    : name_(std::move(name)),
      key_(std::move(key)),
      scopes_(std::move(scopes)) {}

ScopedRoutes::~ScopedRoutes() = default;

Result<std::shared_ptr<const ScopedRoutes>> ScopedRoutes::compile(std::string name,
                                                                  std::vector<ScopeKeyPart> key,
                                                                  std::vector<RouteScope> scopes) {
  std::shared_ptr<ScopedRoutes> made(new ScopedRoutes(std::move(name), std::move(key), std::move(scopes)));
  auto index = std::make_unique<Index>();
  absl::flat_hash_set<std::string_view> names;
  for (uint32_t number = 0; number < made->scopes_.size(); ++number) {
    const RouteScope& scope = made->scopes_[number];
    const auto wrong = [&scope](const std::string& what) {
      return Error{"scope '" + scope.name + "' " + what};
    };
    if (!names.insert(scope.name).second) return wrong("is there twice");
    if (scope.key.empty()) return wrong("has no key");
    std::string text;
    for (const auto& part : scope.key) append_part(text, part);
    const auto [same, fresh] = index->by_key.emplace(std::move(text), number);
    if (!fresh) return wrong("has the key of scope '" + made->scopes_[same->second].name + "'");
  }
  made->index_ = std::move(index);
  return std::shared_ptr<const ScopedRoutes>(std::move(made));
}

uint32_t ScopedRoutes::find(const HeaderMap& head) const {
  thread_local std::string key;
  key.clear();
  for (const ScopeKeyPart& part : key_) {
    const auto value = read_part(part, head);
    if (!value) return kNone;
    append_part(key, *value);
  }
  const auto found = index_->by_key.find(std::string_view(key));
  return found == index_->by_key.end() ? kNone : found->second;
}

}  // namespace remora
