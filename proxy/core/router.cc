#include "remora/filter/router.h"

namespace remora {

const RouterConfig& router_of(const HttpConnectionManagerConfig& manager) {
  static const RouterConfig kDefault;
  if (manager.filters.empty()) return kDefault;
  const auto* entry = dynamic_cast<const RouterEntry*>(manager.filters.back().factory.get());
  return entry == nullptr ? kDefault : entry->config();
}

}  // namespace remora
