#include "route_reply.h"

#include <string>
#include <utility>

#include "remora/config/local_reply.h"
#include "rewrite.h"
#include "route_choice.h"

namespace remora {
namespace {

/// Where `location` is empty, nowhere.
RouteReply redirect_to(std::string location, uint16_t status) {
  LocalReply reply{status, {}, "direct_response", ResponseFlag::kNone, {}};
  if (location.empty()) return {std::move(reply), kRqRedirect};
  reply.edit_head = [to = std::move(location)](HeaderMap& head) { head.set(HeaderId::kLocation, to); };
  return {std::move(reply), kRqRedirect};
}

bool must_be_https(const VirtualHost& host, const HeaderMap& request, bool internal) {
  using RequireTls = VirtualHost::RequireTls;
  if (host.require_tls == RequireTls::kNone || request.value_of(HeaderId::kXForwardedProto) == "https")
    return false;
  return host.require_tls == RequireTls::kAll || !internal;
}

LocalReply direct_response(const DirectResponse& response, ExchangeInfo& info) {
  LocalReply reply{response.status, response.body, "direct_response", ResponseFlag::kNone, {}};
  if (!response.format) return reply;
  reply.body.clear();
  info.local_reply_body = response.body;
  response.format->append(info, reply.body);
  reply.edit_head = [&type = response.format->content_type](HeaderMap& head) {
    head.set(HeaderId::kContentType, type);
  };
  return reply;
}

}  // namespace

RouteReply reply_without_route(bool known) {
  const auto* const details = known ? "route_not_found" : "route_configuration_not_found";
  return {{404, {}, details, ResponseFlag::kNoRouteFound, {}}, kNoRoute};
}

std::optional<RouteReply> reply_before_route(const VirtualHost* host, const Route* route,
                                             const HttpConnectionManagerConfig& http,
                                             const HeaderMap& request, bool internal) {
  static const RouteAction kNothingSaid;
  const bool to_https = host != nullptr && must_be_https(*host, request, internal);
  if (route == nullptr && !to_https) return std::nullopt;
  // Who asks for a tunnel by CONNECT asks for an upgrade of that name.
  const auto upgrade =
      request.method() == "CONNECT" ? request.get(HeaderId::kMethod) : request.get(HeaderId::kUpgrade);
  const bool forwards = !to_https && route->action == Route::Action::kForward;
  if (upgrade && !allows_upgrade(forwards ? route->forward : kNothingSaid, http.upgrades, *upgrade))
    return RouteReply{
        {403, {}, "upgrade_failed", ResponseFlag::kNone, {}}, kDownstreamRqWsOnNonWsRoute, !forwards};
  if (!to_https) return std::nullopt;
  std::string location;
  if (request.has(HeaderId::kPath))
    location = "https://" + std::string(request.authority()) + std::string(request.path());
  auto answer = redirect_to(std::move(location), 301);
  answer.bare = true;
  return answer;
}

std::optional<RouteReply> reply_of_route(const Route& route, ExchangeInfo& info) {
  const HeaderMap& request = *info.request;
  switch (route.action) {
    case Route::Action::kRedirect:
      // A tunnel has no path, and is nowhere else.
      return redirect_to(request.has(HeaderId::kPath) ? redirect_location(route, request) : std::string(),
                         route.redirect->status);
    case Route::Action::kDirectResponse:
      return RouteReply{direct_response(*route.direct, info), kRqDirectResponse};
    case Route::Action::kNonForwarding:
      return RouteReply{{500, {}, "non_forwarding_action", ResponseFlag::kNone, {}}, std::nullopt};
    case Route::Action::kForward: break;
  }
  return std::nullopt;
}

}  // namespace remora
