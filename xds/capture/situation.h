#pragma once

#include <string>
#include <vector>

#include "capture/nft_text.h"
#include "capture/options.h"
#include "capture/saved_rules.h"

namespace remora::capture {

/// One flavour of iptables that is installed, and what it says is there.
struct Iptables {
  std::string name;  ///< "iptables-nft"; its programs are name-restore and name-save
  bool legacy = false;
  std::string restore4;
  std::string restore6;  ///< paths; empty where the program is missing
  SavedRules saved4;
  SavedRules saved6;
  bool used = false;    ///< somebody has rules in it
  std::string trouble;  ///< why its rules could not be read
};

/// What this network namespace and this machine have, before anything changes.
struct Situation {
  std::vector<Iptables> iptables;  ///< the one to prefer first
  std::string nft;                 ///< path; empty where it is missing
  std::vector<NftTable> nft_tables;
  std::string nft_trouble;
  std::string ip;  ///< path of ip(8)
  std::vector<uint32_t> routed_marks4;
  std::vector<uint32_t> routed_marks6;  ///< whose packets are routed by `options.route_table`
  bool marked_address = false;          ///< ::6 stands on the loopback interface
  bool privileged = false;              ///< this process has CAP_NET_ADMIN
};

/// Looks around: runs iptables-save, nft list, ip rule. Fails at nothing; what could not be seen is said in
/// `trouble`.
Situation look_around(const CaptureOptions& options);

/// Of the output of `ip rule show`: the marks whose packets are routed by that table.
std::vector<uint32_t> parse_routed_marks(std::string_view text, uint32_t route_table);

/// Whether an interface other than lo has an IPv6 address that is not only for its own link
/// (/proc/net/if_inet6).
bool pod_has_ipv6();

}  // namespace remora::capture
