#pragma once

#include <string>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

/// The settings that a YAML text names, over `base`. Unlike annotations, which Istio's users bring along, the
/// text is ours: what it does not know is an error, with its path ("resources.requests.cpu").
Result<Settings> read_settings(const std::string& yaml, Settings base);

}  // namespace remora::inject
