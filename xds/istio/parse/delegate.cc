#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

constexpr std::string_view kNoRegex = "cannot be a regular expression where routes are delegated";

bool is_regex(const std::optional<StringMatch>& match) {
  return match && match->kind == StringMatch::Kind::kRegex;
}

/// Whether one condition is part of another can be told of texts, not of regular expressions.
void check_match(const Fields& spec, const std::string& path, const HttpMatch& match) {
  const auto check = [&](const std::string& name, const std::optional<StringMatch>& condition) {
    if (is_regex(condition)) spec.error(path + '.' + name, std::string(kNoRegex));
  };
  check("uri", match.uri);
  check("scheme", match.scheme);
  check("method", match.method);
  check("authority", match.authority);
  const auto check_all = [&](const std::string& name, const NamedMatches& conditions) {
    for (const auto& [key, condition] : conditions) check(name + '.' + key, condition);
  };
  check_all("headers", match.headers);
  check_all("withoutHeaders", match.without_headers);
  check_all("queryParams", match.query_params);
}

void check_delegated_to(const Fields& spec, const VirtualService& service) {
  for (const char* name : {"gateways", "tls", "tcp"}) {
    if (spec.has(name))
      spec.error(name, "has no place in a VirtualService without hosts, which is delegated to");
  }
  for (size_t i = 0; i < service.http.size(); ++i) {
    if (service.http[i].delegate)
      spec.error("http[" + std::to_string(i) + "].delegate",
                 "a VirtualService that is delegated to cannot delegate");
  }
}

}  // namespace

void read_delegate(Fields& fields, HttpRoute& route) {
  fields.object("delegate", [&](Fields& item) {
    Delegate delegate;
    item.string("name", delegate.name);
    item.string("namespace", delegate.ns);
    if (delegate.name.empty()) item.error("name", "is required");
    delegate.line = item.line();
    delegate.path = item.path();
    route.delegate = std::move(delegate);
  });
}

void check_delegation(const Fields& spec, const VirtualService& service) {
  if (service.is_delegate()) check_delegated_to(spec, service);
  for (size_t i = 0; i < service.http.size(); ++i) {
    const HttpRoute& route = service.http[i];
    if (!service.is_delegate() && !route.delegate) continue;
    for (size_t m = 0; m < route.match.size(); ++m) {
      check_match(spec, "http[" + std::to_string(i) + "].match[" + std::to_string(m) + ']', route.match[m]);
    }
  }
}

}  // namespace remora::istio
