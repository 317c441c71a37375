#include "upstream/logical_host.h"

namespace remora {

HostUpdate update_logical_host(const HostList& old, const EndpointList& endpoints, size_t shards,
                               const HealthChecks* checks) {
  const bool moved = old.size() == 1 && endpoints.size() == 1 &&
                     old.front()->endpoint().address_text != endpoints.front()->address_text;
  if (!moved) return update_hosts(old, endpoints, shards, checks);
  HostUpdate update;
  update.hosts.push_back(std::make_shared<const Host>(endpoints.front(), old.front()->shared_state()));
  update.changed = true;
  return update;
}

}  // namespace remora
