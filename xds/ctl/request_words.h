#pragma once

#include <boost/json/object.hpp>

#include "ctl/arguments.h"

namespace remora::ctl {

/// The request that a URL and curl's flags describe, as POST /explain takes it. Errors name the flag.
Result<boost::json::object> question_of(const Arguments& arguments);

}  // namespace remora::ctl
