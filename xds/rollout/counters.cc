#include "rollout/counters.h"

#include <algorithm>
#include <cstdio>

namespace remora::rollout {
namespace {

constexpr std::array<double, 11> kBounds{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  char brief[40];
  std::snprintf(brief, sizeof brief, "%g", value);
  return std::stod(brief) == value ? brief : text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

void head(std::string& out, const char* name, const char* type, const char* help) {
  out += std::string("# HELP ") + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
}

std::string labels(std::initializer_list<std::pair<const char*, std::string>> pairs) {
  std::string out = "{";
  for (const auto& [name, value] : pairs) {
    out += (out.size() > 1 ? "," : "") + std::string(name) + "=\"" + escaped(value) + '"';
  }
  return out + "} ";
}

/// Flagger's coding: 0 running, 1 successful (or idle), 2 failed.
int status_code(Phase phase) {
  if (phase == Phase::kProgressing) return 0;
  return phase == Phase::kFailed ? 2 : 1;
}

}  // namespace

void Counters::set_state(const CanaryLabels& canary, Phase phase, const Weights& weights) {
  Gauges& gauges = gauges_[{canary.name, canary.ns}];
  gauges.phase = phase;
  gauges.weights = weights;
}

void Counters::set_analysis(const CanaryLabels& canary, const std::vector<Check>& checks) {
  Gauges& gauges = gauges_[{canary.name, canary.ns}];
  for (const Check& check : checks) {
    if (check.kind != "metric" || !check.value) continue;
    gauges.analysis[check.name] = check.name == "request-duration" ? *check.value / 1000 : *check.value;
  }
}

void Counters::add_ending(const CanaryLabels& canary, bool success, bool skipped) {
  auto& counters = success ? successes_ : failures_;
  ++counters[{canary.name, canary.ns, canary.strategy, skipped ? "skipped" : "completed"}];
}

void Counters::add_duration(const CanaryLabels& canary, double seconds) {
  Histogram& histogram = durations_[{canary.name, canary.ns}];
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  ++histogram.buckets[static_cast<size_t>(bucket)];
  histogram.sum += seconds;
  ++histogram.count;
}

void Counters::forget(const CanaryLabels& canary) { gauges_.erase({canary.name, canary.ns}); }

std::string Counters::render(std::string_view version,
                             const std::map<std::string, int>& total_by_namespace) const {
  std::string out;
  head(out, "flagger_info", "gauge", "Version and mesh provider of what runs the canaries.");
  out += "flagger_info" + labels({{"version", std::string(version)}, {"mesh_provider", "istio"}}) + "1\n";
  head(out, "flagger_canary_total", "gauge", "Canary objects.");
  for (const auto& [ns, total] : total_by_namespace) {
    out += "flagger_canary_total" + labels({{"namespace", ns}}) + std::to_string(total) + '\n';
  }
  render_gauges(out);
  render_durations(out);
  const auto endings = [&](const char* name, const char* help,
                           const std::map<EndingKey, uint64_t>& counters) {
    head(out, name, "counter", help);
    for (const auto& [key, value] : counters) {
      out += name +
             labels({{"name", std::get<0>(key)},
                     {"namespace", std::get<1>(key)},
                     {"deployment_strategy", std::get<2>(key)},
                     {"analysis_status", std::get<3>(key)}}) +
             std::to_string(value) + '\n';
    }
  };
  endings("flagger_canary_successes_total", "Canaries that were promoted.", successes_);
  endings("flagger_canary_failures_total", "Canaries that were rolled back.", failures_);
  return out;
}

void Counters::render_gauges(std::string& out) const {
  head(out, "flagger_canary_status", "gauge", "Result of the last analysis: 0 running, 1 good, 2 failed.");
  for (const auto& [key, gauges] : gauges_) {
    out += "flagger_canary_status" + labels({{"name", key.first}, {"namespace", key.second}}) +
           std::to_string(status_code(gauges.phase)) + '\n';
  }
  head(out, "flagger_canary_weight", "gauge", "Share of the requests, in percent.");
  for (const auto& [key, gauges] : gauges_) {
    out += "flagger_canary_weight" +
           labels({{"workload", key.first + "-primary"}, {"namespace", key.second}}) +
           std::to_string(gauges.weights.primary) + '\n';
    out += "flagger_canary_weight" + labels({{"workload", key.first}, {"namespace", key.second}}) +
           std::to_string(gauges.weights.canary) + '\n';
  }
  head(out, "flagger_canary_metric_analysis", "gauge", "Last value of each metric.");
  for (const auto& [key, gauges] : gauges_) {
    for (const auto& [metric, value] : gauges.analysis) {
      out += "flagger_canary_metric_analysis" +
             labels({{"name", key.first}, {"namespace", key.second}, {"metric", metric}}) + number(value) +
             '\n';
    }
  }
}

void Counters::render_durations(std::string& out) const {
  head(out, "flagger_canary_duration_seconds", "histogram", "Time spent on one tick of an analysis.");
  for (const auto& [key, histogram] : durations_) {
    uint64_t sum = 0;
    for (size_t i = 0; i < histogram.buckets.size(); ++i) {
      sum += histogram.buckets[i];
      out += "flagger_canary_duration_seconds_bucket" +
             labels({{"name", key.first},
                     {"namespace", key.second},
                     {"le", i < kBounds.size() ? number(kBounds[i]) : "+Inf"}}) +
             std::to_string(sum) + '\n';
    }
    const std::string who = labels({{"name", key.first}, {"namespace", key.second}});
    out += "flagger_canary_duration_seconds_sum" + who + number(histogram.sum) + '\n';
    out += "flagger_canary_duration_seconds_count" + who + std::to_string(histogram.count) + '\n';
  }
}

}  // namespace remora::rollout
