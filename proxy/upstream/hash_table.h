#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "remora/config/cluster.h"

namespace remora {

class Host;

/// A host for every 64-bit hash, such that most hashes keep their host when others come and go, and each host
/// gets a share of hashes by its weight. Immutable, shared by all workers. The same hosts, in the same order,
/// make the same table as in Envoy. Source: Envoy, ring hash and Maglev load balancers.
class HashTable {
 public:
  struct Member {
    const Host* host;  ///< borrowed
    double weight;     ///< its share: all together are 1
  };
  /// How much of the table its hosts have, for the cluster's gauges.
  struct Spread {
    uint64_t size = 0;
    uint64_t fewest = 0;
    uint64_t most = 0;
  };

  /// Null without hosts. O(size of the table).
  static std::shared_ptr<const HashTable> make(const std::vector<const Host*>& hosts,
                                               const ConsistentHash& config);
  /// Of hosts whose shares are known; those need not be 1 together. Null without any.
  static std::shared_ptr<const HashTable> of(std::vector<Member> members, const ConsistentHash& config);
  virtual ~HashTable() = default;
  HashTable(const HashTable&) = delete;
  HashTable& operator=(const HashTable&) = delete;

  /// The position in members() of whom `hash` belongs to; with `attempt`, of somebody else who is likely to
  /// be another host. No allocation.
  [[nodiscard]] virtual size_t find(uint64_t hash, uint32_t attempt) const = 0;
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  [[nodiscard]] const Spread& spread() const { return spread_; }

 protected:
  explicit HashTable(std::vector<Member> members) : members_(std::move(members)) {}
  /// One host more has `count` entries.
  void note_share(uint64_t count);
  void set_size(uint64_t size) { spread_ = {size, size, 0}; }

 private:
  std::vector<Member> members_;
  Spread spread_;
};

}  // namespace remora
