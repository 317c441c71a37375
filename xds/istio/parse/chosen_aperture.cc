#include "istio/parse/rule_annotations.h"
#include "istio/text/scalar.h"

namespace remora::istio {
namespace {

constexpr const char* kName = "remora.dev/aperture";
constexpr long long kMost = 1'000'000;

}  // namespace

Result<void> choose_aperture(const std::string& value, DestinationRule& rule) {
  const std::string name = kName;
  const auto hosts = parse_integer(value);
  if (!hosts || *hosts < 1 || *hosts > kMost)
    return Error{name + ": \"" + value + "\" is not a whole number from 1 to " + std::to_string(kMost)};
  const char* obstacle = nullptr;
  each_policy(rule, [&](const PolicySettings& policy) {
    if (policy.load_balancer == LoadBalancer::kConsistentHash) obstacle = "consistentHash";
    if (policy.load_balancer == LoadBalancer::kPassthrough) obstacle = "simple: PASSTHROUGH";
  });
  if (obstacle != nullptr) return Error{name + " cannot stand beside loadBalancer." + obstacle};
  rule.traffic_policy.settings.aperture = static_cast<uint32_t>(*hosts);
  return {};
}

}  // namespace remora::istio
