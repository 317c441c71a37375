#include <algorithm>

#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb.h"
#include "translate/field_check.h"
#include "translate/route.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using envoy::extensions::internal_redirect::allow_listed_routes::v3::AllowListedRoutesConfig;
using envoy::extensions::internal_redirect::previous_routes::v3::PreviousRoutesConfig;
using envoy::extensions::internal_redirect::safe_cross_scheme::v3::SafeCrossSchemeConfig;

void set_predicate(const envoy::config::core::v3::TypedExtensionConfig& predicate, Context& context,
                   InternalRedirect& out) {
  const auto scope = context.in("typed_config");
  const TypedConfig config = unpack(predicate.typed_config());
  if (!config.error.empty()) return context.error(config.error);
  const auto* message = config.message.get();
  if (const auto* listed = dynamic_cast<const AllowListedRoutesConfig*>(message)) {
    const auto& names = listed->allowed_route_names();
    out.allowed_routes.emplace(names.begin(), names.end());
  } else if (dynamic_cast<const PreviousRoutesConfig*>(message) != nullptr) {
    out.previous_routes = true;
  } else if (dynamic_cast<const SafeCrossSchemeConfig*>(message) != nullptr) {
    out.safe_cross_scheme = true;
  } else {
    return context.error("the internal redirect predicate '" + predicate.name() +
                         "' is not implemented by this build");
  }
  check_fields(*message, context);
}

bool is_redirect(uint32_t status) {
  constexpr uint32_t kRedirects[] = {301, 302, 303, 307, 308};
  return std::find(std::begin(kRedirects), std::end(kRedirects), status) != std::end(kRedirects);
}

}  // namespace

InternalRedirect to_internal_redirect(const envoy::config::route::v3::InternalRedirectPolicy& policy,
                                      Context& context) {
  InternalRedirect out;
  if (policy.has_max_internal_redirects()) out.max_redirects = policy.max_internal_redirects().value();
  out.allow_cross_scheme = policy.allow_cross_scheme_redirect();
  if (policy.redirect_response_codes_size() > 0) out.statuses.clear();
  for (const uint32_t status : policy.redirect_response_codes()) {
    if (is_redirect(status)) {
      out.statuses.push_back(static_cast<uint16_t>(status));
    } else {
      context.warning("redirect_response_codes", std::to_string(status) + " is no redirect and not followed");
    }
  }
  for (const auto& header : policy.response_headers_to_copy()) {
    out.response_headers_to_copy.push_back(lower(header));
    const auto& name = out.response_headers_to_copy.back();
    if (name.starts_with(":") || name == "host")
      context.error("response_headers_to_copy", "'" + header + "' cannot be changed");
  }
  for (int i = 0; i < policy.predicates_size(); ++i) {
    const auto scope = context.in("predicates", i);
    set_predicate(policy.predicates(i), context, out);
  }
  return out;
}

}  // namespace remora::xds
