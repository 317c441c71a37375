#pragma once

#include "istio/build/inbound_ports.h"
#include "istio/build/snapshot.h"

namespace remora::istio {

/// What the proxy takes from clients for its application: listeners, clusters, and notes on what had to be
/// left out.
void add_inbound(const InboundPorts& ports, const MeshView& view, Snapshot& snapshot);

}  // namespace remora::istio
