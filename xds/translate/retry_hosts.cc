// Which hosts and priorities a retry avoids: retry_host_predicate, retry_priority.

#include "envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts.pb.h"
#include "envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb.h"
#include "translate/field_check.h"
#include "translate/route.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoPolicy = envoy::config::route::v3::RetryPolicy;
using envoy::extensions::retry::host::omit_canary_hosts::v3::OmitCanaryHostsPredicate;
using envoy::extensions::retry::host::omit_host_metadata::v3::OmitHostMetadataConfig;
using envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
using envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig;

constexpr std::string_view kPreviousHosts = "envoy.retry_host_predicates.previous_hosts";
constexpr std::string_view kCanaryHosts = "envoy.retry_host_predicates.omit_canary_hosts";

void set_predicate(const ProtoPolicy::RetryHostPredicate& predicate, Context& context, RetryPolicy& out) {
  const TypedConfig config = unpack(predicate.typed_config());
  if (!config.error.empty()) return context.error("typed_config", config.error);
  const auto* message = config.message.get();
  const bool by_name = config.type_name().empty();  // those without settings may stand there by name alone
  if (dynamic_cast<const PreviousHostsPredicate*>(message) != nullptr ||
      (by_name && predicate.name() == kPreviousHosts)) {
    out.avoid_previous_hosts = true;
  } else if (dynamic_cast<const OmitCanaryHostsPredicate*>(message) != nullptr ||
             (by_name && predicate.name() == kCanaryHosts)) {
    out.avoid_canary_hosts = true;
  } else if (const auto* with = dynamic_cast<const OmitHostMetadataConfig*>(message)) {
    auto wanted = to_subset_match(with->metadata_match());
    if (!wanted.empty()) out.avoid_hosts_with.push_back(std::move(wanted));
  } else {
    return context.error("the retry host predicate '" + predicate.name() +
                         "' is not implemented by this build");
  }
  const auto scope = context.in("typed_config");
  if (message != nullptr) check_fields(*message, context);
}

}  // namespace

void set_host_predicates(const ProtoPolicy& policy, Context& context, RetryPolicy& out) {
  for (int i = 0; i < policy.retry_host_predicate_size(); ++i) {
    const auto scope = context.in("retry_host_predicate", i);
    set_predicate(policy.retry_host_predicate(i), context, out);
  }
}

void set_retry_priority(const ProtoPolicy& policy, Context& context, RetryPolicy& out) {
  if (!policy.has_retry_priority()) return;
  const auto scope = context.in("retry_priority");
  const TypedConfig config = unpack(policy.retry_priority().typed_config());
  if (!config.error.empty()) return context.error("typed_config", config.error);
  const auto* previous = dynamic_cast<const PreviousPrioritiesConfig*>(config.message.get());
  if (previous == nullptr) {
    return context.error("the retry priority '" + policy.retry_priority().name() +
                         "' is not implemented by this build");
  }
  const auto field = context.in("typed_config");
  check_fields(*previous, context);
  if (previous->update_frequency() > 0)  // refused already
    out.previous_priorities_frequency = static_cast<uint32_t>(previous->update_frequency());
}

}  // namespace remora::xds
