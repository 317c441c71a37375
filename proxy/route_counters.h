#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "remora/config/route.h"
#include "remora/config/route_stats.h"

namespace remora {

/// What one forwarded request adds to the statistics of its virtual cluster and of its route, as far as they
/// keep any. Of one exchange; worker thread only. No allocation in steady state.
class RouteCounters {
 public:
  /// `head` decides the virtual cluster. Borrows blocks of `host` and `route`.
  void begin(const VirtualHost& host, const Route& route, const HeaderMap& head, size_t shard);
  void clear() { *this = {}; }

  /// Null: the virtual host has none.
  [[nodiscard]] const VirtualCluster* virtual_cluster() const { return virtual_cluster_; }

  void add(RouteStat stat) {
    for (StatBlock* block : blocks_) {
      if (block != nullptr) block->add(stat);
    }
  }
  /// An answer, of an upstream or in its stead.
  void answer(uint16_t status);
  void time(uint64_t milliseconds);

 private:
  const VirtualCluster* virtual_cluster_ = nullptr;
  std::array<StatBlock*, 2> blocks_{};  // of the virtual cluster, of the route; null: nothing is counted
};

}  // namespace remora
