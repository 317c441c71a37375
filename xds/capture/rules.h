#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/options.h"

namespace remora::capture {

enum class Table { kNat, kMangle };

/// An address in each family; empty where a rule means none of that family.
struct AddressPair {
  std::string v4;
  std::string v6;

  [[nodiscard]] bool any() const { return !v4.empty() || !v6.empty(); }
};

/// "not": the rule holds for what is *not* this.
struct Match {
  std::string in;
  std::string out;  ///< interfaces
  AddressPair source;
  AddressPair destination;
  bool not_destination = false;
  std::string protocol;  ///< "tcp", "udp"
  std::optional<PortRange> port;
  bool not_port = false;
  std::optional<uint32_t> uid;
  bool not_uid = false;
  std::optional<uint32_t> gid;
  bool not_gid = false;
  std::vector<uint32_t> not_gids;  ///< none of them
  std::optional<uint32_t> mark;
  bool not_mark = false;
  std::optional<uint32_t> connection_mark;
  std::string state;  ///< of the connection, as both tools write it but for the case: "related,established"
};

enum class Verb {
  kJump,    ///< to `chain`
  kReturn,  ///< to where the chain was called from: not captured
  kAccept,  ///< the table is done with the packet
  kDrop,
  kRedirect,     ///< to `port` of this machine
  kTproxy,       ///< to whoever listens on `port`, the address stays; sets `mark`
  kSetMark,      ///< `mark`
  kSaveMark,     ///< the packet's mark is the connection's
  kRestoreMark,  ///< the connection's mark is the packet's
};

struct Action {
  Verb verb = Verb::kReturn;
  std::string chain;
  uint16_t port = 0;
  uint32_t mark = 0;
};

struct Rule {
  Table table = Table::kNat;
  std::string chain;  ///< PREROUTING and OUTPUT are the kernel's, the others ours
  Match match;
  Action action;
  std::string purpose;  ///< why it is there, for who reads a dry run
};

/// In the order in which the kernel shall look at them, within a chain.
using Rules = std::vector<Rule>;

inline constexpr const char* kPrerouting = "PREROUTING";
inline constexpr const char* kOutput = "OUTPUT";
// Istio's names, since its users look for them, and its tools clean them up.
inline constexpr const char* kInboundChain = "ISTIO_INBOUND";
inline constexpr const char* kInRedirectChain = "ISTIO_IN_REDIRECT";
inline constexpr const char* kOutputChain = "ISTIO_OUTPUT";
inline constexpr const char* kRedirectChain = "ISTIO_REDIRECT";
inline constexpr const char* kDivertChain = "ISTIO_DIVERT";
inline constexpr const char* kTproxyChain = "ISTIO_TPROXY";
inline constexpr const char* kDropChain = "ISTIO_DROP";
inline constexpr std::string_view kOurPrefix = "ISTIO_";

/// All rules for a pod. What each chain is for stands in README.md.
Rules build_rules(const CaptureOptions& options);
Rules build_nat_rules(const CaptureOptions& options);
Rules build_mangle_rules(const CaptureOptions& options);

/// Whether there is anything for packets of that family in a rule.
bool applies_to(const Rule& rule, Family family);

/// The chains of a table that rules stand in or jump to, in order of appearance, without the kernel's own.
std::vector<std::string> chains_of(const Rules& rules, Table table);

}  // namespace remora::capture
