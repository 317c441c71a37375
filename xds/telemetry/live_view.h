#pragma once

#include <boost/json/object.hpp>

namespace remora::telemetry {

/// What the proxies' reports say about the traffic of now, as a page shows it. Control thread only.
class LiveView {
 public:
  virtual ~LiveView() = default;

  /// {time,                 milliseconds since 1970
  ///  proxies,              how many report
  ///  windowSeconds: 10,    what the single numbers are over
  ///  resolutionSeconds: 2, one point of a series
  ///  services: [{namespace, name,
  ///    versions: [{version, reporter: "destination" | "source" | "cluster", workloads: [...],
  ///      requests, requestsPerSecond, successRate, p50Ms, p99Ms,
  ///      series: {end, requestsPerSecond: [...], successRate: [...], p50Ms: [...], p99Ms: [...]}}]}]}
  /// Rates are percent, quantiles milliseconds; null where there was no request. A series has up to 150
  /// points, oldest first; `end` is when its last one ended (milliseconds since 1970). By namespace, name and
  /// version.
  virtual boost::json::object view() const = 0;
  /// The same without the series: what changes every second.
  virtual boost::json::object numbers() const = 0;
};

}  // namespace remora::telemetry
