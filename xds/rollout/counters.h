#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "rollout/check.h"
#include "rollout/status.h"

namespace remora::rollout {

/// A canary as its metrics name it.
struct CanaryLabels {
  std::string name;  ///< of the target, as in Flagger
  std::string ns;
  std::string strategy;  ///< "canary", "ab-testing", "blue-green"
};

/// Flagger's own metrics, under their names. Counters begin at zero with the process.
class Counters {
 public:
  void set_state(const CanaryLabels& canary, Phase phase, const Weights& weights);
  void set_analysis(const CanaryLabels& canary, const std::vector<Check>& checks);
  void add_ending(const CanaryLabels& canary, bool success, bool skipped);
  void add_duration(const CanaryLabels& canary, double seconds);
  void forget(const CanaryLabels& canary);

  /// In Prometheus' text format.
  std::string render(std::string_view version, const std::map<std::string, int>& total_by_namespace) const;

 private:
  void render_gauges(std::string& out) const;
  void render_durations(std::string& out) const;

  using Key = std::pair<std::string, std::string>;  // name, namespace
  struct Gauges {
    Phase phase = Phase::kNone;
    Weights weights;
    std::map<std::string, double> analysis;
  };
  struct Histogram {
    std::array<uint64_t, 12> buckets{};  // not cumulative; the last is +Inf
    double sum = 0;
    uint64_t count = 0;
  };
  using EndingKey = std::tuple<std::string, std::string, std::string, std::string>;

  std::map<Key, Gauges> gauges_;
  std::map<Key, Histogram> durations_;
  std::map<EndingKey, uint64_t> successes_;
  std::map<EndingKey, uint64_t> failures_;
};

}  // namespace remora::rollout
