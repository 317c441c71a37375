#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "kube/call.h"
#include "kube/managed_fields.h"

namespace remora::kube {

/// metadata of an object; made where it is not there or no object.
boost::json::object& metadata_of(boost::json::object& body);

/// Takes out lists and maps of the metadata that hold nothing, as Kubernetes does: what has lost its last
/// label is what never had one.
void drop_empty_metadata(boost::json::object& body);

/// Fits what the body says of its kind, namespace and name to what the path says, or says what contradicts.
/// `name`: the path's, or for a creation the empty string.
std::optional<Refusal> match_identity(const Call& call, boost::json::object& body);

/// The name of an object to be created: metadata.name, or one made from metadata.generateName.
std::string name_to_create(const boost::json::object& body);

/// Names and labels that Kubernetes refuses.
std::optional<Refusal> check_metadata(const store::Kind& kind, const std::string& name,
                                      const boost::json::object& body);

Writer writer_of(const Call& call);

}  // namespace remora::kube
