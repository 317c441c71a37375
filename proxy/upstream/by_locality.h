#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "upstream/host.h"

namespace remora {

struct LocalityOrder {
  bool operator()(const Locality* a, const Locality* b) const {
    return std::tie(a->region, a->zone, a->sub_zone) < std::tie(b->region, b->zone, b->sub_zone);
  }
};
/// Keyed by what the locality is, not by where it lives.
template <typename T>
using ByLocality = std::map<const Locality*, T, LocalityOrder>;

/// The keys live as long as the hosts.
inline ByLocality<std::vector<const Host*>> by_locality(const std::vector<const Host*>& hosts) {
  ByLocality<std::vector<const Host*>> result;
  for (const Host* host : hosts) result[host->endpoint().locality.get()].push_back(host);
  return result;
}

}  // namespace remora
