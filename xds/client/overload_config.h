#pragma once

#include <memory>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "remora/config/overload.h"
#include "translate/context.h"

namespace remora::xds {

/// Reads overload_manager, the runtime's limit of connections and the watchdogs; never null. Errors:
/// monitors, actions and load shed points that this build does not have, names that come twice, triggers of a
/// monitor that is not there.
std::shared_ptr<const OverloadSettings> to_overload(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                    Context& context);

}  // namespace remora::xds
