#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace remora {

/// Why outlier detection ejects a host. Source: envoy.data.cluster.v3.OutlierEjectionType; kLatency is ours.
enum class Ejection : uint8_t {
  kConsecutive5xx,
  kConsecutiveGateway,
  kConsecutiveLocal,
  kSuccessRate,
  kSuccessRateLocal,
  kFailurePercentage,
  kFailurePercentageLocal,
  kLatency,
};
constexpr size_t kEjections = 8;

/// As in statistics: "consecutive_5xx".
constexpr std::string_view ejection_name(Ejection kind) {
  constexpr std::string_view kNames[kEjections] = {"consecutive_5xx",
                                                   "consecutive_gateway_failure",
                                                   "consecutive_local_origin_failure",
                                                   "success_rate",
                                                   "local_origin_success_rate",
                                                   "failure_percentage",
                                                   "local_origin_failure_percentage",
                                                   "latency"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace remora
