#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "upstream/hash_table.h"
#include "upstream/host_set.h"

namespace remora {

/// The hosts of one health of one level, apart by locality, each with the weight of its locality.
struct LocalityChoices {
  struct Share {
    HostChoices hosts;  // never empty
    double weight = 0;  // above 0: the locality's weight, less what its unhealthy hosts cannot take
  };
  std::vector<Share> shares;  // never empty
  uint32_t id = 0;            // as HostChoices::id, and none of those
};

/// The localities of `priority` that take requests with the hosts in `some`, which are some of `all`; null if
/// none has both a weight and hosts. Source: Envoy, locality weighted load balancing.
std::shared_ptr<const LocalityChoices> make_localities(const HostChoices& some, const HostChoices& all,
                                                       uint32_t priority, const LoadRules& rules,
                                                       uint32_t& next_id);

/// The shares of `hosts` where they are chosen by hash: of the locality by its weight, then of the host by
/// his. Hosts of localities without a weight have none and are left out.
std::vector<HashTable::Member> locality_members(const std::vector<const Host*>& hosts, uint32_t priority,
                                                const std::vector<LocalityWeight>& weights);

}  // namespace remora
