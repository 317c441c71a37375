#pragma once

#include <boost/json/fwd.hpp>

#include "remora/core/result.h"

namespace remora::kube {

/// RFC 6902: carries out the operations of `patch`, a list, on `target`. All or nothing: on an error
/// (malformed operation, missing path, a test that fails, a document that gets too deep or too large)
/// `target` is as before.
Result<void> json_patch(boost::json::value& target, const boost::json::value& patch);

}  // namespace remora::kube
