#pragma once

#include <string>
#include <vector>

#include "remora/config/bootstrap.h"
#include "remora/core/result.h"

namespace remora {

/// The command line, with Envoy's names and defaults.
struct CommandLine {
  Options options;
  bool help = false;
  bool version = false;
};
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);
std::string command_line_help();

/// How many workers to run when nothing was asked for: the CPU quota of this process' cgroup, rounded up, but
/// no more than the CPUs it may run on; at least 1.
uint32_t default_concurrency();

/// "<revision>/<version>/<state>/<build type>/<tls library>", as Envoy shows its own.
std::string version_text();

}  // namespace remora
