#pragma once

#include <string>

#include "ctl/arguments.h"

namespace remora::ctl {

/// The control plane's admin address: --admin, else $REMORA_ADMIN, else the default.
std::string admin_address(const Arguments& arguments);

/// The body of GET http://ADDRESS/TARGET. An error for anything but 200, and where nobody answers within
/// seconds; it says `whom` was asked.
Result<std::string> admin_get(const std::string& address, const std::string& target,
                              const std::string& whom = "the control plane");

/// The admin address of a proxy: --admin, else 127.0.0.1:15000, where sidecars have it.
std::string proxy_admin_address(const Arguments& arguments);

/// The same as admin_get with a body of JSON. An answer other than 200 is an error with its text.
Result<std::string> admin_post(const std::string& address, const std::string& target, std::string body);

}  // namespace remora::ctl
