#include "remora/core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace remora {
namespace {

TEST(Random, FollowsXoshiro256StarStar) {
  // Reference: the published algorithm over the state that splitmix64 gives for seed 0.
  std::array<uint64_t, 4> s = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f,
                               0xf88bb8a8724c81ec};
  const auto rotl = [](uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  Random random(0);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t want = rotl(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    ASSERT_EQ(random.next(), want) << i;
  }
}

TEST(Random, SeedsGiveDifferentSequences) {
  std::set<uint64_t> first;
  for (uint64_t seed = 0; seed < 100; ++seed) first.insert(Random(seed).next());
  EXPECT_EQ(first.size(), 100u);
  EXPECT_NE(Random().next(), Random().next());
}

TEST(Random, BelowIsUniform) {
  constexpr size_t kBuckets = 7;
  constexpr int kDraws = 70000;
  std::array<int, kBuckets> seen{};
  Random random(42);
  for (int i = 0; i < kDraws; ++i) ++seen.at(random.below(kBuckets));
  double chi = 0;
  for (const int n : seen) chi += (n - kDraws / 7.0) * (n - kDraws / 7.0) / (kDraws / 7.0);
  EXPECT_LT(chi, 22.46);  // 6 degrees of freedom, 0.1 %
  EXPECT_EQ(random.below(1), 0u);
}

}  // namespace
}  // namespace remora
