#include "jwt_authn/locations.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "remora/http/cookie.h"
#include "remora/http/path.h"

namespace remora::filters {
namespace {

constexpr std::string_view kTokenBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

auto place_of(const JwtLocation& location) { return std::tie(location.kind, location.name, location.prefix); }

int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Percent-decoded; bytes that are not encoded stay what they are.
std::string_view decoded(std::string_view text, HeaderMap& arena) {
  if (text.find('%') == std::string_view::npos) return text;
  char* const out = arena.allocate(text.size());
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_of(text[i + 1]) >= 0 && hex_of(text[i + 2]) >= 0;
    out[length++] = escape ? static_cast<char>(hex_of(text[i + 1]) * 16 + hex_of(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return {out, length};
}

/// What stands behind the prefix, from the first byte on that a token may have.
std::optional<std::string_view> behind(std::string_view value, std::string_view prefix) {
  if (prefix.empty()) return value;
  const size_t at = value.find(prefix);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t start = value.find_first_of(kTokenBytes, at + prefix.size());
  return start == std::string_view::npos ? value : value.substr(start);
}

/// The target without the parameters of that name.
void remove_parameter(HeaderMap& head, std::string_view name) {
  const PathParts parts = split_path(head.path());
  std::string target(parts.path);
  char mark = '?';
  std::string_view rest = parts.query;
  while (!rest.empty()) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(parameter.size() + 1, rest.size()));
    if (parameter.substr(0, parameter.find('=')) == name) continue;
    target.append(1, std::exchange(mark, '&')).append(parameter);
  }
  head.set(HeaderId::kPath, target);
}

}  // namespace

bool JwtLocation::allows(std::string_view issuer) const {
  return any_issuer || std::ranges::find(issuers, issuer) != issuers.end();
}

void JwtLocation::remove_from(HeaderMap& head) const {
  if (kind == Kind::kHeader) head.remove(name);
  if (kind == Kind::kParameter) remove_parameter(head, name);
}

void JwtLocations::add(const std::vector<JwtLocation>& of_provider, const std::string& issuer) {
  for (const JwtLocation& location : of_provider) {
    auto at = std::ranges::lower_bound(locations_, place_of(location), {}, place_of);
    if (at == locations_.end() || place_of(*at) != place_of(location)) at = locations_.insert(at, location);
    if (issuer.empty()) {
      at->any_issuer = true;
    } else {
      at->issuers.push_back(issuer);
    }
  }
}

void JwtLocations::find(HeaderMap& head, FoundTokens& out) const {
  std::string_view query;
  for (const JwtLocation& location : locations_) {
    switch (location.kind) {
      case JwtLocation::Kind::kHeader:
        for (const auto& field : head.fields()) {
          if (field.name != location.name) continue;
          if (const auto token = behind(field.value, location.prefix)) out.push_back({*token, &location});
        }
        break;
      case JwtLocation::Kind::kParameter:
        query = split_path(head.path()).query;
        if (const auto value = query_parameter(query, location.name))
          out.push_back({decoded(*value, head), &location});
        break;
      case JwtLocation::Kind::kCookie:
        if (const auto value = request_cookie(head, location.name)) out.push_back({*value, &location});
        break;
    }
  }
}

}  // namespace remora::filters
