#pragma once

#include <optional>
#include <string>
#include <vector>

namespace remora {

/// `remora wait` and `remora drain`: what a pod's hooks ask of the sidecar beside them. Carries out the
/// command that the arguments (without the program's name) begin with and gives its exit code: 0 done, 1 not
/// done, 2 misused; nothing where they begin with neither. Blocks until it is done. Source: Istio,
/// pilot-agent wait.
std::optional<int> run_pod_command(const std::vector<std::string>& arguments);

/// The commands, for --help.
std::string pod_commands_help();

}  // namespace remora
