#include <grp.h>
#include <pwd.h>

#include <cstdio>

#include "capture/carry_out.h"
#include "capture/options.h"
#include "capture/plan.h"
#include "capture/situation.h"
#include "ctl/commands.h"

namespace remora::ctl {
namespace {

using capture::CaptureOptions;

constexpr int kProgramMissing = 3;
constexpr int kNotPermitted = 4;
constexpr int kKernelLacks = 5;

/// Flags of istio-iptables that mean nothing here, and why.
const std::vector<std::pair<const char*, const char*>>& refused_flags() {
  static const std::vector<std::pair<const char*, const char*>> kRefused{
      {"--redirect-dns", "no DNS proxy stands beside the sidecar"},
      {"--capture-all-dns", "no DNS proxy stands beside the sidecar"},
      {"--network-namespace", "run it inside of the namespace: nsenter --net=FILE remoractl iptables"},
      {"--cni-mode", "run it inside of the pod's namespace: nsenter --net=FILE remoractl iptables"},
      {"--run-validation", "look at the rules with --dry-run, and at the sidecar with remora wait"},
      {"--skip-rule-apply", "it is only of use with --run-validation"},
  };
  return kRefused;
}

int64_t find_user(const std::string& name) {
  const passwd* found = getpwnam(name.c_str());
  return found == nullptr ? -1 : static_cast<int64_t>(found->pw_uid);
}

int64_t find_group(const std::string& name) {
  const group* found = getgrnam(name.c_str());
  return found == nullptr ? -1 : static_cast<int64_t>(found->gr_gid);
}

/// Reads flags into options; keeps the first error.
class Reader {
 public:
  explicit Reader(const Arguments& arguments) : arguments_(arguments) {}

  /// Where the flag is given, `parse` reads its value into `target`.
  template <typename T, typename Parse>
  void read(const char* flag, T& target, Parse parse) {
    if (!arguments_.has(flag) || !result_.ok()) return;
    auto value = parse(arguments_.get(flag));
    if (value.ok()) {
      target = std::move(*value);
    } else {
      result_ = Error{std::string(flag) + ": " + value.error().message};
    }
  }

  void read_port(const char* flag, uint16_t& target) {
    read(flag, target, [](const std::string& text) -> Result<uint16_t> {
      const auto number = capture::parse_number(text, 1, 65535);
      if (!number.ok()) return Error{number.error()};
      return static_cast<uint16_t>(*number);
    });
  }

  void read_number(const char* flag, uint32_t& target, uint32_t most) {
    read(flag, target, [most](const std::string& text) { return capture::parse_number(text, 1, most); });
  }

  Result<void> result() { return std::move(result_); }

