#pragma once

#include "translate/context.h"
#include "translate/values.h"

namespace remora::xds {

/// As many times the base is the longest wait after failures where nothing else is said.
inline constexpr int kDnsFailureFactor = 10;

/// dns_failure_refresh_rate, of a cluster, a DnsCluster or a DNS cache: how long is waited after names were
/// not resolved. Standing at the message. `out` has failure_base and failure_max, and keeps them where the
/// field is not set.
template <typename Message, typename Out>
void set_dns_failure_rate(const Message& message, Context& context, Out& out) {
  if (!message.has_dns_failure_refresh_rate()) return;
  const auto scope = context.in("dns_failure_refresh_rate");
  const auto& failure = message.dns_failure_refresh_rate();
  out.failure_base = to_milliseconds(failure.base_interval(), "base_interval", context);
  out.failure_max = failure.has_max_interval()
                        ? to_milliseconds(failure.max_interval(), "max_interval", context)
                        : out.failure_base * kDnsFailureFactor;
  if (out.failure_max < out.failure_base) context.error("max_interval", "must not be below base_interval");
}

}  // namespace remora::xds
