#pragma once

#include <boost/json/object.hpp>

#include "istio/text/diagnostic.h"

namespace remora::istio {

/// A finding for programs: {severity: "error" | "warning", file, line, resource, path, message, text}; `text`
/// is to_string() of it.
boost::json::object finding_json(const Diagnostic& finding);

}  // namespace remora::istio
