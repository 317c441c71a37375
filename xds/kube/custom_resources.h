#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "store/kinds.h"

namespace remora::kube {

/// Whether Kubernetes has to be taught this kind: it belongs to none of its own groups.
bool is_custom(const store::Kind& kind);

/// The CustomResourceDefinition (apiextensions.k8s.io/v1) of such a kind: every version with the same
/// schema, the preferred one stored. The schema checks the fields that we know; it keeps those that we do
/// not, so that the control plane sees them and can name them, instead of the API server dropping them.
boost::json::object custom_resource_definition(const store::Kind& kind);

/// Of all of them, in the order of store::kinds().
std::vector<boost::json::object> custom_resource_definitions();

}  // namespace remora::kube
