#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "admission_control/success_window.h"
#include "common/proto_config.h"
#include "remora/core/stats.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// What an answer must be to count as a success. Source: admission_control.v3, SuccessCriteria.
struct SuccessCriteria {
  std::vector<std::pair<uint16_t, uint16_t>> http{{0, 500}};  ///< statuses from .. below
  uint32_t grpc = kGrpcDefault;                               ///< one bit for each status, 0 to 16

  static constexpr uint32_t kGrpcStatuses = 17;
  /// All but deadline exceeded, resource exhausted, aborted, internal, unavailable and data loss.
  static constexpr uint32_t kGrpcDefault =
      ((1u << kGrpcStatuses) - 1) & ~(1u << 4 | 1u << 8 | 1u << 10 | 1u << 13 | 1u << 14 | 1u << 15);
};

/// envoy.extensions.filters.http.admission_control.v3.AdmissionControl, with the runtime's values in it.
struct AdmissionControlConfig {
  bool enabled = true;
  SuccessCriteria success;
  std::chrono::seconds sampling_window{30};
  double aggression = 1;            ///< at least 1
  double success_threshold = 0.95;  ///< 0.01 .. 1
  uint32_t rps_threshold = 0;
  double max_rejection_probability = 0.8;  ///< 0 .. 1
  std::shared_ptr<StatScope> stats;        ///< AdmissionStat
};

/// http.<prefix>.admission_control.*. Source: Envoy, admission control statistics.
enum AdmissionStat : size_t { kAdmissionRejected, kAdmissionSuccess, kAdmissionFailure, kAdmissionStats };

/// The share of requests that are turned away where these were the last ones, 0 .. 1.
double rejection_probability(const SuccessWindow::Counts& counts, const AdmissionControlConfig& config);

/// Turns a share of the requests away while too many of the last ones have failed. What has been seen is
/// each worker's own. One instance per worker. Source: Envoy, admission control.
std::unique_ptr<HttpFilter> make_admission_control_filter(
    std::shared_ptr<const AdmissionControlConfig> config);

/// The message -> factory (config.cc).
std::shared_ptr<const FilterFactory> make_admission_control(const FilterSource& source,
                                                            const FilterFactoryContext& context,
                                                            ConfigReport& report);

}  // namespace remora::filters
