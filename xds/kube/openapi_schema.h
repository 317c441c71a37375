#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "kube/schema.h"

namespace remora::kube {

enum class OpenApiVersion { kV2, kV3 };

/// "io.istio.networking.v1.VirtualService": what documents call the schema of a kind.
std::string component_name(const store::Kind& kind, std::string_view version);

/// {"group": ..., "version": ..., "kind": ...}
boost::json::object group_version_kind(const store::Kind& kind, std::string_view version,
                                       std::string_view suffix = {});

/// {"$ref": ...} to a component.
boost::json::object reference(std::string_view component, OpenApiVersion openapi);

/// A kind's schema in OpenAPI's words, marked with its group, version and kind. Object metadata and
/// int-or-string are references to shared_components().
boost::json::object openapi_schema(const store::Kind& kind, std::string_view version, OpenApiVersion openapi);
/// Of a list of such objects.
boost::json::object openapi_list_schema(const store::Kind& kind, std::string_view version,
                                        OpenApiVersion openapi);
/// What these refer to, by name.
boost::json::object shared_components(OpenApiVersion openapi);

}  // namespace remora::kube
