#pragma once

#include <boost/json/object.hpp>
#include <string_view>

namespace remora::kube {

/// The value at a path of member names and list entries, "spec.servers[0].hosts"; null where there is none.
const boost::json::value* value_at(const boost::json::object& object, std::string_view path);

}  // namespace remora::kube
