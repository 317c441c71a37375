#pragma once

#include <memory>

#include "envoy/config/route/v3/route.pb.h"
#include "translate/resource_source.h"

namespace remora::xds {

/// Where the virtual hosts of a table come from that do not stand in it; null: there are none, or an error
/// was recorded. The context stands at the RouteConfiguration. `ads_is_delta`: the management server is asked
/// for what differs, which is the only way to have them. Source: Envoy, VHDS.
std::shared_ptr<const ResourceSource> to_vhds_source(
    const envoy::config::route::v3::RouteConfiguration& config, bool ads_is_delta, Context& context);

}  // namespace remora::xds
