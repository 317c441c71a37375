#pragma once

#include <memory>
#include <string>

#include "overload/connection_limit.h"
#include "remora/config/overload.h"
#include "remora/core/result.h"

namespace remora {

/// How near its end a resource is. Main thread.
class ResourceMonitor {
 public:
  virtual ~ResourceMonitor() = default;
  /// The part that is used: 1 is all of it; may be more. An error says what could not be read.
  virtual Result<double> pressure() = 0;
};

/// Where the kernel shows what is measured; tests have their own.
struct SystemFiles {
  std::string cgroup = "/sys/fs/cgroup";
  std::string cpu = "/proc/stat";
};

/// `limit`: of the connections that a monitor of that kind measures; not null for one.
std::unique_ptr<ResourceMonitor> make_resource_monitor(
    const ResourceMonitorConfig& config, const SystemFiles& files = {},
    std::shared_ptr<const ConnectionLimit> limit = nullptr);

}  // namespace remora
