#pragma once

#include <boost/json/fwd.hpp>

#include "remora/core/result.h"
#include "store/kinds.h"

namespace remora::kube {

/// Kubernetes' strategic merge: as a merge patch, but lists merge by the keys that the schema of `kind`
/// names, and directives ($patch, $setElementOrder/..., $deleteFromPrimitiveList/..., $retainKeys) steer it.
/// On an error `target` is undefined.
Result<void> strategic_merge(const store::Kind& kind, boost::json::value& target,
                             const boost::json::value& patch);

}  // namespace remora::kube
