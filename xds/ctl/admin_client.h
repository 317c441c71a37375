#pragma once

#include <string>

#include "remora/core/result.h"

namespace remora::ctl {

/// The body of GET http://ADDRESS/TARGET. An error for anything but 200, and where nobody answers within
/// seconds.
Result<std::string> admin_get(const std::string& address, const std::string& target);

}  // namespace remora::ctl
