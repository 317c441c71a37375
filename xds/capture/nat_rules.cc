#include "capture/rules.h"

// The nat table: outbound connections, and inbound ones in mode REDIRECT. Only the first packet of a
// connection comes here; the kernel remembers for the others.

namespace remora::capture {
namespace {

/// The sidecar's own connections to its application have this source where they must not be captured again.
const AddressPair kPassthroughSource{"127.0.0.6/32", "::6/128"};

class NatRules {
 public:
  explicit NatRules(const CaptureOptions& options)
      : options_(options),
        myself_{options.loopback_range, "::1/128"} {}

  Rules build() {
    redirect_chains();
    inbound();
    outbound();
    return std::move(rules_);
  }

 private:
  void add(const char* chain, Match match, Action action, std::string purpose) {
    rules_.push_back({Table::kNat, chain, std::move(match), std::move(action), std::move(purpose)});
  }
  static Action go_back() { return {}; }
  static Action jump(const char* chain) { return {.verb = Verb::kJump, .chain = chain}; }

  void redirect_chains() {
    add(kRedirectChain, {.protocol = "tcp"}, {.verb = Verb::kRedirect, .port = options_.outbound_port},
        "outbound: to the sidecar");
    add(kInRedirectChain, {.protocol = "tcp"}, {.verb = Verb::kRedirect, .port = options_.inbound_port},
        "inbound: to the sidecar");
  }

  void inbound() {
    const bool redirects = options_.mode == Mode::kRedirect && !options_.inbound_ports.none();
    if (redirects || !options_.virtual_interfaces.empty()) {
      add(kPrerouting, {.protocol = "tcp"}, jump(kInboundChain), "what comes from other machines");
    }
    for (const std::string& name : options_.virtual_interfaces) virtual_interface(name);
    for (const std::string& name : options_.excluded_interfaces) {
      add(kInboundChain, {.in = name}, go_back(), "excluded interface");
    }
    add(kInboundChain, {.protocol = "tcp", .port = single(options_.tunnel_port)}, go_back(),
        "the tunnel port is the sidecar's own");
    if (redirects) inbound_ports();
  }

  /// A virtual machine behind an interface is an application: what it sends is outbound.
  void virtual_interface(const std::string& name) {
    if (options_.outbound_ranges.all) {
      add(kInboundChain, {.in = name}, jump(kRedirectChain), "a virtual machine's outbound connections");
    }
    for (const Prefix& range : options_.outbound_ranges.some) {
      add(kInboundChain, {.in = name, .destination = pair(range)}, jump(kRedirectChain),
          "a virtual machine's outbound connections to an included range");
    }
    add(kInboundChain, {.in = name}, go_back(), "nothing that a virtual machine sends is inbound");
  }

  void inbound_ports() {
    if (options_.inbound_ports.all) {
      for (const PortRange& port : options_.excluded_inbound_ports) {
        add(kInboundChain, {.protocol = "tcp", .port = port}, go_back(), "excluded inbound port");
      }
      add(kInboundChain, {.protocol = "tcp"}, jump(kInRedirectChain), "all other inbound ports");
    }
    for (const PortRange& port : options_.inbound_ports.some) {
      add(kInboundChain, {.protocol = "tcp", .port = port}, jump(kInRedirectChain), "included inbound port");
    }
  }

  void outbound() {
    add(kOutput, {}, jump(kOutputChain), "what programs of this pod send");
    for (const std::string& name : options_.excluded_interfaces) {
      add(kOutputChain, {.out = name}, go_back(), "excluded interface");
    }
    for (const PortRange& port : options_.excluded_outbound_ports) {
      add(kOutputChain, {.protocol = "tcp", .port = port}, go_back(), "excluded outbound port");
      add(kOutputChain, {.protocol = "udp", .port = port}, go_back(), "excluded outbound port");
    }
    add(kOutputChain, {.out = "lo", .source = kPassthroughSource}, go_back(),
        "the sidecar hands an inbound connection to its application");
    for (const uint32_t uid : options_.proxy_uids) of_proxy({.uid = uid});
    for (const uint32_t gid : options_.proxy_gids) of_proxy({.gid = gid});
    owner_groups();
    add(kOutputChain, {.destination = myself_}, go_back(), "who says localhost means this pod");
    outbound_ranges();
  }

  /// `owner`: a user or a group that the sidecar runs as.
  void of_proxy(const Match& owner) {
    Match to_itself = owner;
    to_itself.out = "lo";
    to_itself.destination = myself_;
    to_itself.not_destination = true;
    to_itself.protocol = "tcp";
    to_itself.port = single(options_.tunnel_port);
    to_itself.not_port = true;
    add(kOutputChain, std::move(to_itself), jump(kInRedirectChain),
        "an application calls its own service: the sidecar's connection to this pod is inbound as well");
    if (!includes_loopback()) {
      Match other = owner;
      other.out = "lo";
      other.not_uid = other.uid.has_value();
      other.not_gid = other.gid.has_value();
      add(kOutputChain, std::move(other), go_back(),
          "an application calls this pod directly: nobody is in between");
    }
    add(kOutputChain, owner, go_back(),
        "the sidecar's own connections: captured again, they would go in circles");
  }

  void owner_groups() {
    for (const uint32_t gid : options_.excluded_owner_groups) {
      add(kOutputChain, {.gid = gid}, go_back(), "excluded owner group");
    }
    if (options_.owner_groups.all) return;
    add(kOutputChain, {.not_gids = options_.owner_groups.some}, go_back(),
        "none of the included owner groups");
  }

  void outbound_ranges() {
    for (const Prefix& range : options_.excluded_outbound_ranges) {
      add(kOutputChain, {.destination = pair(range)}, go_back(), "excluded outbound range");
    }
    for (const PortRange& port : options_.outbound_ports) {
      add(kOutputChain, {.protocol = "tcp", .port = port}, jump(kRedirectChain), "included outbound port");
    }
    if (options_.outbound_ranges.all)
      add(kOutputChain, {}, jump(kRedirectChain), "all other outbound connections");
    for (const Prefix& range : options_.outbound_ranges.some) {
      add(kOutputChain, {.destination = pair(range)}, jump(kRedirectChain), "included outbound range");
    }
  }

  [[nodiscard]] bool includes_loopback() const {
    for (const Prefix& range : options_.outbound_ranges.some) {
      if (range.loopback) return true;
    }
    return false;
  }

  static PortRange single(uint16_t port) { return {port, port}; }
  static AddressPair pair(const Prefix& prefix) {
    return prefix.family == Family::kV4 ? AddressPair{prefix.text, ""} : AddressPair{"", prefix.text};
  }

  const CaptureOptions& options_;
  const AddressPair myself_;
  Rules rules_;
};

}  // namespace

Rules build_nat_rules(const CaptureOptions& options) { return NatRules(options).build(); }

}  // namespace remora::capture
