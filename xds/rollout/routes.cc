#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "rollout/json_fields.h"
#include "rollout/objects.h"

// The VirtualService of a rollout: one object, so that its weights move at once.
namespace remora::rollout {
namespace {

namespace json = boost::json;

class RouteBuilder {
 public:
  explicit RouteBuilder(const Rollout& rollout)
      : rollout_(rollout),
        analysis_(rollout.spec.analysis),
        service_(part_of(part_of(rollout.canary.body, "spec"), "service")) {
    const json::object& spec = part_of(rollout.canary.body, "spec");
    const char* analysis = object_of(spec, "analysis") != nullptr ? "analysis" : "canaryAnalysis";
    match_ = array_of(part_of(spec, analysis), "match");
  }

  /// Under the VirtualService's field for the protocol.
  json::object build() const {
    if (rollout_.spec.service.tcp) return {{"tcp", connections()}};
    return {{"http", requests()}};
  }

 private:
  /// Of the service's matches only the ports say something about connections.
  json::array connections() const {
    json::array match;
    for (const auto& item : own_match()) {
      const json::value* port = item.is_object() ? item.get_object().if_contains("port") : nullptr;
      if (port != nullptr) match.push_back(json::object{{"port", *port}});
    }
    json::object out;
    if (!match.empty()) out["match"] = std::move(match);
    out["route"] = both(rollout_.status.weights.primary, rollout_.status.weights.canary);
    return {std::move(out)};
  }

  json::array requests() const {
    const Weights& weights = rollout_.status.weights;
    if (match_ != nullptr && !match_->empty()) {
      return {route(merged(*match_), both(weights.primary, weights.canary)),
              route(own_match(), {destination("-primary", 100)})};
    }
    json::array routes;
    if (analysis_.session_affinity) add_sticky_routes(routes);
    json::object weighted = route(own_match(), weighted_destinations());
    if (weights.mirror) {
      weighted["mirror"] = {{"host", host("-canary")}};
      if (analysis_.mirror_weight > 0)
        weighted["mirrorPercentage"] = {{"value", int64_t{analysis_.mirror_weight}}};
    }
    routes.push_back(std::move(weighted));
    return routes;
  }

  std::string host(const char* suffix) const { return rollout_.spec.apex() + suffix; }

  json::object destination(const char* suffix, uint32_t weight) const {
    return {{"destination", {{"host", host(suffix)}}}, {"weight", int64_t{weight}}};
  }

  json::array both(uint32_t primary, uint32_t canary) const {
    return {destination("-primary", primary), destination("-canary", canary)};
  }

  json::array own_match() const {
    const auto* match = array_of(service_, "match");
    return match == nullptr ? json::array() : *match;
  }

  /// Each of the service's matches with the headers and source labels of each of `conditions`.
  json::array merged(const json::array& conditions) const {
    const json::array own = own_match();
    if (own.empty()) return conditions;
    json::array out;
    for (const auto& condition : conditions) {
      for (const auto& base : own) {
        json::object both = base.is_object() ? base.get_object() : json::object();
        for (const char* field : {"headers", "sourceLabels"}) {
          if (!condition.is_object() || !condition.get_object().contains(field)) continue;
          both[field] = condition.get_object().at(field);
        }
        out.push_back(std::move(both));
      }
    }
    return out;
  }

  json::object route(json::array match, json::array destinations) const {
    json::object out;
    if (!match.empty()) out["match"] = std::move(match);
    for (const char* field : {"timeout", "retries", "headers", "corsPolicy"}) {
      if (service_.contains(field)) out[field] = service_.at(field);
    }
    if (const auto* from = object_of(service_, "rewrite")) {
      json::object rewrite;
      for (const char* field : {"uri", "authority"}) {
        if (from->contains(field)) rewrite[field] = from->at(field);
      }
      out["rewrite"] = std::move(rewrite);
    }
    out["route"] = std::move(destinations);
    return out;
  }

