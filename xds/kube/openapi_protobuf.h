#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace remora::kube {

/// An OpenAPI v2 document with its definitions as gnostic's openapi.v2.Document, in protobuf's wire format:
/// the only form in which kubectl before 1.29 reads schemas, and without which it does not apply. Its paths
/// are left out; what is supported is looked up in version 3 first.
std::string openapi_protobuf(const boost::json::object& document);

}  // namespace remora::kube
