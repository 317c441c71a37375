#pragma once

#include "envoy/config/core/v3/protocol.pb.h"
#include "remora/config/header_case.h"
#include "translate/context.h"

namespace remora::xds {

/// Of HTTP/1 options; standing at them. Errors: a formatter that is not of this build.
HeaderCase to_header_case(const envoy::config::core::v3::Http1ProtocolOptions& options, Context& context);

}  // namespace remora::xds
