#include <algorithm>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

using Kind = StringMatch::Kind;

void read_match(Fields& fields, std::string_view name, std::optional<StringMatch>& out) {
  fields.object(name, [&](Fields& match) {
    out = read_string_match(match);
    if (!out && !match.has("exact") && !match.has("prefix") && !match.has("regex")) {
      match.error("", "needs one of exact, prefix and regex");
    }
    if (out && out->kind == Kind::kRegex && out->value == "*") out->value = ".*";
  });
}

bool is_presence(const std::optional<StringMatch>& match) {
  return !match || (match->kind == Kind::kRegex && match->value == "*") ||
         (match->kind == Kind::kPrefix && match->value.empty());
}

/// Maps of names to matches. An empty match asks for presence.
enum class Named { kHeaders, kHeadersAtSidecars, kParameters };
void read_named(Fields& fields, std::string_view name, Named what, NamedMatches& out) {
  const bool headers = what != Named::kParameters;
  fields.entries(name, [&](const std::string& key, Fields& value) {
    auto match = read_string_match(value);
    if (headers && key.starts_with("@request.auth.claims")) {
      if (what == Named::kHeadersAtSidecars) {
        value.warning("",
                      "matches claims of a token that was checked before; sidecars check those of the "
                      "requests that they receive, and choose routes for those that they send");
      }
    } else if (headers && std::any_of(key.begin(), key.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
      value.error("", "header names are written in lower case");
    }
    if (is_presence(match)) match.reset();
    out.emplace_back(key, std::move(match));
  });
}

}  // namespace

std::optional<StringMatch> read_string_match(Fields& fields) {
  static const std::vector<std::pair<std::string_view, Kind>> kKinds{
      {"exact", Kind::kExact}, {"prefix", Kind::kPrefix}, {"regex", Kind::kRegex}};
  std::optional<StringMatch> match;
  for (const auto& [name, kind] : kKinds) {
    std::string value;
    if (!fields.string(name, value)) continue;
    if (match) fields.error("", "has more than one of exact, prefix and regex");
    // "*" alone is no regular expression; Istio takes it for "anything".
    if (kind == Kind::kRegex && value != "*") check_regex(fields, name, value);
    match = StringMatch{kind, value};
  }
  return match;
}

HttpMatch read_http_match(Fields& fields, bool for_sidecars) {
  HttpMatch match;
  fields.strings("gateways", match.gateways);
  const bool mesh = match.gateways.empty()
                        ? for_sidecars
                        : std::ranges::find(match.gateways, "mesh") != match.gateways.end();
  const Named headers = mesh ? Named::kHeadersAtSidecars : Named::kHeaders;
  fields.string("name", match.name);
  read_match(fields, "uri", match.uri);
  read_match(fields, "scheme", match.scheme);
  read_match(fields, "method", match.method);
  read_match(fields, "authority", match.authority);
  read_named(fields, "headers", headers, match.headers);
  read_named(fields, "withoutHeaders", headers, match.without_headers);
  read_named(fields, "queryParams", Named::kParameters, match.query_params);
  fields.boolean("ignoreUriCase", match.ignore_uri_case);
  read_port(fields, "port", match.port);
  fields.string_map("sourceLabels", match.source_labels);
  fields.string("sourceNamespace", match.source_namespace);
  fields.string("statPrefix", match.stat_prefix);
  if (fields.names().empty()) fields.warning("", "has no condition: it takes every request");
  if (match.ignore_uri_case && match.uri && match.uri->kind == Kind::kRegex) {
    fields.error("ignoreUriCase", "has no effect on uri.regex: write (?i) into the expression");
  }
  return match;
}

}  // namespace remora::istio
