#pragma once

#include <span>
#include <string>

#include "istio/model/destination_rule.h"
#include "remora/core/result.h"

// What DestinationRules say in annotations, since Istio has no field for it. Errors begin with the
// annotation's name.
namespace remora::istio {

struct RuleAnnotation {
  const char* name;
  Result<void> (*apply)(const std::string& value, DestinationRule& rule);
};
/// In the order in which they are applied.
std::span<const RuleAnnotation> rule_annotations();

/// remora.dev/load-balancer, a policy that Istio has no word for: "peak_ewma" or "prequal". It takes the
/// place of what the rule's trafficPolicy says for all subsets; subsets and ports with a loadBalancer of
/// their own keep that. Errors: another value; a rule that goes by hashes.
Result<void> choose_balancer(const std::string& value, DestinationRule& rule);

/// remora.dev/aperture: how many of the host's endpoints a proxy speaks to, "12". Holds for all subsets and
/// ports. Errors: no whole number from 1 to 1000000; a rule that somewhere goes by hashes, or by where the
/// connection was going.
Result<void> choose_aperture(const std::string& value, DestinationRule& rule);

/// remora.dev/latency-ejection: settings as in the cluster's metadata, "factor=3; percentile=95", or "" for
/// all defaults. Holds wherever the rule has an outlierDetection. Errors: another setting, or a value that it
/// cannot have; a rule without outlierDetection.
Result<void> choose_latency_ejection(const std::string& value, DestinationRule& rule);

/// Calls `take` for the rule's settings: those of all subsets, those of single subsets, those of ports.
template <typename Take>
void each_policy(DestinationRule& rule, const Take& take) {
  const auto all_of = [&](TrafficPolicy& policy) {
    take(policy.settings);
    for (auto& port : policy.ports) take(port.second);
  };
  all_of(rule.traffic_policy);
  for (Subset& subset : rule.subsets) all_of(subset.traffic_policy);
}

}  // namespace remora::istio