  std::string cookie(const std::string& pair, uint64_t max_age) const {
    const istio::SessionAffinity& affinity = *analysis_.session_affinity;
    std::string text = pair + "; Max-Age=" + std::to_string(max_age);
    if (!affinity.domain.empty()) text += "; Domain=" + affinity.domain;
    if (affinity.http_only) text += "; HttpOnly";
    if (affinity.partitioned) text += "; Partitioned";
    if (!affinity.path.empty()) text += "; Path=" + affinity.path;
    if (!affinity.same_site.empty()) text += "; SameSite=" + affinity.same_site;
    if (affinity.secure) text += "; Secure";
    return text;
  }

  static json::object adding_cookie(const std::string& cookie) {
    return {{"response", {{"add", {{"Set-Cookie", cookie}}}}}};
  }

  /// While the canary gets requests, each answer tells the client to stay with who gave it.
  json::array weighted_destinations() const {
    const Weights& weights = rollout_.status.weights;
    json::array out = both(weights.primary, weights.canary);
    if (!analysis_.session_affinity || weights.canary == 0) return out;
    const Status& status = rollout_.status;
    out[1].get_object()["headers"] =
        adding_cookie(cookie(status.cookie, analysis_.session_affinity->max_age));
    if (!status.primary_cookie.empty()) {
      const auto age = std::chrono::ceil<std::chrono::seconds>(analysis_.interval);
      out[0].get_object()["headers"] =
          adding_cookie(cookie(status.primary_cookie, static_cast<uint64_t>(age.count())));
    }
    return out;
  }

  json::array cookie_match(const std::string& pair) const {
    const size_t equals = pair.find('=');
    const std::string regex = ".*" + pair.substr(0, equals) + ".*" + pair.substr(equals + 1) + ".*";
    return merged({json::object{{"headers", {{"cookie", {{"regex", regex}}}}}}});
  }

  void add_sticky_routes(json::array& routes) const {
    const Status& status = rollout_.status;
    if (status.weights.canary > 0) {
      routes.push_back(route(cookie_match(status.cookie), both(0, 100)));
      if (!status.primary_cookie.empty()) {
        routes.push_back(route(cookie_match(status.primary_cookie), both(100, 0)));
      }
      return;
    }
    if (status.previous_cookie.empty()) return;
    // Who still has the cookie of a canary that is over goes to the primary and loses it.
    json::object farewell = route(cookie_match(status.previous_cookie), both(100, 0));
    json::object& headers = farewell["headers"].is_object() ? farewell["headers"].get_object()
                                                            : farewell["headers"].emplace_object();
    json::object& response = object_in(headers, "response");
    object_in(response, "add")["Set-Cookie"] = status.previous_cookie + "; Max-Age=-1";
    routes.push_back(std::move(farewell));
  }

  const Rollout& rollout_;
  const istio::CanaryAnalysis& analysis_;
  const json::object& service_;
  const json::array* match_;
};

}  // namespace

json::object virtual_service_spec(const Rollout& rollout) {
  const istio::CanaryService& service = rollout.spec.service;
  json::object spec = RouteBuilder(rollout).build();
  if (service.delegation) return spec;  // another one leads here
  json::array hosts;
  for (const std::string& host : service.hosts) hosts.emplace_back(host);
  const bool named = std::any_of(service.hosts.begin(), service.hosts.end(), [&](const std::string& host) {
    return host == rollout.spec.apex() || host == "*";
  });
  if (!named) hosts.emplace_back(rollout.spec.apex());
  json::array gateways;
  for (const std::string& gateway : service.gateways) gateways.emplace_back(gateway);
  if (gateways.empty()) gateways.emplace_back("mesh");
  spec["hosts"] = std::move(hosts);
  spec["gateways"] = std::move(gateways);
  return spec;
}

}  // namespace remora::rollout
