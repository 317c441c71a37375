#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace remora {

/// A hash that takes string_view, so that look-ups by one make no string.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <typename T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

}  // namespace remora
