#include "capture/saved_rules.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "capture/rules.h"

namespace remora::capture {
namespace {

std::string hexadecimal(uint32_t number) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%x", number);
  return text.data();
}

/// Rules that istio-iptables puts into PREROUTING and OUTPUT themselves, as iptables-save writes them.
std::set<std::string> direct_rules(const CaptureOptions& options, Family family, bool mangle) {
  std::set<std::string> rules;
  for (const std::string& name : options.excluded_interfaces) {
    rules.insert("PREROUTING -i " + name + " -j RETURN");
    rules.insert("OUTPUT -o " + name + " -j RETURN");
  }
  for (const std::string& name : options.virtual_interfaces)
    rules.insert("PREROUTING -i " + name + " -j RETURN");
  if (!mangle) return rules;
  const std::string all = " --nfmask 0xffffffff --ctmask 0xffffffff";
  const std::string mark = hexadecimal(options.mark);
  const std::string owned = "OUTPUT ! -d " + (family == Family::kV4 ? options.loopback_range : "::1/128") +
                            " -o lo -p tcp -m owner ";
  rules.insert("PREROUTING -p tcp -m mark --mark " + mark + " -j CONNMARK --save-mark" + all);
  rules.insert("OUTPUT -o lo -p tcp -m mark --mark " + mark + " -j RETURN");
  rules.insert("OUTPUT -p tcp -m connmark --mark " + mark + " -j CONNMARK --restore-mark" + all);
  const std::string marked = " -j MARK --set-xmark 0x53a/0xffffffff";
  for (const uint32_t uid : options.proxy_uids)
    rules.insert(owned + "--uid-owner " + std::to_string(uid) + marked);
  for (const uint32_t gid : options.proxy_gids)
    rules.insert(owned + "--gid-owner " + std::to_string(gid) + marked);
  return rules;
}

bool jumps_to_us(std::string_view rule) {
  const size_t jump = rule.rfind(" -j ");
  return jump != std::string_view::npos && rule.substr(jump + 4).starts_with(kOurPrefix);
}

}  // namespace

SavedRules parse_saved(std::string_view text, const CaptureOptions& options, Family family) {
  SavedRules saved;
  std::string table;
  std::map<std::string, std::vector<std::string>> candidates;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('*')) table = line.substr(1);
    if (line.starts_with(':') && line.substr(1).starts_with(kOurPrefix)) {
      saved[table].chains.emplace_back(line.substr(1, line.find(' ') - 1));
    }
    if (!line.starts_with("-A ") || line.substr(3).starts_with(kOurPrefix)) continue;
    (jumps_to_us(line) ? saved[table].rules : candidates[table]).emplace_back(line.substr(3));
  }
  for (auto& [name, found] : saved) {
    const auto direct = direct_rules(options, family, name == "mangle");
    for (const std::string& rule : candidates[name]) {
      if (direct.contains(rule)) found.rules.push_back(rule);
    }
  }
  return saved;
}

}  // namespace remora::capture
