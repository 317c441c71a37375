#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace remora {

/// ASCII case, independent of the locale: host names, header names and case-insensitive matches fold only
/// A-Z.

inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline void ascii_lower_in_place(std::string& text) {
  for (char& c : text) c = ascii_lower(c);
}

/// True if `text`, folded, is `folded` (which must be lower-case already).
inline bool equals_folded(std::string_view text, std::string_view folded) {
  if (text.size() != folded.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (ascii_lower(text[i]) != folded[i]) return false;
  }
  return true;
}

/// Hash for maps with string keys that are looked up by string_view (with std::equal_to<>).
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Lower-cases the ASCII letters among eight bytes at once.
inline uint64_t ascii_lower_word(uint64_t word) {
  constexpr uint64_t kEach = 0x0101010101010101u;
  const uint64_t low_bits = word & (0x7f * kEach);
  const uint64_t from_a = low_bits + (0x80 - 'A') * kEach;        // the top bit of a byte says: at least 'A'
  const uint64_t beyond_z = low_bits + (0x80 - 'Z' - 1) * kEach;  // ... : above 'Z'
  const uint64_t upper = (from_a & ~beyond_z & ~word) & (0x80 * kEach);
  return word | (upper >> 2);
}

/// Hash and equality for maps whose keys are lower-case and whose look-ups are in any case: nothing is copied
/// to fold it.
struct FoldedHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const {
    uint64_t hash = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) hash = mixed(hash, text.data(), 8);
    return static_cast<size_t>(text.empty() ? hash : mixed(hash, text.data(), text.size()));
  }

 private:
  static uint64_t mixed(uint64_t hash, const char* bytes, size_t count) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, count);
    hash = (hash ^ ascii_lower_word(word)) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
  }
};

struct FoldedEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const {
    if (a.size() != b.size()) return false;
    if (a == b) return true;  // nearly always
    for (size_t i = 0; i < a.size(); ++i) {
      if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
    }
    return true;
  }
};

}  // namespace remora
