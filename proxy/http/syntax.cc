#include "http/syntax.h"

namespace remora {
namespace {

constexpr std::array<bool, 256> make_value_table() {
  std::array<bool, 256> table{};
  for (unsigned c = 0x20; c < 0x100; ++c) table[c] = c != 0x7f;
  table['\t'] = true;
  return table;
}
constexpr auto kValueByte = make_value_table();

}  // namespace

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (kLowerToken[static_cast<unsigned char>(c)] == 0) return false;
  }
  return !text.empty();
}

bool is_field_value(std::string_view text) {
  for (const char c : text) {
    if (!kValueByte[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

bool is_valid_authority(std::string_view text) {
  if (text.empty() || text.size() > 255 + 6) return false;
  const bool bracketed = text.front() == '[';
  size_t end = 0;
  if (bracketed) {
    end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    if (text.substr(1, end - 1).find_first_not_of("0123456789abcdefABCDEF:.%") != std::string_view::npos)
      return false;
    ++end;
  } else {
    constexpr std::string_view kHostBytes =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;=%";
    while (end < text.size() && kHostBytes.find(text[end]) != std::string_view::npos) ++end;
    if (end == 0) return false;
  }
  if (end == text.size()) return true;
  if (text[end] != ':' || text.size() - end > 6) return false;
  return text.find_first_not_of("0123456789", end + 1) == std::string_view::npos;
}

}  // namespace remora
