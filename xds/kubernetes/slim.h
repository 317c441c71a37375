#pragma once

#include <boost/json/object.hpp>

// What is kept of objects that are many and that we only read. Pure.
namespace remora::kubernetes {

boost::json::object slim_pod(const boost::json::object& whole);
boost::json::object slim_node(const boost::json::object& whole);
boost::json::object slim_endpoint_slice(const boost::json::object& whole);

}  // namespace remora::kubernetes
