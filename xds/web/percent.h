#pragma once

#include <string>
#include <string_view>

namespace remora::web {

enum class Plus { kIsPlus, kIsSpace };  ///< a path keeps it, a query means a space by it

/// Percent-decoded; what is no valid escape stays as it is.
std::string percent_decode(std::string_view text, Plus plus);

/// As a path segment or query value.
std::string percent_encode(std::string_view text);

}  // namespace remora::web
