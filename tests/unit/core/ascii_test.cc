#include "core/ascii.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace remora {
namespace {

TEST(Ascii, FoldsOnlyLetters) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const char expected = i >= 'A' && i <= 'Z' ? static_cast<char>(i + 32) : c;
    EXPECT_EQ(ascii_lower(c), expected) << i;
    for (size_t place = 0; place < 8; ++place) {  // each byte of a word, whatever its neighbours are
      for (const char neighbour : {'\0', 'A', 'z', '\x7f', '\xff'}) {
        char bytes[8];
        std::memset(bytes, neighbour, sizeof bytes);
        bytes[place] = c;
        uint64_t word = 0;
        std::memcpy(&word, bytes, sizeof word);
        word = ascii_lower_word(word);
        std::memcpy(bytes, &word, sizeof word);
        EXPECT_EQ(bytes[place], expected) << i << " at " << place;
        EXPECT_EQ(bytes[(place + 1) % 8], ascii_lower(neighbour)) << i << " at " << place;
      }
    }
  }
}

TEST(Ascii, FoldedHashAndEqualityIgnoreCase) {
  const FoldedHash hash;
  const FoldedEqual equal;
  for (size_t length = 0; length < 40; ++length) {
    const std::string low(length, 'q');
    std::string mixed = low;
    for (size_t i = 0; i < length; i += 2) mixed[i] = 'Q';
    EXPECT_EQ(hash(low), hash(mixed)) << length;
    EXPECT_TRUE(equal(low, mixed)) << length;
    EXPECT_FALSE(equal(low, mixed + "q")) << length;
    if (length > 0) {
      std::string other = low;
      other[length - 1] = 'r';
      EXPECT_NE(hash(low), hash(other)) << length;
      EXPECT_FALSE(equal(low, other)) << length;
    }
  }
}

TEST(Ascii, EqualsFoldedWantsALowerCaseSide) {
  EXPECT_TRUE(equals_folded("FoO", "foo"));
  EXPECT_FALSE(equals_folded("foo", "Foo"));
  EXPECT_FALSE(equals_folded("foo", "fo"));
}

}  // namespace
}  // namespace remora
