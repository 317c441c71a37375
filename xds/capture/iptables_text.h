#pragma once

#include <string>

#include "capture/rules.h"
#include "capture/saved_rules.h"

namespace remora::capture {

/// Input for `iptables-restore --noflush` (`ip6tables-restore` for IPv6) that leaves exactly these rules, and
/// of `saved` nothing. Each table changes as a whole or not at all. Empty where there is nothing to do.
std::string iptables_text(const Rules& rules, Family family, const SavedRules& saved);

/// One rule as iptables' arguments, without -A and the chain.
std::string iptables_arguments(const Rule& rule, Family family);

}  // namespace remora::capture
