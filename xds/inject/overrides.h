#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "remora/core/result.h"

namespace remora::inject {

/// Takes the container called `name` out of the list, where there is one, and lays what it says over `ours`:
/// maps field by field, env and volume mounts by name, everything else as a whole. Its image may be "auto".
Result<void> take_overrides(boost::json::array& containers, const std::string& name,
                            boost::json::object& ours);

}  // namespace remora::inject
