#pragma once

#include <memory>

#include "client/metrics_config.h"
#include "envoy/config/core/v3/base.pb.h"
#include "remora/core/stats.h"

namespace remora::xds {

/// Pushes the statistics of the process to a metrics service, from a thread of its own: at once when a stream
/// opens, then every flush interval. A flush that is due while the server has not taken the one before is
/// skipped; what it would have told is in the next one. A server that is not there is tried again with
/// back-off, for ever. Nothing else in the process ever waits for this.
class MetricsSink {
 public:
  /// Both outlive the sink. The node is sent first on each stream.
  MetricsSink(MetricsSinkConfig config, const envoy::config::core::v3::Node& node, const StatsStore& stats);
  ~MetricsSink();

  void start();
  /// Returns once the thread has ended. Idempotent.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace remora::xds
