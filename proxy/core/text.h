#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace remora {

/// A number that is the whole of `text`: no sign where it cannot have one, no blanks, nothing behind it.
/// Empty if it is none, or out of Number's range.
template <typename Number>
std::optional<Number> read_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Whether `text` is `lower_case` (which must be so), in whatever mixture of ASCII's two cases.
inline bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(), [](char x, char lower) {
    return x == lower || (x >= 'A' && x <= 'Z' && x + ('a' - 'A') == lower);
  });
}

}  // namespace remora
