#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/options.h"

namespace remora::capture {

/// What there is of ours in one table.
struct SavedTable {
  std::vector<std::string> chains;  ///< with our prefix
  std::vector<std::string>
      rules;  ///< in the kernel's chains, without "-A": "PREROUTING -p tcp -j ISTIO_INBOUND"
};

/// By the table's name, as iptables knows it; only tables with something of ours.
using SavedRules = std::map<std::string, SavedTable>;

/// From the output of iptables-save: our own rules, those of istio-iptables, and of the latter also what it
/// writes into the kernel's chains without a jump, for these options. Rules of others are none of our
/// business.
SavedRules parse_saved(std::string_view text, const CaptureOptions& options, Family family);

}  // namespace remora::capture
