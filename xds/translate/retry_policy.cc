#include <algorithm>

#include "translate/matchers.h"
#include "translate/route.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoPolicy = envoy::config::route::v3::RetryPolicy;

constexpr const char* kBaseRuntimeKey = "upstream.base_retry_backoff_ms";
constexpr int kMaxBackOffFactor = 10;
constexpr uint32_t kLastStatus = 599;

void set_back_off(const ProtoPolicy& policy, Context& context, RetryPolicy& out) {
  if (const auto base = runtime_number(kBaseRuntimeKey, context); base && *base >= 1) {
    out.back_off_base = Milliseconds{static_cast<int64_t>(*base)};
    out.back_off_max = out.back_off_base * kMaxBackOffFactor;
  }
  if (!policy.has_retry_back_off()) return;
  const auto scope = context.in("retry_back_off");
  const auto& back_off = policy.retry_back_off();
  // Envoy takes a base below one millisecond as one.
  out.back_off_base =
      std::max(to_milliseconds(back_off.base_interval(), "base_interval", context), Milliseconds{1});
  out.back_off_max = out.back_off_base * kMaxBackOffFactor;
  if (!back_off.has_max_interval()) return;
  out.back_off_max =
      std::max(to_milliseconds(back_off.max_interval(), "max_interval", context), Milliseconds{1});
  if (out.back_off_max < out.back_off_base) context.error("max_interval", "must not be below base_interval");
}

/// When responses say themselves when to come back.
void set_reset_headers(const ProtoPolicy& policy, Context& context, RetryPolicy& out) {
  if (!policy.has_rate_limited_retry_back_off()) return;
  const auto scope = context.in("rate_limited_retry_back_off");
  const auto& back_off = policy.rate_limited_retry_back_off();
  for (const auto& header : back_off.reset_headers()) {
    out.reset_headers.push_back({lower(header.name()), header.format() == ProtoPolicy::UNIX_TIMESTAMP});
  }
  if (back_off.has_max_interval()) {
    out.reset_max =
        std::max(to_milliseconds(back_off.max_interval(), "max_interval", context), Milliseconds{1});
  }
}

using Matchers = google::protobuf::RepeatedPtrField<envoy::config::route::v3::HeaderMatcher>;

std::vector<HeaderMatcher> to_matchers(const Matchers& matchers, std::string_view field, Context& context) {
  std::vector<HeaderMatcher> out;
  for (int i = 0; i < matchers.size(); ++i) {
    const auto scope = context.in(field, i);
    out.push_back(to_header_matcher(matchers[i], context));
  }
  return out;
}

}  // namespace

HedgePolicy to_hedge_policy(const envoy::config::route::v3::HedgePolicy& policy) {
  return {.on_per_try_timeout = policy.hedge_on_per_try_timeout()};
}

RetryPolicy to_retry_policy(const ProtoPolicy& policy, Context& context) {
  RetryPolicy out;
  std::vector<std::string> unknown;
  out.retry_on = parse_retry_on(policy.retry_on(), &unknown);
  for (const auto& word : unknown)
    context.warning("retry_on", "'" + word + "' is not a condition that this build knows");
  if (policy.has_num_retries()) out.num_retries = policy.num_retries().value();
  if (policy.has_per_try_timeout()) {
    out.per_try_timeout = to_milliseconds(policy.per_try_timeout(), "per_try_timeout", context);
  }
  for (const uint32_t status : policy.retriable_status_codes()) {
    if (status > kLastStatus)
      context.error("retriable_status_codes", std::to_string(status) + " is not a status");
    out.retriable_status_codes.push_back(static_cast<uint16_t>(status));
  }
  out.retriable_headers = to_matchers(policy.retriable_headers(), "retriable_headers", context);
  out.retriable_request_headers =
      to_matchers(policy.retriable_request_headers(), "retriable_request_headers", context);
  set_host_predicates(policy, context, out);
  set_retry_priority(policy, context, out);
  if (policy.has_per_try_idle_timeout()) {
    out.per_try_idle_timeout =
        to_milliseconds(policy.per_try_idle_timeout(), "per_try_idle_timeout", context);
  }
  if (policy.host_selection_retry_max_attempts() > 0) {
    out.host_selection_attempts = static_cast<uint32_t>(policy.host_selection_retry_max_attempts());
  }
  set_back_off(policy, context, out);
  set_reset_headers(policy, context, out);
  return out;
}

}  // namespace remora::xds
