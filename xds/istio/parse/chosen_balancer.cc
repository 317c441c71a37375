#include "istio/parse/rule_annotations.h"

namespace remora::istio {
namespace {

constexpr const char* kName = "remora.dev/load-balancer";

Result<LoadBalancer> parse(const std::string& value) {
  if (value == "peak_ewma") return LoadBalancer::kPeakEwma;
  if (value == "prequal") return LoadBalancer::kPrequal;
  return Error{std::string(kName) + ": \"" + value + "\" is none of peak_ewma and prequal"};
}

}  // namespace

Result<void> choose_balancer(const std::string& value, DestinationRule& rule) {
  auto chosen = parse(value);
  if (!chosen) return std::move(chosen).error();
  auto& policy = rule.traffic_policy;
  if (policy.settings.load_balancer == LoadBalancer::kConsistentHash)
    return Error{std::string(kName) + " cannot stand beside loadBalancer.consistentHash"};
  policy.settings.load_balancer = *chosen;
  for (auto& [port, settings] : policy.ports) {
    if (!settings.load_balancer) settings.load_balancer = *chosen;
  }
  return {};
}

}  // namespace remora::istio
