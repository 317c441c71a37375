#include "unit/support/random_routes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace remora::test {
namespace {

using Kind = PathMatch::Kind;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

bool conditions_match(const RouteMatch& match, const HeaderMap& head, uint64_t random) {
  const size_t question = std::min(head.path().find('?'), head.path().size());
  const std::string_view query = head.path().substr(std::min(question + 1, head.path().size()));
  const bool call = !head.path().empty() && head.value_of(HeaderId::kContentType) == "application/grpc";
  if (match.grpc && !call) return false;
  if (match.runtime_fraction && random % 100 >= match.runtime_fraction->value.numerator) return false;
  for (const auto& header : match.headers) {
    if (!header.matches(head)) return false;
  }
  for (const auto& parameter : match.query_parameters) {
    if (!parameter.matches(query)) return false;
  }
  return true;
}

}  // namespace

Route route(Kind kind, const std::string& value, bool case_sensitive) {
  Route made;
  made.match.path.kind = kind;
  made.match.path.value = case_sensitive ? value : lower(value);
  made.match.path.case_sensitive = case_sensitive;
  if (kind == Kind::kRegex) made.match.path.regex = Regex::compile(value).value();
  return made;
}

HeaderMatcher header_is(const std::string& name, const std::string& value) {
  HeaderMatcher matcher;
  matcher.name = name;
  matcher.id = header_id(name);
  matcher.kind = HeaderMatcher::Kind::kString;
  matcher.string.value = value;
  return matcher;
}

Route with_header(Route made, const std::string& name, const std::string& value) {
  made.match.headers.push_back(header_is(name, value));
  return made;
}

HeaderMap request(const std::string& path, const std::string& authority, const std::string& method) {
  HeaderMap head;
  head.add(HeaderId::kMethod, method);
  head.add(HeaderId::kAuthority, authority);
  if (!path.empty()) head.add(HeaderId::kPath, path);
  return head;
}

std::shared_ptr<const RouteTable> table_of(std::vector<Route> routes) {
  RouteConfig config;
  config.name = "test";
  config.virtual_hosts.emplace_back();
  config.virtual_hosts[0].name = "all";
  config.virtual_hosts[0].domains = {"*"};
  config.virtual_hosts[0].routes = std::move(routes);
  return RouteTable::compile(std::move(config)).value();
}

bool path_matches(const PathMatch& rule, const HeaderMap& head) {
  if (rule.kind == Kind::kConnect) return head.method() == "CONNECT";
  if (!head.has(HeaderId::kPath)) return false;
  std::string path(head.path().substr(0, head.path().find_first_of("?#")));
  if (rule.kind == Kind::kRegex) return rule.regex.matches(path);
  if (!rule.case_sensitive) path = lower(path);
  if (rule.kind == Kind::kExact) return path == rule.value;
  if (!path.starts_with(rule.value)) return false;
  return rule.kind == Kind::kPrefix || path.size() == rule.value.size() || path[rule.value.size()] == '/';
}

bool matches(const Route& route, const HeaderMap& head, uint64_t random) {
  return path_matches(route.match.path, head) && conditions_match(route.match, head, random);
}

std::vector<Route> RandomRoutes::routes(size_t count) {
  std::vector<Route> made;
  while (made.size() < count) made.push_back(any_route());
  return made;
}

HeaderMap RandomRoutes::head() {
  const size_t kind = below(20);
  HeaderMap made = request(kind == 0 ? "" : text(6) + (below(3) == 0 ? "?v=" + std::to_string(below(3)) : ""),
                           "host", kind < 2 ? "CONNECT" : "GET");
  if (below(2) == 0) made.add("x-n", std::to_string(below(3)));
  if (below(4) == 0) made.add(HeaderId::kContentType, "application/grpc");
  return made;
}

std::string RandomRoutes::text(size_t longest) {
  std::string made = below(10) == 0 ? "" : "/";
  for (uint64_t left = below(longest + 1); left > 0; --left) made += "aAb//"[below(5)];
  return made;
}

Route RandomRoutes::any_route() {
  static const char* const kPatterns[] = {"/a.*",      "/.*/b",   "/[aA]+", ".*",
                                          "/(a|b)*/?", "/aA|/bb", "",       "/a/?.*"};
  const uint64_t kind = below(20);
  Route made = kind == 0  ? route(Kind::kConnect, "")
               : kind < 5 ? route(Kind::kRegex, kPatterns[below(std::size(kPatterns))])
                          : route(std::array{Kind::kExact, Kind::kPrefix, Kind::kSeparatedPrefix}[below(3)],
                                  text(4), below(3) != 0);
  if (below(2) == 0) made.match.headers.push_back(header_is("x-n", std::to_string(below(3))));
  if (below(8) == 0) made.match.runtime_fraction = RuntimeFraction{"", {30, 100}};
  if (below(10) == 0) made.match.grpc = true;
  if (below(8) == 0)
    made.match.query_parameters.push_back(
        {"v", below(2) == 0, below(4) != 0, {StringMatcher::Kind::kExact, "1", false, {}}});
  return made;
}

}  // namespace remora::test
