#include "cors/cors.h"

#include <algorithm>

#include "common/http_scope.h"
#include "common/per_exchange.h"
#include "remora/config/route.h"

namespace remora::filters {
namespace {

constexpr StatDef kSchema[kCorsStats] = {{.name = "origin_valid"}, {.name = "origin_invalid"}};

constexpr std::string_view kRequestMethod = "access-control-request-method";
constexpr std::string_view kRequestHeaders = "access-control-request-headers";
constexpr std::string_view kRequestPrivateNetwork = "access-control-request-private-network";
constexpr std::string_view kAllowOrigin = "access-control-allow-origin";
constexpr std::string_view kAllowCredentials = "access-control-allow-credentials";
constexpr std::string_view kAllowMethods = "access-control-allow-methods";
constexpr std::string_view kAllowHeaders = "access-control-allow-headers";
constexpr std::string_view kAllowPrivateNetwork = "access-control-allow-private-network";
constexpr std::string_view kExposeHeaders = "access-control-expose-headers";
constexpr std::string_view kMaxAge = "access-control-max-age";

/// The policies of all places, most specific first, read as one.
class Policies {
 public:
  explicit Policies(RouteFilterConfigs configs) : configs_(configs) {}

  /// That of the most specific place: it alone says whether there is anything to do. Null: nobody does.
  const CorsPolicy* first() const {
    return find([](const CorsPolicy&) { return true; });
  }
  bool allows(std::string_view origin) const {
    const auto* policy = find([](const CorsPolicy& place) { return !place.allow_origins.empty(); });
    if (policy == nullptr || policy->any_origin) return policy != nullptr;
    return std::ranges::any_of(policy->allow_origins,
                               [&](const StringMatcher& matcher) { return matcher.matches(origin); });
  }
  std::string_view text(std::string CorsPolicy::*field) const {
    const auto* policy = find([&](const CorsPolicy& place) { return !(place.*field).empty(); });
    return policy == nullptr ? std::string_view() : policy->*field;
  }
  bool flag(std::optional<bool> CorsPolicy::*field, bool otherwise) const {
    const auto* policy = find([&](const CorsPolicy& place) { return (place.*field).has_value(); });
    return policy == nullptr ? otherwise : *(policy->*field);
  }

 private:
  template <typename Condition>
  const CorsPolicy* find(const Condition& condition) const {
    for (const RouteFilterConfig* config : configs_) {
      const auto* policy = dynamic_cast<const CorsPolicy*>(config);
      if (policy != nullptr && condition(*policy)) return policy;
    }
    return nullptr;
  }

  RouteFilterConfigs configs_;
};

void set_unless_empty(std::string_view name, std::string_view value, HeaderMap& head) {
  if (!value.empty()) head.set(name, value);
}

/// "*" allows whatever the client asks for, spelled out, since browsers take "*" literally with credentials.
std::string_view spelled_out(std::string_view allowed, std::string_view asked, const HeaderMap& request) {
  return allowed == "*" ? request.get(asked).value_or(std::string_view()) : allowed;
}

/// The answer to a preflight request. What holds for every answer (origin, credentials) comes with the
/// response.
void describe(const Policies& policies, const HeaderMap& request, HeaderMap& answer) {
  if (policies.flag(&CorsPolicy::allow_credentials, false)) answer.set(kAllowCredentials, "true");
  const auto methods = policies.text(&CorsPolicy::allow_methods);
  if (!methods.empty()) answer.set(kAllowMethods, spelled_out(methods, kRequestMethod, request));
  const auto headers = policies.text(&CorsPolicy::allow_headers);
  if (!headers.empty()) answer.set(kAllowHeaders, spelled_out(headers, kRequestHeaders, request));
  set_unless_empty(kMaxAge, policies.text(&CorsPolicy::max_age), answer);
  if (policies.flag(&CorsPolicy::allow_private_network_access, false) &&
      request.get(kRequestPrivateNetwork) == "true") {
    answer.set(kAllowPrivateNetwork, "true");
  }
}

bool is_preflight(const HeaderMap& head) {
  return head.method() == "OPTIONS" && !head.get(kRequestMethod).value_or(std::string_view()).empty();
}

class CorsFilter final : public HttpFilter {
 public:
  explicit CorsFilter(std::shared_ptr<StatScope> scope) : scope_(std::move(scope)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    const Policies policies(context.route_configs());
    const CorsPolicy* first = policies.first();
    const Route* route = context.info().route;
    if (first == nullptr || route == nullptr || !forwards(*route)) return Verdict::go_on();
    const bool enabled = first->enabled.includes(context.random().next());
    if (!enabled && !first->shadow.includes(context.random().next())) return Verdict::go_on();
    const std::string_view origin = head.value_of(HeaderId::kOrigin);
    if (origin.empty()) return Verdict::go_on();

    const bool allowed = policies.allows(origin);
    scope_->block(context.shard()).add(allowed ? kOriginValid : kOriginInvalid);
    if (!enabled) return Verdict::go_on();
    if (allowed) origins_.begin(context).text = origin;
    if (!is_preflight(head)) return Verdict::go_on();
    if (!allowed && policies.flag(&CorsPolicy::forward_not_matching_preflights, true))
      return Verdict::go_on();
    LocalReply reply{200, {}, "cors_response", ResponseFlag::kNone, {}};
    reply.edit_head = [policies, &head](HeaderMap& answer) { describe(policies, head, answer); };
    return Verdict::reply(std::move(reply));
  }

  Verdict on_response_head(FilterContext& context, HeaderMap& head, bool) override {
    const Origin* origin = origins_.find(context);
    if (origin == nullptr) return Verdict::go_on();
    const Policies policies(context.route_configs());
    head.set(kAllowOrigin, origin->text);
    if (policies.flag(&CorsPolicy::allow_credentials, false)) head.set(kAllowCredentials, "true");
    set_unless_empty(kExposeHeaders, policies.text(&CorsPolicy::expose_headers), head);
    return Verdict::go_on();
  }

  void on_complete(FilterContext& context) override { origins_.end(context); }

 private:
  /// Of a request whose origin may read the answer.
  struct Origin {
    std::string text;
    void reset() { text.clear(); }
  };

  /// Answers of the proxy itself belong to no application that could share them.
  static bool forwards(const Route& route) {
    return route.action != Route::Action::kRedirect && route.action != Route::Action::kDirectResponse;
  }

  std::shared_ptr<StatScope> scope_;
  PerExchange<Origin> origins_;
};

}  // namespace

std::shared_ptr<StatScope> make_cors_scope(const FilterFactoryContext& context) {
  return http_scope(context, "cors", kSchema);
}

std::unique_ptr<HttpFilter> make_cors_filter(std::shared_ptr<StatScope> scope) {
  return std::make_unique<CorsFilter>(std::move(scope));
}

}  // namespace remora::filters
