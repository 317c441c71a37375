#include "translate/route.h"
#include "translate/format.h"

#include "translate/header_mutations.h"
#include "translate/matchers.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::route::v3;

PathMatch to_path_match(const v3::RouteMatch& match, Context& context) {
  using Kind = PathMatch::Kind;
  PathMatch out;
  out.case_sensitive = !match.has_case_sensitive() || match.case_sensitive().value();
  switch (match.path_specifier_case()) {
    case v3::RouteMatch::kPath:
      out.kind = Kind::kExact;
      out.value = match.path();
      break;
    case v3::RouteMatch::kPathSeparatedPrefix:
      out.kind = Kind::kSeparatedPrefix;
      out.value = match.path_separated_prefix();
      if (out.value.empty() || out.value.back() == '/' ||
          out.value.find_first_of("?#") != std::string::npos) {
        context.error("path_separated_prefix", "must not be empty, end in '/' or hold '?' or '#'");
      }
      break;
    case v3::RouteMatch::kSafeRegex: {
      const auto scope = context.in("safe_regex");
      out.kind = Kind::kRegex;
      out.value = match.safe_regex().regex();
      out.regex = to_regex(match.safe_regex(), context);
      return out;  // case_sensitive does not apply
    }
    case v3::RouteMatch::kConnectMatcher: out.kind = Kind::kConnect; break;
    case v3::RouteMatch::kPathMatchPolicy: return to_template_match(match.path_match_policy(), context);
    default: out.value = match.prefix();
  }
  if (!out.case_sensitive) out.value = lower(out.value);
  return out;
}

DirectResponse to_direct_response(const v3::DirectResponseAction& action, const RouteLimits& limits,
                                  Context& context) {
  DirectResponse out;
  out.status = static_cast<uint16_t>(action.status());
  if (action.has_body_format()) {
    const auto scope = context.in("body_format");
    out.format = std::make_shared<const BodyFormat>(to_body_format(action.body_format(), context));
  }
  if (!action.has_body()) return out;
  out.body = to_bytes(action.body(), "body", context);
  if (out.body.size() > limits.max_direct_response_body) {
    context.error("body", "has " + std::to_string(out.body.size()) +
                              " bytes; max_direct_response_body_size_bytes is " +
                              std::to_string(limits.max_direct_response_body));
  }
  return out;
}

void set_action(const v3::Route& route, const RouteLimits& limits, Context& context, Route& out) {
  switch (route.action_case()) {
    case v3::Route::kRoute: {
      const auto scope = context.in("route");
      out.action = Route::Action::kForward;
      out.forward = to_route_action(route.route(), context);
      set_template_rewrite(route.route(), out.match.path, context, out.forward.path_rewrite);
      return;
    }
    case v3::Route::kRedirect: {
      const auto scope = context.in("redirect");
      out.action = Route::Action::kRedirect;
      out.redirect = std::make_shared<const RedirectAction>(to_redirect(route.redirect(), context));
      return;
    }
    case v3::Route::kDirectResponse: {
      const auto scope = context.in("direct_response");
      out.action = Route::Action::kDirectResponse;
      out.direct = std::make_shared<const DirectResponse>(
          to_direct_response(route.direct_response(), limits, context));
      return;
    }
    default: out.action = Route::Action::kNonForwarding;
  }
}

ClientCertMatch to_client_cert_match(const v3::RouteMatch::TlsContextMatchOptions& options) {
  ClientCertMatch out;
  if (options.has_presented()) out.presented = options.presented().value();
  if (options.has_validated()) out.validated = options.validated().value();
  return out;
}

/// The newer field of the route, then that of its virtual host, then the older one of the route.
uint64_t body_buffer_limit(const v3::Route& route, const RouteLimits& limits) {
  if (route.has_request_body_buffer_limit()) return route.request_body_buffer_limit().value();
  if (limits.body_buffer_limit != Route::kConnectionLimit) return limits.body_buffer_limit;
  return route.has_per_request_buffer_limit_bytes() ? route.per_request_buffer_limit_bytes().value()
                                                    : Route::kConnectionLimit;
}

}  // namespace

