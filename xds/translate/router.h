#pragma once

#include <string>

#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "remora/filter/router.h"
#include "translate/context.h"

namespace remora::xds {

using ProtoRouter = envoy::extensions::filters::http::router::v3::Router;

/// Standing at the router, whose fields have been checked. Errors: access logs that this build cannot write.
RouterConfig to_router(const ProtoRouter& router, Context& context);

/// Whether `router` says anything that a RouterEntry has to keep.
bool needs_entry(const ProtoRouter& router);

}  // namespace remora::xds
