#include "capture/nft_text.h"

#include <algorithm>

namespace remora::capture {
namespace {

constexpr std::string_view kTablePrefix = "istio-proxy-";

std::string name_of(Table table) {
  return std::string(kTablePrefix) + (table == Table::kNat ? "nat" : "mangle");
}

/// ISTIO_IN_REDIRECT -> istio-in-redirect, as Istio's own nftables rules have it.
std::string chain_name(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return name;
}

/// iptables' wildcard is a plus, nft's an asterisk.
std::string interface_name(std::string name) {
  if (name.ends_with('+')) name.back() = '*';
  return "\"" + name + "\"";
}

std::string range_of(const PortRange& port) {
  const std::string first = std::to_string(port.first);
  return port.first == port.last ? first : first + "-" + std::to_string(port.last);
}

std::string unless(bool negated) { return negated ? "!= " : ""; }

std::string set_of(const std::vector<uint32_t>& numbers) {
  std::string text = "{";
  for (const uint32_t number : numbers) text += (text.size() > 1 ? ", " : " ") + std::to_string(number);
  return text + " }";
}

std::string address_text(const Match& match, Family family) {
  const bool v4 = family == Family::kV4;
  const std::string ip = v4 ? "ip " : "ip6 ";
  const auto of = [v4](const AddressPair& pair) { return v4 ? pair.v4 : pair.v6; };
  std::string text;
  if (match.source.any()) text += ip + "saddr " + of(match.source) + " ";
  if (match.destination.any())
    text += ip + "daddr " + unless(match.not_destination) + of(match.destination) + " ";
  return text;
}

std::string match_text(const Match& match, Family family) {
  std::string text;
  if (!match.in.empty()) text += "iifname " + interface_name(match.in) + " ";
  if (!match.out.empty()) text += "oifname " + interface_name(match.out) + " ";
  text += address_text(match, family);
  if (match.port) {
    text += match.protocol + " dport " + unless(match.not_port) + range_of(*match.port) + " ";
  } else if (!match.protocol.empty()) {
    text += "meta l4proto " + match.protocol + " ";
  }
  if (!match.state.empty()) text += "ct state " + match.state + " ";
  if (match.mark) text += "meta mark " + unless(match.not_mark) + std::to_string(*match.mark) + " ";
  if (match.connection_mark) text += "ct mark " + std::to_string(*match.connection_mark) + " ";
  if (match.uid) text += "meta skuid " + unless(match.not_uid) + std::to_string(*match.uid) + " ";
  if (match.gid) text += "meta skgid " + unless(match.not_gid) + std::to_string(*match.gid) + " ";
  if (!match.not_gids.empty()) text += "meta skgid != " + set_of(match.not_gids) + " ";
  return text;
}

std::string action_text(const Action& action, Family family) {
  const std::string mark = std::to_string(action.mark);
  switch (action.verb) {
    case Verb::kJump: return "jump " + chain_name(action.chain);
    case Verb::kReturn: return "return";
    case Verb::kAccept: return "accept";
    case Verb::kDrop: return "drop";
    case Verb::kRedirect: return "redirect to :" + std::to_string(action.port);
    case Verb::kTproxy:
      return std::string("tproxy ") + (family == Family::kV4 ? "ip" : "ip6") +
             " to :" + std::to_string(action.port) + " meta mark set " + mark + " accept";
    case Verb::kSetMark: return "meta mark set " + mark;
    case Verb::kSaveMark: return "ct mark set meta mark";
    case Verb::kRestoreMark: return "meta mark set ct mark";
  }
  return "";
}

/// Where a rule says the same for both families, it is there once.
std::string rule_text(const Rule& rule, bool ipv6) {
  std::string text;
  std::string before;
  for (const Family family : kBothFamilies) {
    if (!applies_to(rule, family) || (family == Family::kV6 && !ipv6)) continue;
    std::string line =
        "    " + match_text(rule.match, family) + "counter " + action_text(rule.action, family) + "\n";
    if (line != before) text += line;
    before = std::move(line);
  }
  return text;
}

/// Where the kernel calls a chain of its own: at the places where iptables has these chains.
std::string hook_text(Table table, const std::string& chain) {
  const bool output = chain == kOutput;
  if (table == Table::kNat) {
    return output ? "    type nat hook output priority -100;\n"
                  : "    type nat hook prerouting priority -100;\n";
  }
  return output ? "    type route hook output priority -150;\n"
                : "    type filter hook prerouting priority -150;\n";
}

std::string chain_text(const Rules& rules, Table table, const std::string& chain, bool ipv6) {
  std::string text;
  const std::string* purpose = nullptr;
  for (const Rule& rule : rules) {
    if (rule.table != table || rule.chain != chain) continue;
    const std::string lines = rule_text(rule, ipv6);
    if (!lines.empty() && (purpose == nullptr || *purpose != rule.purpose))
      text += "    # " + rule.purpose + "\n";
    purpose = &rule.purpose;
    text += lines;
  }
  const bool ours = chain.starts_with(kOurPrefix);
  if (text.empty() && !ours) return "";
  return "  chain " + chain_name(chain) + " {\n" + (ours ? "" : hook_text(table, chain)) + text + "  }\n";
}

std::string table_text(const Rules& rules, Table table, bool ipv6) {
  std::string text;
  for (const std::string& chain : chains_of(rules, table)) text += chain_text(rules, table, chain, ipv6);
  for (const char* chain : {kPrerouting, kOutput}) text += chain_text(rules, table, chain, ipv6);
  return text;
}

}  // namespace

std::vector<NftTable> parse_nft_tables(std::string_view text) {
  std::vector<NftTable> tables;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with("table ")) continue;
    line.remove_prefix(6);
    const size_t space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(std::min(space + 1, line.size()));
    if (name.starts_with(kTablePrefix))
      tables.push_back({std::string(line.substr(0, space)), std::string(name)});
  }
  return tables;
}

std::string nft_text(const Rules& rules, bool ipv6, const std::vector<NftTable>& saved) {
  const std::string family = ipv6 ? "inet" : "ip";
  std::string text;
  for (const NftTable& table : saved) text += "delete table " + table.family + " " + table.name + "\n";
  for (const Table table : {Table::kMangle, Table::kNat}) {
    const std::string body = table_text(rules, table, ipv6);
    if (!body.empty()) text += "table " + family + " " + name_of(table) + " {\n" + body + "}\n";
  }
  return text;
}

}  // namespace remora::capture
