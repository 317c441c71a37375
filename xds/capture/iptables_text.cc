#include "capture/iptables_text.h"

#include <algorithm>

namespace remora::capture {
namespace {

std::string range_of(const PortRange& port) {
  const std::string first = std::to_string(port.first);
  return port.first == port.last ? first : first + ":" + std::to_string(port.last);
}

void add(std::string& text, bool negated, const std::string& option, const std::string& value) {
  if (value.empty()) return;
  text += negated ? " ! " : " ";
  text += option + " " + value;
}

void add_owner(std::string& text, bool negated, const std::string& option, uint32_t owner) {
  text += " -m owner";
  add(text, negated, option, std::to_string(owner));
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string match_text(const Match& match, Family family) {
  const auto of = [family](const AddressPair& pair) { return family == Family::kV4 ? pair.v4 : pair.v6; };
  std::string text;
  add(text, false, "-s", of(match.source));
  add(text, match.not_destination, "-d", of(match.destination));
  add(text, false, "-i", match.in);
  add(text, false, "-o", match.out);
  add(text, false, "-p", match.protocol);
  if (match.port) add(text, match.not_port, "--dport", range_of(*match.port));
  if (!match.state.empty()) add(text, false, "-m conntrack --ctstate", upper(match.state));
  if (match.mark) {
    text += " -m mark";
    add(text, match.not_mark, "--mark", std::to_string(*match.mark));
  }
  if (match.connection_mark) add(text, false, "-m connmark --mark", std::to_string(*match.connection_mark));
  if (match.uid) add_owner(text, match.not_uid, "--uid-owner", *match.uid);
  if (match.gid) add_owner(text, match.not_gid, "--gid-owner", *match.gid);
  for (const uint32_t gid : match.not_gids) add_owner(text, true, "--gid-owner", gid);
  return text;
}

std::string action_text(const Action& action) {
  const std::string port = std::to_string(action.port);
  const std::string mark = std::to_string(action.mark);
  switch (action.verb) {
    case Verb::kJump: return " -j " + action.chain;
    case Verb::kReturn: return " -j RETURN";
    case Verb::kAccept: return " -j ACCEPT";
    case Verb::kDrop: return " -j DROP";
    case Verb::kRedirect: return " -j REDIRECT --to-ports " + port;
    case Verb::kTproxy: return " -j TPROXY --tproxy-mark " + mark + "/0xffffffff --on-port " + port;
    case Verb::kSetMark: return " -j MARK --set-mark " + mark;
    case Verb::kSaveMark: return " -j CONNMARK --save-mark";
    case Verb::kRestoreMark: return " -j CONNMARK --restore-mark";
  }
  return "";
}

/// Chains are made or emptied first, so that what goes is referred to by nobody.
std::string table_text(const Rules& rules, Table table, const std::string& name, Family family,
                       const SavedTable& saved) {
  const auto chains = chains_of(rules, table);
  std::string text;
  for (const std::string& chain : chains) text += ":" + chain + " - [0:0]\n";
  std::string gone;
  for (const std::string& chain : saved.chains) {
    if (std::find(chains.begin(), chains.end(), chain) != chains.end()) continue;
    text += ":" + chain + " - [0:0]\n";
    gone += "-X " + chain + "\n";
  }
  for (const std::string& rule : saved.rules) text += "-D " + rule + "\n";
  text += gone;
  const std::string* purpose = nullptr;
  for (const Rule& rule : rules) {
    if (rule.table != table || !applies_to(rule, family)) continue;
    if (purpose == nullptr || *purpose != rule.purpose) text += "# " + rule.purpose + "\n";
    purpose = &rule.purpose;
    text += "-A " + rule.chain + iptables_arguments(rule, family) + "\n";
  }
  return text.empty() ? "" : "*" + name + "\n" + text + "COMMIT\n";
}

}  // namespace

std::string iptables_arguments(const Rule& rule, Family family) {
  return match_text(rule.match, family) + action_text(rule.action);
}

std::string iptables_text(const Rules& rules, Family family, const SavedRules& saved) {
  const auto had = [&saved](const std::string& name) {
    const auto found = saved.find(name);
    return found == saved.end() ? SavedTable() : found->second;
  };
  std::string text = table_text(rules, Table::kMangle, "mangle", family, had("mangle")) +
                     table_text(rules, Table::kNat, "nat", family, had("nat"));
  for (const auto& [name, table] : saved) {
    if (name != "mangle" && name != "nat") text += table_text({}, Table::kNat, name, family, table);
  }
  return text;
}

}  // namespace remora::capture
