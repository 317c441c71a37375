#include <algorithm>

#include "istio/registry/delegates.h"

namespace remora::istio {
namespace {

using Kind = StringMatch::Kind;
using Condition = std::optional<StringMatch>;

/// Whether a text that `inner` takes may be one that `outer` does not. Both are there.
bool conflicts(const StringMatch& outer, const StringMatch& inner) {
  if (outer.kind == Kind::kRegex || inner.kind == Kind::kRegex) return true;
  if (outer.kind == Kind::kExact) return inner.kind != Kind::kExact || inner.value != outer.value;
  return outer.value.empty() || !inner.value.starts_with(outer.value);
}

bool conflicts(const Condition& outer, const Condition& inner) {
  return outer && inner && conflicts(*outer, *inner);
}

/// A condition that only asks for presence is, as in Istio, never part of another one on the same name.
bool conflicts(const NamedMatches& outer, const NamedMatches& inner) {
  return std::ranges::any_of(inner, [&](const auto& entry) {
    const auto same = std::ranges::find(outer, entry.first, &NamedMatches::value_type::first);
    if (same == outer.end()) return false;
    return !same->second || !entry.second || conflicts(*same->second, *entry.second);
  });
}

bool conflicts(const std::map<std::string, std::string>& outer,
               const std::map<std::string, std::string>& inner) {
  return std::ranges::any_of(inner, [&](const auto& label) {
    const auto same = outer.find(label.first);
    return same != outer.end() && same->second != label.second;
  });
}

bool conflicts(const std::vector<std::string>& outer, const std::vector<std::string>& inner) {
  return !outer.empty() && std::ranges::any_of(inner, [&](const std::string& name) {
    return std::ranges::find(outer, name) == outer.end();
  });
}

bool conflicts(const HttpMatch& outer, const HttpMatch& inner) {
  return conflicts(outer.uri, inner.uri) || conflicts(outer.scheme, inner.scheme) ||
         conflicts(outer.method, inner.method) || conflicts(outer.authority, inner.authority) ||
         conflicts(outer.headers, inner.headers) || conflicts(outer.without_headers, inner.without_headers) ||
         conflicts(outer.query_params, inner.query_params) ||
         conflicts(outer.source_labels, inner.source_labels) || conflicts(outer.gateways, inner.gateways) ||
         outer.ignore_uri_case != inner.ignore_uri_case ||
         (outer.port && inner.port && *outer.port != *inner.port) ||
         (!outer.source_namespace.empty() && !inner.source_namespace.empty() &&
          outer.source_namespace != inner.source_namespace);
}

template <typename T>
void inherit(const T& outer, T& inner) {
  if (inner == T{}) inner = outer;
}

void inherit(const Condition& outer, Condition& inner) {
  if (!inner) inner = outer;
}

void inherit(const NamedMatches& outer, NamedMatches& inner) {
  for (const auto& entry : outer) {
    if (std::ranges::find(inner, entry.first, &NamedMatches::value_type::first) == inner.end())
      inner.push_back(entry);
  }
}

}  // namespace

std::optional<HttpMatch> merge_match(const HttpMatch& outer, const HttpMatch& inner) {
  if (conflicts(outer, inner)) return std::nullopt;
  HttpMatch out = inner;
  if (!outer.name.empty()) out.name = inner.name.empty() ? outer.name : outer.name + '-' + inner.name;
  inherit(outer.uri, out.uri);
  inherit(outer.scheme, out.scheme);
  inherit(outer.method, out.method);
  inherit(outer.authority, out.authority);
  inherit(outer.headers, out.headers);
  inherit(outer.without_headers, out.without_headers);
  inherit(outer.query_params, out.query_params);
  inherit(outer.port, out.port);
  inherit(outer.source_namespace, out.source_namespace);
  inherit(outer.gateways, out.gateways);
  inherit(outer.stat_prefix, out.stat_prefix);
  out.source_labels.insert(outer.source_labels.begin(), outer.source_labels.end());
  return out;
}

}  // namespace remora::istio
