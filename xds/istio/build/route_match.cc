#include <string_view>
#include <vector>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "istio/build/names.h"
#include "istio/build/translate.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::RouteMatch;
using Kind = StringMatch::Kind;

void set_string_match(const StringMatch& match, envoy::type::matcher::v3::StringMatcher& out) {
  switch (match.kind) {
    case Kind::kExact: out.set_exact(match.value); break;
    case Kind::kPrefix: out.set_prefix(match.value); break;
    case Kind::kRegex: out.mutable_safe_regex()->set_regex(match.value); break;
  }
}

void add_header(const std::string& name, const std::optional<StringMatch>& match, RouteMatch& out) {
  auto& header = *out.add_headers();
  header.set_name(name);
  if (match) {
    set_string_match(*match, *header.mutable_string_match());
  } else {
    header.set_present_match(true);
  }
}

void add_without_header(const std::string& name, const std::optional<StringMatch>& match, RouteMatch& out) {
  add_header(name, match, out);
  auto& header = *out.mutable_headers(out.headers_size() - 1);
  header.set_invert_match(true);
  // A request that lacks the header is one without that value.
  if (match) header.set_treat_missing_header_as_empty(true);
}

/// "@request.auth.claims.a.b" or "@request.auth.claims[a][b]": the claim b of a; nothing for other names.
std::vector<std::string> claim_path(const std::string& name) {
  constexpr std::string_view kStart = "@request.auth.claims";
  if (!name.starts_with(kStart)) return {};
  std::string rest = name.substr(kStart.size());
  std::string_view between;
  if (rest.size() > 1 && rest.front() == '.') {
    rest.erase(0, 1);
    between = ".";
  } else if (rest.size() > 2 && rest.front() == '[' && rest.back() == ']') {
    rest = rest.substr(1, rest.size() - 2);
    between = "][";
  } else {
    return {};
  }
  std::vector<std::string> path;
  for (size_t end = rest.find(between); end != std::string::npos; end = rest.find(between)) {
    path.push_back(rest.substr(0, end));
    rest.erase(0, end + between.size());
  }
  path.push_back(rest);
  return path;
}

/// A claim that is a text, or a list of texts with this one. False: the name means no claim.
bool add_claim(const std::string& name, const std::optional<StringMatch>& match, bool invert,
               RouteMatch& out) {
  const auto path = claim_path(name);
  if (path.empty()) return false;
  auto& matcher = *out.add_dynamic_metadata();
  matcher.set_filter(kJwtFilter);
  matcher.add_path()->set_key(kJwtPayload);
  for (const std::string& step : path) matcher.add_path()->set_key(step);
  matcher.set_invert(invert);
  if (!match) {
    matcher.mutable_value()->set_present_match(true);
    return true;
  }
  auto& either = *matcher.mutable_value()->mutable_or_match();
  set_string_match(
      *match, *either.add_value_matchers()->mutable_list_match()->mutable_one_of()->mutable_string_match());
  set_string_match(*match, *either.add_value_matchers()->mutable_string_match());
  return true;
}

void set_path(const std::optional<StringMatch>& uri, RouteMatch& out) {
  if (!uri) {
    out.set_prefix("/");
    return;
  }
  switch (uri->kind) {
    case Kind::kExact: out.set_path(uri->value); break;
    case Kind::kPrefix: out.set_prefix(uri->value); break;
    case Kind::kRegex: out.mutable_safe_regex()->set_regex(uri->value); break;
  }
}

}  // namespace

void apply_route_match(const HttpMatch& match, RouteMatch& out) {
  set_path(match.uri, out);
  if (match.ignore_uri_case) out.mutable_case_sensitive()->set_value(false);
  for (const auto& [name, value] : match.headers) {
    if (!add_claim(name, value, false, out)) add_header(name, value, out);
  }
  for (const auto& [name, value] : match.without_headers) {
    if (!add_claim(name, value, true, out)) add_without_header(name, value, out);
  }
  if (match.method) add_header(":method", match.method, out);
  if (match.authority) add_header(":authority", match.authority, out);
  if (match.scheme) add_header(":scheme", match.scheme, out);
  for (const auto& [name, value] : match.query_params) {
    auto& parameter = *out.add_query_parameters();
    parameter.set_name(name);
    if (value) {
      set_string_match(*value, *parameter.mutable_string_match());
    } else {
      parameter.set_present_match(true);
    }
  }
}

}  // namespace remora::istio
