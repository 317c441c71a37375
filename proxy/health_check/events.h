#pragma once

#include "health_check/tracker.h"

namespace remora {

/// What is told of checks to whoever keeps a log of them. Main thread.
/// Source: envoy.data.core.v3.HealthCheckEvent.
class HealthEvents {
 public:
  virtual ~HealthEvents() = default;
  virtual void eject_unhealthy(const Host& host, const CheckResult& result) = 0;
  virtual void add_healthy(const Host& host, bool first_check) = 0;
  virtual void unhealthy(const Host& host, const CheckResult& result, bool first_check) = 0;
  virtual void successful(const Host& host) = 0;
  /// It is degraded from now on, or no longer.
  virtual void degraded(const Host& host, bool degraded) = 0;
};

}  // namespace remora
