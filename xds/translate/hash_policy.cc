#include "translate/matchers.h"
#include "translate/route.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using Proto = envoy::config::route::v3::RouteAction::HashPolicy;

void set_header(const Proto::Header& header, Context& context, HashPolicy& out) {
  out.kind = HashPolicy::Kind::kHeader;
  out.name = lower(header.header_name());
  if (!header.has_regex_rewrite()) return;
  const auto scope = context.in("header");
  const auto rewrite = context.in("regex_rewrite");
  out.rewrite = to_regex_rewrite(header.regex_rewrite(), context);
}

void set_cookie(const Proto::Cookie& cookie, Context& context, HashPolicy& out) {
  out.kind = HashPolicy::Kind::kCookie;
  out.name = cookie.name();
  out.path = cookie.path();
  for (const auto& attribute : cookie.attributes())
    out.attributes.emplace_back(attribute.name(), attribute.value());
  if (!cookie.has_ttl()) return;
  const auto scope = context.in("cookie");
  out.ttl = std::chrono::duration_cast<std::chrono::seconds>(to_milliseconds(cookie.ttl(), "ttl", context));
}

}  // namespace

std::vector<HashPolicy> to_hash_policies(const ProtoHashPolicies& policies, Context& context) {
  std::vector<HashPolicy> list;
  for (int i = 0; i < policies.size(); ++i) {
    const auto scope = context.in("hash_policy", i);
    const auto& policy = policies[i];
    HashPolicy out;
    out.terminal = policy.terminal();
    switch (policy.policy_specifier_case()) {
      case Proto::kHeader: set_header(policy.header(), context, out); break;
      case Proto::kCookie: set_cookie(policy.cookie(), context, out); break;
      case Proto::kConnectionProperties:
        if (!policy.connection_properties().source_ip()) continue;
        out.kind = HashPolicy::Kind::kSourceIp;
        break;
      case Proto::kQueryParameter:
        out.kind = HashPolicy::Kind::kQueryParameter;
        out.name = policy.query_parameter().name();
        break;
      case Proto::kFilterState:
        out.kind = HashPolicy::Kind::kFilterState;
        out.name = policy.filter_state().key();
        break;
      default: continue;  // refused already
    }
    list.push_back(std::move(out));
  }
  return list;
}

}  // namespace remora::xds
