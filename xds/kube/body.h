#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "kube/refusal.h"

namespace remora::kube {

/// The object that a request's body holds: JSON, or one YAML document or Kubernetes' protobuf where the type
/// says so. Bounded in size and depth.
Outcome<boost::json::object> read_body(std::string_view body, std::string_view content_type);

}  // namespace remora::kube
