#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "remora/core/format.h"

namespace remora {
namespace {

bool continues(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80;
}

// Length of the well-formed UTF-8 sequence at the front of `text`, which begins with a byte above 0x7f; 0 if
// it is not one (RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t sequence_length(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const auto second = text.size() > 1 ? static_cast<uint8_t>(text[1]) : uint8_t{0};
  if (!continues(text, 1)) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (!continues(text, 2)) return 0;
  if ((first & 0xf0) == 0xe0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (!continues(text, 3)) return 0;
  const bool overlong = first == 0xf0 && second < 0x90;
  const bool too_high = first == 0xf4 && second >= 0x90;
  return first >= 0xf0 && first <= 0xf4 && !overlong && !too_high ? 4 : 0;
}

// A byte that is no UTF-8 is written as the character of its number, as in Envoy's logs.
void append_escape(char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<uint8_t>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

void append_json_escaped(std::string_view text, std::string& out) {
  size_t plain = 0;  // bytes at the front of `text` that can be copied as they are
  while (plain < text.size()) {
    const char c = text[plain];
    const auto byte = static_cast<uint8_t>(c);
    const size_t length = byte < 0x80 ? 1 : sequence_length(text.substr(plain));
    if (length > 0 && byte >= 0x20 && c != '"' && c != '\\') {
      plain += length;
      continue;
    }
    out.append(text.substr(0, plain));
    append_escape(c, out);
    text.remove_prefix(plain + 1);
    plain = 0;
  }
  out.append(text);
}

}  // namespace remora
