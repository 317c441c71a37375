#pragma once

#include <optional>
#include <string_view>

#include "envoy/config/overload/v3/overload.pb.h"
#include "remora/config/overload.h"
#include "translate/context.h"

namespace remora::xds {

/// By Envoy's names; absent: this build has none of that name.
std::optional<OverloadMeasure> action_of(std::string_view name);
std::optional<OverloadMeasure> load_shed_point_of(std::string_view name);

/// Reads the settings of an action, standing at it; only reduce_timeouts has some, and needs them.
void read_action_settings(const envoy::config::overload::v3::OverloadAction& proto, OverloadMeasure measure,
                          Context& context, OverloadSettings& out);

}  // namespace remora::xds
