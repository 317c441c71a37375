#include "filter_slots.h"

#include <algorithm>

#include "remora/filter/http_filter.h"

namespace remora {

std::span<const uint32_t> FilterSlots::of(const std::vector<HttpFilterEntry>& chain,
                                          const RouteTable& table) {
  if (table_ == table.id()) return slots_;
  table_ = table.id();
  const auto& names = table.config().overridden_filters;  // sorted
  slots_.clear();
  for (const HttpFilterEntry& entry : chain) {
    const auto at = std::ranges::lower_bound(names, entry.factory->name());
    const bool named = at != names.end() && *at == entry.factory->name();
    slots_.push_back(named ? static_cast<uint32_t>(at - names.begin()) : kNone);
  }
  return slots_;
}

}  // namespace remora
