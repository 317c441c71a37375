#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "kube/openapi_schema.h"

namespace remora::kube {

/// "apis/networking.istio.io/v1", "api/v1": where a group version's resources live.
std::string group_version_path(const store::Kind& kind, std::string_view version);

/// Adds the paths of a kind, with what can be done there and the query parameters that it takes: clients look
/// there for what a server supports.
void add_paths(const store::Kind& kind, std::string_view version, OpenApiVersion openapi,
               boost::json::object& paths);

}  // namespace remora::kube
