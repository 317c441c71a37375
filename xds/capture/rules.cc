#include "capture/rules.h"

#include <algorithm>

namespace remora::capture {

Rules build_rules(const CaptureOptions& options) {
  Rules rules = build_nat_rules(options);
  Rules mangle = build_mangle_rules(options);
  std::move(mangle.begin(), mangle.end(), std::back_inserter(rules));
  return rules;
}

bool applies_to(const Rule& rule, Family family) {
  const auto lacks = [family](const AddressPair& pair) {
    return pair.any() && (family == Family::kV4 ? pair.v4 : pair.v6).empty();
  };
  return !lacks(rule.match.source) && !lacks(rule.match.destination);
}

std::vector<std::string> chains_of(const Rules& rules, Table table) {
  std::vector<std::string> chains;
  const auto add = [&chains](const std::string& name) {
    const bool known = std::find(chains.begin(), chains.end(), name) != chains.end();
    if (name.starts_with(kOurPrefix) && !known) chains.push_back(name);
  };
  for (const Rule& rule : rules) {
    if (rule.table != table) continue;
    add(rule.chain);
    if (rule.action.verb == Verb::kJump) add(rule.action.chain);
  }
  return chains;
}

}  // namespace remora::capture
