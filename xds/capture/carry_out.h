#pragma once

#include <string>

#include "capture/plan.h"

namespace remora::capture {

/// Why something could not be done, as remoractl's exit codes tell it.
enum class Trouble {
  kNone,
  kFailed,        ///< a program refused, for a reason of its own
  kNotPermitted,  ///< CAP_NET_ADMIN is missing
  kKernel,        ///< the kernel lacks a table, a match or a target
};

struct Outcome {
  Trouble trouble = Trouble::kNone;
  std::string message;  ///< what was being done, what the program said, and what would help
};

/// Runs the steps in order and stops at the first that fails. Rules are tried out (`--test`, `nft --check`)
/// before anything changes, so that IPv4's are not left alone by a mistake in IPv6's.
Outcome carry_out(const Plan& plan);

}  // namespace remora::capture
