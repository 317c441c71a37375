#pragma once

#include <string>
#include <vector>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

/// Reads the annotation proxy.istio.io/config (Istio's ProxyConfig as YAML) into the settings of a pod. What
/// is not implemented becomes a warning with its path; a bad value is an error.
Result<void> read_proxy_config(const std::string& yaml, Settings& settings,
                               std::vector<std::string>& warnings);

}  // namespace remora::inject
