#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace remora::inject {

/// The operations (RFC 6902) that make `after` of `before`: add, replace and remove, each as deep as the
/// change is. Lists of another length are replaced as a whole.
boost::json::array difference(const boost::json::object& before, const boost::json::object& after);

}  // namespace remora::inject
