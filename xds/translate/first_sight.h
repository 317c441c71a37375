#pragma once

#include "remora/config/listener.h"
#include "translate/context.h"
#include "translate/listener.h"

namespace remora::xds {

/// What a connection manager does with a request before anything else looks at it: early_header_mutation_
/// extensions, and who sent it by original_ip_detection_extensions. Errors: extensions that are not of this
/// build; ways to find the origin that cannot be mixed.
void set_first_sight(const ProtoConnectionManager& manager, Context& context,
                     HttpConnectionManagerConfig& out);

}  // namespace remora::xds
