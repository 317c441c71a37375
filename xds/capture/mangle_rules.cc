#include "capture/rules.h"

// The mangle table: inbound connections in mode TPROXY, and packets that belong to no connection. Every
// packet comes here. Packets with our mark are routed to this machine whatever their address (routes.h).

namespace remora::capture {
namespace {

/// On what the sidecar sends to its own pod by the pod's address, so that it is taken as inbound there.
constexpr uint32_t kToItselfMark = 1338;

class MangleRules {
 public:
  explicit MangleRules(const CaptureOptions& options)
      : options_(options),
        myself_{options.loopback_range, "::1/128"} {}

  Rules build() {
    if (options_.drop_invalid) drop_invalid();
    if (options_.mode == Mode::kTproxy && !options_.inbound_ports.none()) {
      target_chains();
      inbound();
      outbound();
    }
    return std::move(rules_);
  }

 private:
  void add(const char* chain, Match match, Action action, std::string purpose) {
    rules_.push_back({Table::kMangle, chain, std::move(match), std::move(action), std::move(purpose)});
  }
  static Action go_back() { return {}; }
  static Action jump(const char* chain) { return {.verb = Verb::kJump, .chain = chain}; }

  void drop_invalid() {
    add(kPrerouting, {.state = "invalid"}, jump(kDropChain), "packets outside of their connection's window");
    add(kDropChain, {}, {.verb = Verb::kDrop}, "no answer: a reset would end a connection that lives");
  }

  void target_chains() {
    add(kDivertChain, {}, {.verb = Verb::kSetMark, .mark = options_.mark},
        "to this machine, whatever the address");
    add(kDivertChain, {}, {.verb = Verb::kAccept}, "nothing else looks at it");
    add(kTproxyChain, {.destination = myself_, .not_destination = true, .protocol = "tcp"},
        {.verb = Verb::kTproxy, .port = options_.inbound_port, .mark = options_.mark},
        "inbound: to the sidecar, with its own addresses");
  }

  void inbound() {
    add(kPrerouting, {.protocol = "tcp"}, jump(kInboundChain), "what comes from other machines");
    for (const std::string& name : options_.virtual_interfaces) {
      add(kInboundChain, {.in = name}, go_back(), "what a virtual machine sends is outbound");
    }
    for (const std::string& name : options_.excluded_interfaces) {
      add(kInboundChain, {.in = name}, go_back(), "excluded interface");
    }
    add(kInboundChain, {.protocol = "tcp", .mark = options_.mark}, {.verb = Verb::kSaveMark},
        "the sidecar's connection to its application, under the client's address: answers need the mark too");
    add(kInboundChain, {.protocol = "tcp", .mark = options_.mark}, go_back(),
        "the sidecar has had it already");
    add(kInboundChain, {.in = "lo", .source = {"127.0.0.6/32", "::6/128"}, .protocol = "tcp"}, go_back(),
        "the sidecar hands an inbound connection to its application");
    add(kInboundChain, {.in = "lo", .protocol = "tcp", .mark = kToItselfMark, .not_mark = true}, go_back(),
        "an application calls this pod directly: nobody is in between");
    if (options_.inbound_ports.all) {
      for (const PortRange& port : options_.excluded_inbound_ports) {
        add(kInboundChain, {.protocol = "tcp", .port = port}, go_back(), "excluded inbound port");
      }
      inbound_port({}, "all other inbound ports");
    }
    for (const PortRange& port : options_.inbound_ports.some) inbound_port(port, "included inbound port");
  }

  void inbound_port(std::optional<PortRange> port, const std::string& which) {
    add(kInboundChain, {.protocol = "tcp", .port = port, .state = "related,established"}, jump(kDivertChain),
        which + ": a connection that the sidecar has accepted");
    add(kInboundChain, {.protocol = "tcp", .port = port}, jump(kTproxyChain), which + ": a new connection");
  }

  void outbound() {
    add(kOutput, {.protocol = "tcp"}, jump(kOutputChain), "what programs of this pod send");
    for (const std::string& name : options_.excluded_interfaces) {
      add(kOutputChain, {.out = name}, go_back(), "excluded interface");
    }
    add(kOutputChain, {.out = "lo", .protocol = "tcp", .mark = options_.mark}, go_back(),
        "the sidecar to its application: marked already");
    for (const uint32_t uid : options_.proxy_uids) to_itself({.uid = uid});
    for (const uint32_t gid : options_.proxy_gids) to_itself({.gid = gid});
    add(kOutputChain, {.protocol = "tcp", .connection_mark = options_.mark}, {.verb = Verb::kRestoreMark},
        "the application's answers go back to the sidecar, whatever their address");
  }

  void to_itself(Match owner) {
    owner.out = "lo";
    owner.destination = myself_;
    owner.not_destination = true;
    owner.protocol = "tcp";
    add(kOutputChain, std::move(owner), {.verb = Verb::kSetMark, .mark = kToItselfMark},
        "an application calls its own service: the sidecar's connection to this pod is inbound as well");
  }

  const CaptureOptions& options_;
  const AddressPair myself_;
  Rules rules_;
};

}  // namespace

Rules build_mangle_rules(const CaptureOptions& options) { return MangleRules(options).build(); }

}  // namespace remora::capture
