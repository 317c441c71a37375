#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "upstream/host_set.h"

namespace remora {

/// Where a proxy stands on the ring [0, 1) that it shares with its peers.
struct PeerPlace {
  double offset = 0;   ///< where its arc begins
  uint32_t peers = 0;  ///< how many there are, this one included; 0: nobody knows
  uint32_t peer = 0;   ///< which of them it is
  bool operator==(const PeerPlace&) const = default;
};

/// What an aperture depends on beside the hosts.
struct ApertureRules {
  uint32_t hosts = 12;  ///< so many at least
  PeerPlace place;
};

/// One host that the arc touches: its place among all, and how much of its slice counts, above 0 to 1.
struct ApertureShare {
  size_t host;
  double part;
};

/// Hosts have slices of the ring by their weights (none is 0), in this order; the arc is as wide as the
/// widest `hosts` neighbours, or as the distance of two peers if that is more. Its ends fade over what is
/// left of the width beyond whole distances: so the arcs of all peers together cover the ring evenly, to the
/// last digit. Empty: the arc is the whole ring. O(hosts). Source: Finagle, deterministic aperture, with
/// fading ends instead of a width that is rounded up.
std::vector<ApertureShare> open_aperture(std::span<const double> weights, const ApertureRules& rules);

/// Those of `all` that this proxy speaks to; empty: all of them. The order on the ring is that of the
/// addresses' hashes, which is the same for all proxies: a host that comes or goes moves every arc's ends by
/// less than a host.
Rare<HostChoices> make_aperture(const HostChoices& all, const LoadRules& rules, uint32_t& next_id);

/// Hosts on the ring, or peers: by the hash of what they are called, then by name.
struct RingOrder {
  uint64_t hash;
  const std::string* name;
  bool operator<(const RingOrder& other) const;
};
RingOrder ring_order(const Endpoint& endpoint);

}  // namespace remora
