#pragma once

#include <string>
#include <vector>

#include "capture/options.h"
#include "capture/situation.h"

namespace remora::capture {

/// One program to run.
struct Step {
  std::string purpose;
  std::vector<std::string> words;  ///< begins with the program's path
  std::string input;
};

using Plan = std::vector<Step>;

enum class Tool {
  kAuto,            ///< the flavour of iptables that has rules already, else the first that works, else nft
  kIptablesNft,     ///< --force-iptables-binary nft
  kIptablesLegacy,  ///< --force-iptables-binary legacy
  kNft,             ///< --native-nftables
};

/// What leads from the situation to the rules for these options: nothing of an earlier capture remains, in
/// whatever tool it was written. An error where a program is missing.
Result<Plan> plan_apply(const CaptureOptions& options, const Situation& situation, Tool tool);

/// What takes all rules away, ours and istio-iptables'.
Plan plan_cleanup(const CaptureOptions& options, const Situation& situation);

/// The plan as a shell script that does the same, each rule under its purpose.
std::string script_of(const Plan& plan);

/// A text of several lines as one, for a comment.
std::string one_line(std::string text);

}  // namespace remora::capture
