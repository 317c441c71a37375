#include "grpc_stats/message_counter.h"

#include <string>

#include <gtest/gtest.h>

namespace remora::filters {
namespace {

std::string message(size_t size) {
  std::string out(5 + size, 'x');
  out[0] = 0;
  for (size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(size >> (24 - 8 * i));
  return out;
}

TEST(MessageCounter, CountsWhereAMessageBegins) {
  MessageCounter counter;
  EXPECT_EQ(counter.add(message(3).substr(0, 1)), 1u);  // the flags alone
  EXPECT_EQ(counter.add(message(3).substr(1)), 0u);
  EXPECT_EQ(counter.add(message(0) + message(0) + message(70000) + message(1)), 4u);
  EXPECT_EQ(counter.count(), 5u);
}

TEST(MessageCounter, DoesNotCareHowTheBodyIsCut) {
  std::string body;
  for (const size_t size : {0, 1, 4, 5, 6, 255, 256, 65536, 0, 0, 3}) body += message(size);
  for (const size_t piece : {1, 2, 3, 4, 5, 6, 7, 100, 16384, 1000000}) {
    MessageCounter counter;
    uint64_t sum = 0;
    for (size_t at = 0; at < body.size(); at += piece)
      sum += counter.add(std::string_view(body).substr(at, piece));
    EXPECT_EQ(counter.count(), 11u) << piece;
    EXPECT_EQ(sum, 11u) << piece;
  }
}

TEST(MessageCounter, TakesLengthsOfFourBytes) {
  MessageCounter counter;
  EXPECT_EQ(counter.add(std::string_view("\x01\xff\xff\xff\xff", 5)), 1u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(counter.add(std::string(1 << 20, '\0')), 0u);  // still the first one
}

}  // namespace
}  // namespace remora::filters
