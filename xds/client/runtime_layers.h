#pragma once

#include <map>
#include <string>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "translate/context.h"

namespace remora::xds {

/// The static layers of layered_runtime as one flat map: {a: {b: 1}} becomes "a.b" -> "1". Later layers win.
/// Keys that nothing in this build reads are said as warnings.
std::map<std::string, std::string> flatten_runtime(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                   Context& context);

}  // namespace remora::xds
