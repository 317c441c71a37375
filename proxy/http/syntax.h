#pragma once

#include <array>
#include <string_view>

// What HTTP's grammar allows in one place of a message, the same in all versions. Source: RFC 9110,
// section 5.
namespace remora {

namespace detail {
constexpr std::array<char, 256> make_token_table() {
  std::array<char, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"))
    table[static_cast<unsigned char>(c)] = c;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = static_cast<char>(c - 'A' + 'a');
  return table;
}
}  // namespace detail

/// 0: not a token character; else the character, lower-cased.
inline constexpr auto kLowerToken = detail::make_token_table();

/// One or more token characters: a field's name, a method.
bool is_token(std::string_view text);
/// Any bytes but control characters; empty too.
bool is_field_value(std::string_view text);
/// A valid Host value or authority: host and optional port, no user information, no comma.
bool is_valid_authority(std::string_view text);

}  // namespace remora
