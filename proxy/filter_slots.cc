#include "filter_slots.h"

#include <algorithm>

#include "remora/filter/http_filter.h"

namespace remora {

std::span<const uint32_t> FilterSlots::of(const std::vector<HttpFilterEntry>& chain,
                                          const RouteTable& table) {
  if (table_ == table.id()) return slots_;
  table_ = table.id();
  const auto& names = table.config().overridden_filters;  // few
  slots_.clear();
  for (const HttpFilterEntry& entry : chain) {
    const auto at = std::ranges::find(names, entry.factory->name());
    slots_.push_back(at != names.end() ? static_cast<uint32_t>(at - names.begin()) : kNone);
  }
  return slots_;
}

}  // namespace remora
