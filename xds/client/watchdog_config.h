#pragma once

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "remora/config/overload.h"
#include "translate/context.h"

namespace remora::xds {

/// Reads `watchdogs`, or `watchdog`, which is for all threads. Error: both are there.
void read_watchdogs(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, Context& context,
                    OverloadSettings& out);

}  // namespace remora::xds
