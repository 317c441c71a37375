#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access_log_writer.h"
#include "health_check/events.h"

namespace remora {

/// Writes events as lines of JSON, as Envoy's file sink does. Main thread.
/// Source: envoy.data.core.v3.HealthCheckEvent in protobuf's JSON form, with the fields' own names.
class HealthEventLog final : public HealthEvents {
 public:
  /// Null if `config` wants no log. A file that cannot be opened is reported and left out. `writer` is
  /// borrowed.
  static std::unique_ptr<HealthEvents> make(const ClusterConfig& config, AccessLogWriter& writer);

  HealthEventLog(const ClusterConfig& config, AccessLogWriter& writer,
                 std::vector<std::shared_ptr<LogFile>> files);

  void eject_unhealthy(const Host& host, const CheckResult& result) override;
  void add_healthy(const Host& host, bool first_check) override;
  void unhealthy(const Host& host, const CheckResult& result, bool first_check) override;
  void successful(const Host& host) override;
  void degraded(const Host& host, bool degraded) override;

 private:
  /// `before`: the event stands in front of the timestamp, else behind it: where the message has its field.
  void write(const Host& host, std::string_view event, std::string_view content, bool before);

  std::string cluster_;
  std::string_view kind_;  // of check
  AccessLogWriter& writer_;
  std::vector<std::shared_ptr<LogFile>> files_;
};

}  // namespace remora
