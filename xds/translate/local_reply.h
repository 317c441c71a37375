#pragma once

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "remora/config/local_reply.h"
#include "translate/context.h"

namespace remora::xds {

/// Standing at local_reply_config. Errors: mappers without a filter, statuses that are none.
LocalReplyConfig to_local_reply(
    const envoy::extensions::filters::network::http_connection_manager::v3::LocalReplyConfig& config,
    Context& context);

}  // namespace remora::xds
