#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"

namespace remora::capture {

/// The path of a program of PATH, or of where administrators' programs are; empty where there is none.
std::string find_program(const std::string& name);

struct Finished {
  int code = 0;  ///< exit code; 128 and the signal's number where one ended it
  std::string output;
  std::string errors;
};

/// Runs a program with this input to its end, and waits for it: at most a minute, then it is killed. `words`
/// begins with the program's path. An error where it could not be run, or did not end. What it says beyond 4
/// MiB is dropped.
Result<Finished> run_program(const std::vector<std::string>& words, std::string_view input);

/// Whether this process may change the network of its namespace (CAP_NET_ADMIN).
bool may_change_network();

}  // namespace remora::capture
