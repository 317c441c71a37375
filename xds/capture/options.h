#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"

namespace remora::capture {

enum class Family { kV4, kV6 };
inline constexpr std::array kBothFamilies{Family::kV4, Family::kV6};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
};

/// A network, written as the kernel's tools write it back: 10.0.0.0/8, fd00::/8.
struct Prefix {
  Family family = Family::kV4;
  std::string text;
  bool loopback = false;  ///< its address is one of the loopback interface
};

/// Some of what there is, or all of it.
template <typename T>
struct Selection {
  bool all = false;
  std::vector<T> some;

  [[nodiscard]] bool none() const { return !all && some.empty(); }
};

enum class Mode {
  kRedirect,  ///< NAT: the sidecar asks the kernel where a connection was going to, and hides who made it
  kTproxy,    ///< the sidecar accepts inbound connections under their own addresses; it needs CAP_NET_ADMIN
};

/// What a pod wants captured. The defaults are what Istio's injector passes to istio-iptables where no
/// annotation says otherwise (manifests/charts/istio-control/istio-discovery/files/injection-template.yaml).
struct CaptureOptions {
  Mode mode = Mode::kRedirect;
  uint16_t outbound_port = 15001;  ///< where the sidecar takes what the application sends
  uint16_t inbound_port = 15006;   ///< where it takes what is sent to the application
  uint16_t tunnel_port = 15008;    ///< served by the sidecar itself: never captured

  std::vector<uint32_t> proxy_uids{1337};
  std::vector<uint32_t> proxy_gids{1337};
  Selection<uint32_t> owner_groups{true, {}};  ///< whose outbound connections are captured
  std::vector<uint32_t> excluded_owner_groups;

  Selection<PortRange> inbound_ports{true, {}};
  std::vector<PortRange> excluded_inbound_ports{{15090, 15090}, {15021, 15021}, {15020, 15020}};

  Selection<Prefix> outbound_ranges{true, {}};
  std::vector<Prefix> excluded_outbound_ranges;
  std::vector<PortRange> outbound_ports;  ///< captured wherever they lead to, unless excluded
  std::vector<PortRange> excluded_outbound_ports;

  std::vector<std::string> excluded_interfaces;
  std::vector<std::string> virtual_interfaces;  ///< what comes in there (from a virtual machine) is outbound
  std::string loopback_range = "127.0.0.1/32";  ///< IPv4: what an application means by "myself"
  bool drop_invalid = false;                    ///< packets outside of their connection's window

  uint32_t mark = 1337;  ///< TPROXY: on packets that belong to the sidecar
  uint32_t route_table = 133;
  bool ipv6 = true;  ///< whether the pod has IPv6 at all
};

/// "80,8000-8010", as --istio-local-exclude-ports; a range may be written with a colon. An empty text is an
/// empty list. Errors name the part that is wrong.
Result<std::vector<PortRange>> parse_ports(std::string_view text);
/// The same, or "*".
Result<Selection<PortRange>> parse_port_selection(std::string_view text);

/// "10.0.0.0/8,fd00::/8"; an address alone is a network of one. Bits behind the mask are cleared.
Result<std::vector<Prefix>> parse_prefixes(std::string_view text);
Result<Selection<Prefix>> parse_prefix_selection(std::string_view text);

/// "net1,eth+": names as the kernel allows them, with iptables' wildcard "+" at the end.
Result<std::vector<std::string>> parse_interfaces(std::string_view text);

/// "1337,1338", or names that `find` knows (getpwnam, getgrnam), which gives nothing by a negative number.
Result<std::vector<uint32_t>> parse_owners(std::string_view text, int64_t (*find)(const std::string& name));

/// An IPv4 network within 127.0.0.0/8, as ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR.
Result<std::string> parse_loopback_range(std::string_view text);

/// One decimal number within bounds.
Result<uint32_t> parse_number(std::string_view text, uint32_t least, uint32_t most);

/// What the options mean only together: an error where they contradict one another.
Result<void> check(const CaptureOptions& options);

}  // namespace remora::capture
