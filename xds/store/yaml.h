#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::store {

/// Block-style YAML that reads back as the same value: strings that could be taken for something else, or are
/// not plain words, are quoted. Ends with a line break.
std::string to_yaml(const boost::json::value& value);

/// The only document of a YAML or JSON text, typed as Kubernetes types scalars. Bounded in depth and size; an
/// error names the line.
Result<boost::json::value> from_yaml(const std::string& text);

}  // namespace remora::store