 private:
  const Arguments& arguments_;
  Result<void> result_;
};

Result<std::vector<uint32_t>> parse_uids(const std::string& text) {
  return capture::parse_owners(text, find_user);
}
Result<std::vector<uint32_t>> parse_gids(const std::string& text) {
  return capture::parse_owners(text, find_group);
}

Result<capture::Selection<uint32_t>> parse_groups(const std::string& text) {
  if (text == "*") return capture::Selection<uint32_t>{true, {}};
  auto some = parse_gids(text);
  if (!some.ok()) return std::move(some).error();
  return capture::Selection<uint32_t>{false, std::move(*some)};
}

Result<capture::Mode> parse_mode(const std::string& text) {
  if (text.empty() || text == "REDIRECT") return capture::Mode::kRedirect;
  if (text == "TPROXY") return capture::Mode::kTproxy;
  return Error{"\"" + text + "\" is neither REDIRECT nor TPROXY"};
}

Result<bool> parse_ipv6(const std::string& text) {
  if (text == "auto") return capture::pod_has_ipv6();
  if (text == "yes" || text == "no") return text == "yes";
  return Error{"\"" + text + "\" is neither auto, yes nor no"};
}

Result<capture::Tool> tool_of(const Arguments& arguments) {
  const std::string forced = arguments.get("--force-iptables-binary");
  if (arguments.has("--native-nftables")) {
    if (!forced.empty()) return Error{"--native-nftables and --force-iptables-binary contradict one another"};
    return capture::Tool::kNft;
  }
  if (forced == "nft") return capture::Tool::kIptablesNft;
  if (forced == "legacy") return capture::Tool::kIptablesLegacy;
  if (forced.empty()) return capture::Tool::kAuto;
  return Error{"--force-iptables-binary: \"" + forced + "\" is neither legacy nor nft"};
}

Result<CaptureOptions> options_of(const Arguments& arguments) {
  CaptureOptions options;
  options.ipv6 = capture::pod_has_ipv6();
  Reader reader(arguments);
  reader.read_port("--envoy-port", options.outbound_port);
  reader.read_port("--inbound-capture-port", options.inbound_port);
  reader.read_port("--inbound-tunnel-port", options.tunnel_port);
  reader.read("--proxy-uid", options.proxy_uids, parse_uids);
  options.proxy_gids = options.proxy_uids;
  reader.read("--proxy-gid", options.proxy_gids, parse_gids);
  reader.read("--istio-inbound-interception-mode", options.mode, parse_mode);
  reader.read("--istio-inbound-ports", options.inbound_ports, capture::parse_port_selection);
  reader.read("--istio-local-exclude-ports", options.excluded_inbound_ports, capture::parse_ports);
  reader.read("--istio-service-cidr", options.outbound_ranges, capture::parse_prefix_selection);
  reader.read("--istio-service-exclude-cidr", options.excluded_outbound_ranges, capture::parse_prefixes);
  reader.read("--istio-outbound-ports", options.outbound_ports, capture::parse_ports);
  reader.read("--istio-local-outbound-ports-exclude", options.excluded_outbound_ports, capture::parse_ports);
  reader.read("--istio-exclude-interfaces", options.excluded_interfaces, capture::parse_interfaces);
  reader.read("--kube-virt-interfaces", options.virtual_interfaces, capture::parse_interfaces);
  reader.read("--outbound-owner-groups", options.owner_groups, parse_groups);
  reader.read("--outbound-owner-groups-exclude", options.excluded_owner_groups, parse_gids);
  reader.read("--outbound-ipv4-loopback-cidr", options.loopback_range, capture::parse_loopback_range);
  reader.read_number("--istio-inbound-tproxy-mark", options.mark, UINT32_MAX);
  reader.read_number("--istio-inbound-tproxy-route-table", options.route_table, 252);
  reader.read("--ipv6", options.ipv6, parse_ipv6);
  options.drop_invalid = arguments.has("--drop-invalid");
  auto result = reader.result();
  if (result.ok()) result = capture::check(options);
  if (!result.ok()) return std::move(result).error();
  return options;
}

/// What was asked for and has no effect.
void warn(const Arguments& arguments, const CaptureOptions& options) {
  if (!options.inbound_ports.all && arguments.has("--istio-local-exclude-ports")) {
    std::fputs("note: --istio-local-exclude-ports has no effect without --istio-inbound-ports '*'\n", stderr);
  }
  for (const char* flag : {"--reconcile", "--force-apply", "--dual-stack"}) {
    if (arguments.has(flag)) std::fprintf(stderr, "note: %s has no effect: it is always so\n", flag);
  }
}

/// What the dry run cannot know.
void say_unseen(const capture::Situation& situation) {
  for (const auto& iptables : situation.iptables) {
    if (iptables.trouble.empty()) continue;
    std::printf("# what %s holds could not be read, and counts as nothing: %s\n", iptables.name.c_str(),
                capture::one_line(iptables.trouble).c_str());
  }
  if (situation.nft_trouble.empty()) return;
  std::printf("# what nft holds could not be read, and counts as nothing: %s\n",
              capture::one_line(situation.nft_trouble).c_str());
}

int exit_code_of(capture::Trouble trouble) {
  switch (trouble) {
    case capture::Trouble::kNone: return kGood;
    case capture::Trouble::kFailed: return kBad;
    case capture::Trouble::kNotPermitted: return kNotPermitted;
    case capture::Trouble::kKernel: return kKernelLacks;
  }
  return kFailed;
}

int carry_out(const capture::Plan& plan, const capture::Situation& situation) {
  if (!situation.privileged && !plan.empty()) {
    fail("changing the network of this pod needs the capability CAP_NET_ADMIN");
    return kNotPermitted;
  }
  const capture::Outcome outcome = capture::carry_out(plan);
  if (outcome.trouble != capture::Trouble::kNone) fail(outcome.message);
  return exit_code_of(outcome.trouble);
}

}  // namespace

int iptables(const Arguments& arguments) {
  for (const auto& [flag, reason] : refused_flags()) {
    if (arguments.has(flag)) return fail(std::string(flag) + " is not supported: " + reason);
  }
  const auto options = options_of(arguments);
  if (!options.ok()) return fail(options.error().message);
  const auto tool = tool_of(arguments);
  if (!tool.ok()) return fail(tool.error().message);
  warn(arguments, *options);

  const capture::Situation situation = capture::look_around(*options);
  auto plan = arguments.has("--cleanup-only")
                  ? Result<capture::Plan>(capture::plan_cleanup(*options, situation))
                  : capture::plan_apply(*options, situation, *tool);
  if (!plan.ok()) {
    fail(plan.error().message);
    return kProgramMissing;
  }
  if (!arguments.has("--dry-run")) return carry_out(*plan, situation);
  say_unseen(situation);
  std::fputs(capture::script_of(*plan).c_str(), stdout);
  return kGood;
}

Command iptables_command() {
  std::vector<Flag> flags{
      {"--dry-run", "-n", "", "print what would be done, as a shell script, and do nothing"},
      {"--cleanup-only", "", "", "take all rules away instead, istio-iptables' too"},
      {"--envoy-port", "-p", "PORT", "where outbound connections go (default 15001)"},
      {"--inbound-capture-port", "-z", "PORT", "where inbound connections go (default 15006)"},
      {"--inbound-tunnel-port", "-e", "PORT", "served by the sidecar itself, never captured (default 15008)"},
      {"--proxy-uid", "-u", "UIDS", "users whose connections are not captured: the sidecar's (default 1337)"},
      {"--proxy-gid", "-g", "GIDS", "groups, likewise (default as --proxy-uid)"},
      {"--istio-inbound-interception-mode", "-m", "MODE", "REDIRECT (default) or TPROXY"},
      {"--istio-inbound-ports", "-b", "PORTS", "inbound ports to capture: 80,8000-8010; * (default) is all"},
      {"--istio-local-exclude-ports", "-d", "PORTS",
       "inbound ports not to capture (default 15090,15021,15020)"},
      {"--istio-service-cidr", "-i", "RANGES",
       "outbound networks to capture: 10.0.0.0/8,fd00::/8; * (default) is all"},
      {"--istio-service-exclude-cidr", "-x", "RANGES", "outbound networks not to capture"},
      {"--istio-outbound-ports", "-q", "PORTS", "outbound ports to capture, wherever they lead to"},
      {"--istio-local-outbound-ports-exclude", "-o", "PORTS", "outbound ports not to capture"},
      {"--istio-exclude-interfaces", "-c", "NAMES", "interfaces whose traffic is left alone"},
      {"--kube-virt-interfaces", "-k", "NAMES",
       "interfaces of virtual machines: what comes in there is outbound"},
      {"--outbound-owner-groups", "", "GIDS", "groups whose outbound connections are captured (default *)"},
      {"--outbound-owner-groups-exclude", "", "GIDS", "groups whose outbound connections are not captured"},
      {"--outbound-ipv4-loopback-cidr", "", "RANGE",
       "what an application means by localhost (default 127.0.0.1/32)"},
      {"--istio-inbound-tproxy-mark", "-t", "MARK", "TPROXY: mark on the sidecar's packets (default 1337)"},
      {"--istio-inbound-tproxy-route-table", "-r", "NUMBER",
       "TPROXY: routing table of marked packets (default 133)"},
      {"--drop-invalid", "", "", "drop packets outside of their connection's window"},
      {"--ipv6", "", "WHEN", "auto (default): where the pod has an IPv6 address; yes; no"},
      {"--native-nftables", "", "", "write the rules with nft instead of iptables"},
      {"--force-iptables-binary", "", "WHICH", "legacy or nft, whatever rules there are"},
      {"--reconcile", "", "", "accepted: rules there are always replaced"},
      {"--force-apply", "", "", "accepted: rules are always written"},
      {"--dual-stack", "", "", "accepted: both families are captured where the pod has both"},
  };
  for (const auto& [name, reason] : refused_flags()) {
    const bool valued = std::string_view(name) == "--network-namespace";
    flags.push_back({name, "", valued ? "FILE" : "", std::string("not supported: ") + reason});
  }
  return {
      .name = "iptables",
      .summary = "lead this pod's connections through its sidecar",
      .help =
          "Runs inside of the pod's network namespace, with CAP_NET_ADMIN. Flags are istio-iptables'. Rules "
          "that are there\n"
          "already, of this program or of istio-iptables, are replaced; others are left alone. "
          "docs/interception.md tells\n"
          "what the rules do. Exit code: 0 done, 1 a program refused, 2 wrong flags, 3 a program is missing, "
          "4 CAP_NET_ADMIN\n"
          "is missing, 5 the kernel lacks something.",
      .flags = std::move(flags),
      .run = iptables};
}

}  // namespace remora::ctl
