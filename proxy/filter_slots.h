#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "remora/config/listener.h"

namespace remora {

/// Which entry of a route table's PlaceFilters is meant for which filter of a chain. Listeners and route
/// tables come and change apart from each other, so the two are matched by name when they first meet on a
/// worker, and requests index. One per chain and worker.
class FilterSlots {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  /// By the filter's place in `chain`: its number in `table`'s overridden_filters, or kNone. Valid until the
  /// next call.
  std::span<const uint32_t> of(const std::vector<HttpFilterEntry>& chain, const RouteTable& table);

 private:
  uint64_t table_ = 0;  // the one that slots_ is for
  std::vector<uint32_t> slots_;
};

}  // namespace remora
