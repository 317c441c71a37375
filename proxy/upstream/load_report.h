#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/clock.h"

namespace remora {

class HeaderMap;

/// What a host says of its load with a response, as far as its weight depends on it. Source:
/// xds.data.orca.v3.OrcaLoadReport.
struct LoadReport {
  double application_utilization = 0;
  double cpu_utilization = 0;
  double rps = 0;            ///< requests a second
  double eps = 0;            ///< errors a second
  double most_utilized = 0;  ///< the greatest of the metrics that were asked for
};

/// The report in a response's head or trailers: `endpoint-load-metrics-bin`, or `endpoint-load-metrics` as
/// "TEXT cpu_utilization=0.3,rps_fractional=10", "JSON {...}" or "BIN ..." (base64 of the message). Nullopt
/// where there is none, or none that can be read. `metrics`: whose maximum is `most_utilized`:
/// "mem_utilization", "named_metrics.queue", "utilization.*". Allocates nothing but for long binary reports.
/// Source: Envoy, ORCA; gRPC A51.
std::optional<LoadReport> read_load_report(const HeaderMap& headers, const std::vector<std::string>& metrics);

/// Requests a second for each part of the host that they take; nullopt: the report does not say enough.
/// `error_penalty` is how much a share of errors adds to the utilization. Source: gRPC A58.
std::optional<double> weight_of(const LoadReport& report, double error_penalty);

/// What one worker remembers of one host's reports.
struct ReportedWeight {
  double weight = 0;
  MonotonicTime since{};  ///< the first of the reports that came without a long break
  MonotonicTime last{};   ///< the latest
};

// Forms of a report; each gives its metrics to a MetricTaker. False: it cannot be read.

class MetricTaker {
 public:
  MetricTaker(LoadReport& report, const std::vector<std::string>& metrics)
      : report_(report),
        metrics_(metrics) {}
  /// `group`: "" for a field of the report itself, else the field that has `name` in it. A field that does
  /// not matter is taken, too.
  void take(std::string_view group, std::string_view name, double value);

 private:
  LoadReport& report_;
  const std::vector<std::string>& metrics_;
};

bool read_text_report(std::string_view text, MetricTaker& taker);
bool read_json_report(std::string_view text, MetricTaker& taker);
/// A serialized OrcaLoadReport.
bool read_binary_report(std::string_view bytes, MetricTaker& taker);

}  // namespace remora
