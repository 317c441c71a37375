#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "kube/refusal.h"
#include "store/kinds.h"

namespace remora::kube {

/// What the mesh would say about an object, were it in a manifest file.
struct MeshFindings {
  std::vector<Cause> errors;
  std::vector<std::string> warnings;
};

/// Nothing for kinds that the mesh does not read.
MeshFindings check_for_mesh(const store::Kind& kind, const boost::json::object& object);

}  // namespace remora::kube
