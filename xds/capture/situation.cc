#include "capture/situation.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "capture/program.h"

namespace remora::capture {
namespace {

/// ::6, as /proc/net/if_inet6 writes it.
constexpr std::string_view kMarkedAddress = "00000000000000000000000000000006";

struct Inet6 {
  std::string address;
  unsigned scope = 0;
  std::string interface;
};

std::vector<Inet6> inet6_addresses() {
  std::vector<Inet6> all;
  std::ifstream file("/proc/net/if_inet6");
  std::string index, length, scope, flags;
  for (Inet6 one; file >> one.address >> index >> length >> scope >> flags >> one.interface;) {
    one.scope = static_cast<unsigned>(std::strtoul(scope.c_str(), nullptr, 16));
    all.push_back(one);
  }
  return all;
}

/// The output of a program, or why there is none in `trouble`.
std::string output_of(const std::vector<std::string>& words, std::string& trouble) {
  const auto finished = run_program(words, "");
  if (!finished.ok()) trouble = finished.error().message;
  if (finished.ok() && finished->code != 0) trouble = words.front() + ": " + finished->errors;
  while (trouble.ends_with('\n')) trouble.pop_back();
  return finished.ok() ? finished->output : "";
}

Iptables look_at(const std::string& flavour, const CaptureOptions& options) {
  Iptables found;
  found.name = "iptables" + flavour;
  found.restore4 = find_program(found.name + "-restore");
  found.restore6 = find_program("ip6tables" + flavour + "-restore");
  const std::string save4 = find_program(found.name + "-save");
  const std::string save6 = find_program("ip6tables" + flavour + "-save");
  if (!save4.empty()) {
    const std::string text = output_of({save4}, found.trouble);
    found.saved4 = parse_saved(text, options, Family::kV4);
    found.used = text.find("\n-A ") != std::string::npos;
  }
  if (!save6.empty() && options.ipv6) {
    const std::string text = output_of({save6}, found.trouble);
    found.saved6 = parse_saved(text, options, Family::kV6);
    found.used = found.used || text.find("\n-A ") != std::string::npos;
  }
  if (found.restore4.empty()) return found;
  std::string ignored;
  found.legacy = output_of({found.restore4, "--version"}, ignored).find("nf_tables") == std::string::npos;
  return found;
}

}  // namespace

std::vector<uint32_t> parse_routed_marks(std::string_view text, uint32_t route_table) {
  std::vector<uint32_t> marks;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find(" fwmark 0x");
    if (at == std::string::npos) continue;
    std::istringstream words(line.substr(at + 8));
    std::string mark, lookup, table;
    words >> mark >> lookup >> table;
    if (lookup == "lookup" && table == std::to_string(route_table)) {
      marks.push_back(static_cast<uint32_t>(std::strtoul(mark.c_str(), nullptr, 16)));
    }
  }
  return marks;
}

bool pod_has_ipv6() {
  constexpr unsigned kLinkLocal = 0x20;  // IPV6_ADDR_LINKLOCAL
  const auto all = inet6_addresses();
  return std::any_of(all.begin(), all.end(),
                     [](const Inet6& one) { return one.interface != "lo" && one.scope != kLinkLocal; });
}

Situation look_around(const CaptureOptions& options) {
  Situation situation;
  situation.privileged = may_change_network();
  for (const char* flavour : {"-nft", "-legacy", ""}) {
    if (*flavour == '\0' && !situation.iptables.empty()) break;  // it is a name of one of those
    Iptables found = look_at(flavour, options);
    if (!found.restore4.empty()) situation.iptables.push_back(std::move(found));
  }
  situation.nft = find_program("nft");
  if (!situation.nft.empty()) {
    situation.nft_tables =
        parse_nft_tables(output_of({situation.nft, "list", "tables"}, situation.nft_trouble));
  }
  situation.ip = find_program("ip");
  if (!situation.ip.empty()) {
    std::string ignored;  // no policy routing in the kernel: then there are no rules either
    const auto marks = [&](const char* family) {
      return parse_routed_marks(output_of({situation.ip, family, "rule", "show"}, ignored),
                                options.route_table);
    };
    situation.routed_marks4 = marks("-4");
    situation.routed_marks6 = marks("-6");
  }
  const auto addresses = inet6_addresses();
  situation.marked_address = std::any_of(addresses.begin(), addresses.end(), [](const Inet6& one) {
    return one.interface == "lo" && one.address == kMarkedAddress;
  });
  return situation;
}

}  // namespace remora::capture
