#include "core/hash.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>

namespace remora {
namespace {

constexpr std::string_view kText =
    "The quick brown fox jumps over the lazy dog, twice: The quick brown fox jumps over the lazy dog.";

struct Known {
  size_t length;
  uint64_t plain;
  uint64_t seeded;  // with 1
};

// Computed with xxHash 0.8.1's own XXH64, one length for each way through the algorithm.
constexpr Known kXxHash[] = {
    {0, 0xef46db3751d8e999, 0xd5afba1336a3be4b},  {1, 0x5b4d6af247a3cf7b, 0xba08d6cde7d7f050},
    {3, 0x4108f90b5de14d15, 0x4d66b2cb8b62ec76},  {4, 0xcdf13a49d263200f, 0x7bcaa20519f4fcdc},
    {7, 0xc6fce9d72e310949, 0x1f8073856bc185bc},  {8, 0xd07b38a78a153b0b, 0x68de2edfece90e00},
    {11, 0x61cbdf23c67af875, 0x1d6fc770578f2418}, {12, 0xb2ed38017844f789, 0xf60aba5ed889c6f0},
    {31, 0x3f8d95ab32c127d9, 0x3221573b71d0da3b}, {32, 0xe2bbc9136629a4ee, 0x85db3c26b849f20c},
    {33, 0x6d92fe2ebab7db31, 0x7055a5e7f8027c41}, {63, 0x145bf72013a5a67a, 0x9d369d8bea7c2495},
    {64, 0x21e6fcac2fb4ac46, 0x2bc3183d1b986510}, {96, 0x632a2a20e2651a29, 0x55d27ba871dfe7fd},
};

TEST(Hash, IsThePublishedXxHash) {
  for (const auto& known : kXxHash) {
    EXPECT_EQ(xx_hash64(kText.substr(0, known.length)), known.plain) << known.length;
    EXPECT_EQ(xx_hash64(kText.substr(0, known.length), 1), known.seeded) << known.length;
  }
}

// Computed with libstdc++'s _Hash_bytes, which is the same algorithm with the same seed.
TEST(Hash, IsMurmurHash2) {
  constexpr std::pair<size_t, uint64_t> kKnown[] = {
      {0, 0x553e93901e462a6e}, {1, 0xf7aa15be8a7d743e},  {7, 0x8043435beb28a3e4}, {8, 0xe7a6e363901f19b2},
      {9, 0xac070a85dbb961a3}, {16, 0x3d5e1cf22cc17369}, {43, 0xdccbf2541704bc75}};
  for (const auto& [length, hash] : kKnown) EXPECT_EQ(murmur_hash2(kText.substr(0, length)), hash) << length;
}

}  // namespace
}  // namespace remora
