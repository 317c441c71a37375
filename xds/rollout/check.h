#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remora::rollout {

enum class Outcome { kPass, kFail, kInconclusive, kError };

/// One thing that was looked at before a decision: a metric, a webhook, readiness.
struct Check {
  std::string name;
  std::string kind;  ///< "metric", "webhook", "ready"
  std::optional<double> value;
  std::optional<double> min;
  std::optional<double> max;
  std::optional<uint64_t> samples;
  Outcome outcome = Outcome::kPass;
  std::string text;         ///< a sentence
  bool mute_alert = false;  ///< of a webhook: nobody is told that it waits

  /// Errors count as failures, as in Flagger.
  bool failed() const { return outcome == Outcome::kFail || outcome == Outcome::kError; }
};

std::string_view to_string(Outcome outcome);  ///< "pass", "fail", "inconclusive", "error"
boost::json::object to_json(const Check& check);
Check check_from_json(const boost::json::object& json);

}  // namespace remora::rollout
