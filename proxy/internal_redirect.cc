#include "internal_redirect.h"

#include <algorithm>
#include <string>

#include "core/text.h"
#include "stats/http_stats.h"

namespace remora {
namespace {

constexpr uint16_t kSeeOther = 303;

bool is_http(std::string_view scheme) { return equals_ignoring_case(scheme, "http"); }

/// The headers that the policy names become those of the response.
void copy_headers(const std::vector<std::string>& names, const HeaderMap& head, HeaderMap& request) {
  for (const auto& name : names) {
    request.remove(name);
    for (const auto& field : head.fields()) {
      if (field.name == name) request.add(name, field.value);
    }
  }
}

void redirect_to(const RedirectTarget& target, HeaderMap& request) {
  request.set(HeaderId::kScheme, target.scheme);
  request.set(HeaderId::kAuthority, target.host);
  request.set(HeaderId::kPath, target.path);
}

}  // namespace

std::optional<RedirectTarget> parse_location(std::string_view location) {
  const size_t mark = location.find("://");
  if (mark == std::string_view::npos || mark == 0) return std::nullopt;
  RedirectTarget target;
  target.scheme = location.substr(0, mark);
  std::string_view rest = location.substr(mark + 3);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  target.host = rest.substr(0, end);
  const bool clean = std::all_of(location.begin(), location.end(), [](unsigned char c) { return c > ' '; });
  if (target.host.empty() || target.host.find('@') != std::string_view::npos || !clean) return std::nullopt;
  if (target.scheme != "http" && target.scheme != "https") return std::nullopt;
  rest.remove_prefix(end);
  target.path = rest.substr(0, rest.find('#'));
  if (target.path.empty()) target.path = "/";
  return target;
}

bool RedirectHistory::accepts(const Route& route, const Route& target, bool from_http, bool to_http) {
  const auto& policy = *route.forward.internal_redirect;
  if (policy.safe_cross_scheme && from_http && !to_http) return false;
  const auto& allowed = policy.allowed_routes;
  if (allowed && std::find(allowed->begin(), allowed->end(), target.name) == allowed->end()) return false;
  if (!policy.previous_routes) return true;
  const std::pair<const Route*, const Route*> step(&route, &target);
  if (std::find(taken_.begin(), taken_.end(), step) != taken_.end()) return false;
  taken_.push_back(step);
  return true;
}

RedirectHistory::Found RedirectHistory::follow(const Place& place, const Route& route, const HeaderMap& head,
                                               HeaderMap& request) {
  const auto& policy = *route.forward.internal_redirect;
  const auto target = parse_location(head.value_of(HeaderId::kLocation));
  if (!target) return {{}, kInternalRedirectBadLocation};
  const bool from_http = place.plain_text || is_http(request.value_of(HeaderId::kScheme));
  const bool to_http = is_http(target->scheme);
  if (!policy.allow_cross_scheme && from_http != to_http) return {{}, kInternalRedirectUnsafeScheme};
  if (count_ >= policy.max_redirects) return {{}, kInternalRedirectTooMany};

  HeaderMap before = request;
  copy_headers(policy.response_headers_to_copy, head, request);
  redirect_to(*target, request);
  const auto refuse = [&](size_t reason) {
    request.swap(before);
    return Found{{}, reason};
  };
  const auto match = place.table.match(request, place.random, place.facts);
  if (match.route == nullptr) return refuse(kInternalRedirectNoRoute);
  if (!accepts(route, *match.route, from_http, to_http)) return refuse(kInternalRedirectPredicate);

  const auto method = request.method();
  if (head.status() == kSeeOther && method != "GET" && method != "HEAD") {
    request.set(HeaderId::kMethod, "GET");
    request.remove(HeaderId::kContentLength);
  }
  std::string original = from_http ? "http://" : "https://";
  request.set("x-envoy-original-url", original.append(before.authority()).append(before.path()));
  ++count_;
  return {match, std::nullopt};
}

}  // namespace remora
