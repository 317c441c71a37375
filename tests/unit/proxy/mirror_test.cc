#include <gtest/gtest.h>

#include <string>

#include "mirror/body_digest.h"
#include "mirror/comparison.h"
#include "remora/config/route.h"
#include "remora/http/exchange_info.h"
#include "stats/shadow_stats.h"

namespace remora {
namespace {

uint64_t digest(std::string_view text, size_t piece) {
  BodyDigest out;
  for (; text.size() > piece; text.remove_prefix(piece)) out.add(text.substr(0, piece));
  out.add(text);
  return out.value();
}

TEST(BodyDigest, DoesNotDependOnHowABodyIsCut) {
  std::string text;
  for (int i = 0; i < 200; ++i) text.push_back(static_cast<char>(i * 7));
  for (size_t length = 0; length < text.size(); ++length) {
    const std::string_view part = std::string_view(text).substr(0, length);
    for (const size_t piece : {size_t{1}, size_t{3}, size_t{8}, size_t{64}})
      EXPECT_EQ(digest(part, piece), digest(part, 1000)) << length << " in pieces of " << piece;
  }
}

TEST(BodyDigest, TellsBodiesApart) {
  const std::string zeros(32, '\0');
  EXPECT_NE(digest(zeros, 100), digest(zeros.substr(1), 100));
  EXPECT_NE(digest("", 1), digest(zeros.substr(0, 1), 1));
  EXPECT_NE(digest("abcdefgh12345678", 100), digest("12345678abcdefgh", 100));
  for (size_t at = 0; at < zeros.size(); ++at) {
    std::string other = zeros;
    other[at] = 1;
    EXPECT_NE(digest(other, 100), digest(zeros, 100)) << at;
  }
}

struct Comparison : ::testing::Test {
  static ShadowAnswer answer(uint16_t status, int took = 5, std::string_view body = "same") {
    ShadowAnswer out;
    out.whole = true;
    out.status = status;
    out.took = Milliseconds(took);
    out.body.emplace().add(body);
    return out;
  }
  void count(const ShadowAnswer& primary, const ShadowAnswer& shadow) {
    count_comparison(primary, shadow, how, stats);
  }
  ShadowCompare how{.body = true};
  StatBlock stats{shadow_stat_schema()};
};

TEST_F(Comparison, Statuses) {
  count(answer(200), answer(200));
  count(answer(200), answer(201));
  count(answer(200), answer(503));
  count(answer(500), answer(404));
  EXPECT_EQ(stats.value(kCompareTotal), 4u);
  EXPECT_EQ(stats.value(kCompareStatusSame), 1u);
  EXPECT_EQ(stats.value(kCompareStatusClassSame), 1u);
  EXPECT_EQ(stats.value(kCompareStatusDiffers), 2u);
  EXPECT_EQ(stats.value(kCompareShadowFailed), 1u);
  EXPECT_EQ(stats.value(kComparePrimaryFailed), 1u);
}

TEST_F(Comparison, StatusesOfGrpc) {
  auto ok = answer(200);
  ok.grpc = 0;
  auto unavailable = answer(200);
  unavailable.grpc = 14;
  count(ok, ok);
  count(ok, unavailable);
  EXPECT_EQ(stats.value(kCompareStatusSame), 1u);
  EXPECT_EQ(stats.value(kCompareStatusDiffers), 1u);
  EXPECT_EQ(stats.value(kCompareShadowFailed), 1u);
}

TEST_F(Comparison, Times) {
  count(answer(200, 5), answer(200, 25));
  count(answer(200, 40), answer(200, 10));
  count(answer(200, 7), answer(200, 7));
  EXPECT_EQ(stats.histogram(kComparePrimaryTime)->sum(), 52u);
  EXPECT_EQ(stats.histogram(kCompareShadowTime)->sum(), 42u);
  EXPECT_EQ(stats.histogram(kCompareSlower)->sum(), 20u);
  EXPECT_EQ(stats.histogram(kCompareSlower)->count(), 1u);
  EXPECT_EQ(stats.histogram(kCompareFaster)->sum(), 30u);
}

TEST_F(Comparison, Bodies) {
  how.max_body_bytes = 5;
  count(answer(200), answer(200));
  count(answer(200), answer(200, 5, "samf"));
  count(answer(200), answer(200, 5, "longer"));
  auto unread = answer(200);
  unread.body.reset();
  count(unread, answer(200));
  EXPECT_EQ(stats.value(kCompareBodySame), 1u);
  EXPECT_EQ(stats.value(kCompareBodyDiffers), 1u);
  EXPECT_EQ(stats.value(kCompareBodySkipped), 2u);
}

TEST_F(Comparison, NoAnswer) {
  ShadowAnswer none;
  count(answer(200), none);
  count(none, answer(200));
  count(none, none);
  EXPECT_EQ(stats.value(kCompareTotal), 3u);
  EXPECT_EQ(stats.value(kCompareNoAnswer), 3u);
  EXPECT_EQ(stats.value(kCompareShadowFailed), 1u);
  EXPECT_EQ(stats.value(kComparePrimaryFailed), 1u);
  EXPECT_EQ(stats.value(kCompareStatusSame), 0u);
}

TEST_F(Comparison, ARequestThatItsClientEndedSaysNothing) {
  ExchangeInfo info;
  info.flags.set(ResponseFlag::kDownstreamConnectionTermination);
  EXPECT_FALSE(primary_answer(info, MonotonicTime{}, std::nullopt));
  info.upstream_last_received = MonotonicTime(Milliseconds(10));  // unless the upstream was through with it
  EXPECT_TRUE(primary_answer(info, MonotonicTime{}, std::nullopt));
}

}  // namespace
}  // namespace remora
