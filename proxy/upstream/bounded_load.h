#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "upstream/hash_table.h"

namespace remora {

/// Lets no host have more than its share of the requests under way, times hash_balance_factor: where the one
/// that a hash belongs to has, the hash's own random order of the others says who takes the request. One per
/// worker; not thread-safe. No allocation once it has seen as many hosts. Source: Envoy, hash_balance_factor;
/// Mirrokni et al., "Consistent Hashing with Bounded Loads".
class BoundedLoad {
 public:
  /// `factor` in percent, never 0.
  explicit BoundedLoad(uint32_t factor) : factor_(factor) {}

  /// The member that takes a request of that hash instead of member `owner`, or `owner` itself. `active`: the
  /// cluster's requests under way. Looks at one host while none is overloaded, at all of them at worst.
  size_t choose(const HashTable& table, size_t owner, uint64_t hash, uint64_t active);

 private:
  /// Requests under way over those that the member may have; above 1: too many.
  [[nodiscard]] double overload(const HashTable::Member& member, uint64_t active) const;

  uint32_t factor_;
  std::vector<uint32_t> order_;
};

}  // namespace remora
