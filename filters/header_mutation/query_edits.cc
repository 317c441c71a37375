#include "header_mutation/query_edits.h"

#include <map>
#include <utility>

#include "remora/http/path.h"

namespace remora::filters {
namespace {

using Action = HeaderMutation::Action;
/// By name, decoded: the texts "name=value" of those who have it.
using Parameters = std::map<std::string, std::vector<std::string>, std::less<>>;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// What is no %XX stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool long_enough = text[i] == '%' && i + 2 < text.size();
    const int high = long_enough ? hex_digit(text[i + 1]) : -1;
    const int low = long_enough ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

Parameters parse(std::string_view query) {
  Parameters out;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view part = query.substr(0, end);
    const size_t equals = part.find('=');
    std::string whole(part);
    if (equals == std::string_view::npos) whole.push_back('=');
    out[percent_decoded(part.substr(0, equals))].push_back(std::move(whole));
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return out;
}

/// All but RFC 3986's unreserved characters as %XX.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

void apply(const QueryEdit& edit, const ExchangeInfo& info, Parameters& parameters) {
  if (edit.remove) {
    parameters.erase(edit.name);
    return;
  }
  const bool there = parameters.contains(edit.name);
  if (edit.action == Action::kAddIfAbsent ? there : edit.action == Action::kOverwriteIfExists && !there)
    return;
  std::string value;
  edit.value.append(info, "", value);
  auto& values = parameters[edit.name];
  if (edit.action != Action::kAppendOrAdd) values.clear();
  values.push_back(edit.name + "=" + percent_encoded(value));
}

}  // namespace

std::string edit_query(std::string_view target, const std::vector<QueryEdit>& edits,
                       const ExchangeInfo& info) {
  const PathParts parts = split_path(target);
  Parameters parameters = parse(parts.query);
  for (const QueryEdit& edit : edits) apply(edit, info, parameters);
  std::string out(parts.path);
  char before = '?';
  for (const auto& [name, texts] : parameters) {
    for (const std::string& text : texts) {
      out.push_back(std::exchange(before, '&'));
      out.append(text);
    }
  }
  return out;
}

}  // namespace remora::filters
