#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

inline constexpr std::string_view kStatusAnnotation = "sidecar.istio.io/status";
inline constexpr std::string_view kInjectName = "sidecar.istio.io/inject";  ///< a label, or an annotation

/// The mesh's settings as one pod's annotations change them, under Istio's names. A value that makes no sense
/// is an error that names its annotation; one of Istio's that means nothing here is a warning.
Result<Settings> settings_of(const boost::json::object& pod, const Settings& mesh,
                             std::vector<std::string>& warnings);

}  // namespace remora::inject