RouteMatch to_route_match(const v3::RouteMatch& match, Context& context) {
  RouteMatch out;
  out.path = to_path_match(match, context);
  for (int i = 0; i < match.headers_size(); ++i) {
    const auto scope = context.in("headers", i);
    out.headers.push_back(to_header_matcher(match.headers(i), context));
  }
  for (int i = 0; i < match.query_parameters_size(); ++i) {
    const auto scope = context.in("query_parameters", i);
    out.query_parameters.push_back(to_query_matcher(match.query_parameters(i), context));
  }
  for (int i = 0; i < match.dynamic_metadata_size(); ++i) {
    const auto scope = context.in("dynamic_metadata", i);
    out.dynamic_metadata.push_back(to_metadata_matcher(match.dynamic_metadata(i), context));
  }
  for (int i = 0; i < match.filter_state_size(); ++i) {
    const auto scope = context.in("filter_state", i);
    const auto& proto = match.filter_state(i);
    const auto field = context.in("string_match");
    out.filter_state.push_back({proto.key(), to_string_matcher(proto.string_match(), context)});
  }
  if (match.has_tls_context()) out.tls_context = to_client_cert_match(match.tls_context());
  if (match.has_runtime_fraction()) out.runtime_fraction = to_fraction(match.runtime_fraction(), context);
  out.grpc = match.has_grpc();
  return out;
}

Route to_route(const v3::Route& route, const RouteLimits& limits, Context& context) {
  Route out;
  out.name = route.name();
  {
    const auto scope = context.in("match");
    out.match = to_route_match(route.match(), context);
  }
  set_action(route, limits, context, out);
  out.request_headers = to_request_mutations(route, context);
  out.response_headers = to_response_mutations(route, context);
  out.metadata = to_metadata(route.metadata());
  out.shadow = to_shadow_settings(route.metadata(), context);
  out.filters.overrides = to_filter_overrides(route.typed_per_filter_config(), context);
  out.stats = to_route_stats(limits.virtual_host, route.stat_prefix(), context);
  out.body_buffer_limit = body_buffer_limit(route, limits);
  return out;
}

PathRewrite to_regex_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& rewrite,
                             Context& context) {
  PathRewrite out;
  out.kind = PathRewrite::Kind::kRegex;
  out.value = rewrite.substitution();
  const auto scope = context.in("pattern");
  out.regex = to_regex(rewrite.pattern(), context);
  return out;
}

RedirectAction to_redirect(const v3::RedirectAction& redirect, Context& context) {
  static constexpr uint16_t kStatus[] = {301, 302, 303, 307, 308};  // by RedirectResponseCode
  RedirectAction out;
  out.https = redirect.https_redirect();
  out.scheme = lower(redirect.scheme_redirect());
  out.host = redirect.host_redirect();
  out.port = redirect.port_redirect();
  out.strip_query = redirect.strip_query();
  const auto code = static_cast<size_t>(redirect.response_code());
  if (code < std::size(kStatus)) out.status = kStatus[code];
  switch (redirect.path_rewrite_specifier_case()) {
    case v3::RedirectAction::kPathRedirect:
      out.path.kind = PathRewrite::Kind::kWhole;
      out.path.value = redirect.path_redirect();
      break;
    case v3::RedirectAction::kPrefixRewrite:
      out.path.kind = PathRewrite::Kind::kPrefix;
      out.path.value = redirect.prefix_rewrite();
      break;
    case v3::RedirectAction::kRegexRewrite: {
      const auto scope = context.in("regex_rewrite");
      out.path = to_regex_rewrite(redirect.regex_rewrite(), context);
      break;
    }
    default: break;
  }
  return out;
}

}  // namespace remora::xds
