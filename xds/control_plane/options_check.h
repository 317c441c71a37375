#pragma once

#include "control_plane/options.h"

namespace remora::xds {

/// Whether each option has a value that there is, and which of them go together; an error names the flag.
Result<void> check_options(const Options& options);

}  // namespace remora::xds
