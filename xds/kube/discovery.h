#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "kube/call.h"

namespace remora::kube {

/// What the server can do, in the documents of Kubernetes' discovery: for kPaths, kCore, kGroups, kGroup and
/// kResources.
boost::json::object discovery(const Call& call);

/// /version: which of Kubernetes' releases the API is like, and which build of ours this is.
boost::json::object version_info(const std::string& build);

}  // namespace remora::kube
