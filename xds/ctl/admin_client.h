#pragma once

#include <string>

#include "ctl/arguments.h"

namespace remora::ctl {

/// The control plane's admin address: --admin, else $REMORA_ADMIN, else the default.
std::string admin_address(const Arguments& arguments);

/// The body of GET http://ADDRESS/TARGET. An error for anything but 200, and where nobody answers within
/// seconds.
Result<std::string> admin_get(const std::string& address, const std::string& target);

}  // namespace remora::ctl
