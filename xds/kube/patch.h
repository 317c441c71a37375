#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>

#include "kube/refusal.h"
#include "store/kinds.h"

namespace remora::kube {

/// How a patch is meant; what the Content-Type of a PATCH says.
enum class PatchType { kJson, kMerge, kStrategic, kApply };

/// Reads a Content-Type ("application/merge-patch+json; charset=utf-8"). Where `kind` does not take that
/// type (custom resources take no strategic merge patches), or it is unknown: 415 with the types that it
/// takes.
Outcome<PatchType> patch_type(const store::Kind& kind, std::string_view content_type);

/// What `current` becomes by `body`, the body of a PATCH of any type but kApply (see apply.h for that one).
/// The result still needs what every write needs: validation, and the check that name, namespace, kind and
/// uid stayed. 400 for a body that cannot be read, 422 for one that does not apply, 413 for one too large.
Outcome<boost::json::object> patch(const store::Kind& kind, const boost::json::object& current,
                                   std::string_view body, PatchType type);

}  // namespace remora::kube
