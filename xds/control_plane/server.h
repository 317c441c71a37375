#pragma once

#include <string>
#include <vector>

#include "control_plane/options.h"

namespace remora::xds {

/// Reads the configuration once and prints what is wrong with it. 0 if there is no error, else 1.
int validate_configuration(const std::vector<std::string>& paths);

/// Serves until SIGTERM or SIGINT. The program's exit code.
int serve(const Options& options);

}  // namespace remora::xds
