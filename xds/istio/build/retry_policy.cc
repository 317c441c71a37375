#include <algorithm>
#include <sstream>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb.h"
#include "istio/build/proto_util.h"
#include "istio/build/translate.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::RetryPolicy;

// Istio's default policy: failures that cannot have reached the application, tried on another host.
constexpr uint32_t kDefaultRetries = 2;
constexpr const char* kDefaultRetryOn =
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
constexpr int64_t kHostSelectionAttempts = 5;

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool is_status(const std::optional<long long>& number) { return number && *number >= 100 && *number <= 599; }

/// retryOn's list: conditions stay, status codes move to their own field and turn on the condition that reads
/// it.
void set_retry_on(const std::string& list, RetryPolicy& policy) {
  std::string conditions;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    part = trim(part);
    if (part.empty()) continue;
    const auto number = parse_integer(part);
    if (is_status(number)) {
      policy.add_retriable_status_codes(static_cast<uint32_t>(*number));
    } else {
      conditions += (conditions.empty() ? "" : ",") + part;
    }
  }
  constexpr const char* kByStatus = "retriable-status-codes";
  if (policy.retriable_status_codes_size() > 0 && conditions.find(kByStatus) == std::string::npos) {
    conditions += (conditions.empty() ? "" : ",") + std::string(kByStatus);
  }
  policy.set_retry_on(conditions);
}

/// As in Istio, the second try may still go to the locality of the first.
void leave_tried_localities(RetryPolicy& policy) {
  envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig config;
  config.set_update_frequency(2);
  policy.mutable_retry_priority()->set_name("envoy.retry_priorities.previous_priorities");
  *policy.mutable_retry_priority()->mutable_typed_config() = pack(config);
}

void add_previous_hosts_predicate(RetryPolicy& policy) {
  auto& predicate = *policy.add_retry_host_predicate();
  predicate.set_name("envoy.retry_host_predicates.previous_hosts");
  *predicate.mutable_typed_config() =
      pack(envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate());
}

}  // namespace

void apply_retry_policy(const std::optional<HttpRetry>& retry, bool hashed,
                        envoy::config::route::v3::RouteAction& action) {
  if (retry && retry->attempts == 0) return;
  RetryPolicy& policy = *action.mutable_retry_policy();
  policy.set_host_selection_retry_max_attempts(kHostSelectionAttempts);
  policy.set_retry_on(kDefaultRetryOn);
  policy.mutable_num_retries()->set_value(retry ? retry->attempts : kDefaultRetries);
  const bool elsewhere = retry ? retry->ignore_previous_hosts.value_or(!hashed) : !hashed;
  if (elsewhere) add_previous_hosts_predicate(policy);
  if (!retry) return;
  if (retry->remote_localities) leave_tried_localities(policy);
  if (!retry->retry_on.empty()) set_retry_on(retry->retry_on, policy);
  if (retry->per_try_timeout) set_duration(*retry->per_try_timeout, *policy.mutable_per_try_timeout());
  if (retry->backoff)
    set_duration(*retry->backoff, *policy.mutable_retry_back_off()->mutable_base_interval());
}

}  // namespace remora::istio
