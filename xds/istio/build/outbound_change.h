#pragma once

#include <memory>

#include "istio/build/snapshot.h"
#include "istio/registry/config_change.h"

namespace remora::istio {

/// `before`, which build_outbound has made for `node` of the registry `was`, as it would be of `now`;
/// `change` is what differs between the two. Null where that cannot be told from `before`, so that it has to
/// be built. Costs what changed, and a look at every VirtualService.
std::shared_ptr<const Snapshot> change_outbound(const Registry& was, const Registry& now,
                                                const ProxyNode& node,
                                                const std::shared_ptr<const Snapshot>& before,
                                                const ConfigChange& change);

}  // namespace remora::istio
