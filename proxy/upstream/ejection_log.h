#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "access_log_writer.h"
#include "remora/core/result.h"
#include "upstream/host.h"
#include "upstream/outlier.h"

namespace remora {

/// Writes what outlier detection decides as lines of JSON, as Envoy does. Main thread.
/// Source: envoy.data.cluster.v3.OutlierDetectionEvent in protobuf's JSON form, with the fields' own names;
/// the type LATENCY and its event are ours.
class EjectionLog {
 public:
  /// `writer` is borrowed. Error: the file cannot be opened.
  static Result<std::unique_ptr<EjectionLog>> open(const std::string& path, AccessLogWriter& writer);
  EjectionLog(AccessLogWriter& writer, std::shared_ptr<LogFile> file)
      : writer_(writer),
        file_(std::move(file)) {}

  void write(const std::string& cluster, const EjectionEvent& event);

 private:
  AccessLogWriter& writer_;
  std::shared_ptr<LogFile> file_;
};

/// One line, with its end.
std::string ejection_line(const std::string& cluster, const EjectionEvent& event, WallTime when);

}  // namespace remora
