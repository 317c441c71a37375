#pragma once

#include <boost/json/object.hpp>

namespace remora::ctl {

/// A proxy's answer to /explain, for people.
void print_explanation(const boost::json::object& answer);

}  // namespace remora::ctl
