#pragma once

#include <boost/json/fwd.hpp>

#include "istio/model/resource.h"
#include "istio/text/value.h"

namespace remora::istio {

/// A JSON value as the tree that the readers of manifests know; `line` is 0 everywhere. Depth and number of
/// values are limited as for files. Pure.
std::variant<Value, SyntaxError> value_of(const boost::json::value& json);

/// One object as an API server gives it, read as strictly as one of a file. `place` stands for the file in
/// findings. Pure; never throws.
ParsedFile parse_object(const std::string& place, const boost::json::object& object);

}  // namespace remora::istio
