#pragma once

#include <vector>

#include "ctl/arguments.h"
#include "inject/settings.h"

namespace remora::ctl {

/// The flags that say how pods get their sidecar.
std::vector<Flag> inject_flags();

/// The settings that these flags ask for; an error names the flag.
Result<inject::Settings> inject_settings(const Arguments& arguments);

}  // namespace remora::ctl
