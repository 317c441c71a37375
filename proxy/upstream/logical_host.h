#pragma once

#include "upstream/host.h"

namespace remora {

/// The hosts of a cluster that is one logical host (LOGICAL_DNS): another address is the same member, so that
/// its connections stay and new ones go to the new address. As update_hosts(). Source: Envoy, service
/// discovery (logical DNS).
HostUpdate update_logical_host(const HostList& old, const EndpointList& endpoints, size_t shards,
                               const HealthChecks* checks);

}  // namespace remora
