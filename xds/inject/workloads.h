#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

namespace remora::inject {

/// The pod or pod template of an object that makes pods, with the name of the workload; `take` may change it.
/// Lists are walked through. False where the object has none: then it is of no concern to sidecars.
bool visit_pods(boost::json::object& object,
                const std::function<void(boost::json::object& pod, const std::string& workload,
                                         const std::string& what)>& take);

}  // namespace remora::inject
