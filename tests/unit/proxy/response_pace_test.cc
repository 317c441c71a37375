#include "response_pace.h"

#include <gtest/gtest.h>

#include <string>

namespace remora {
namespace {

struct Pace : ::testing::Test {
  void hold(size_t bytes) { pace.hold({std::string(bytes, 'x'), Credit(*account, bytes)}); }
  /// How much leaves after so many milliseconds more.
  size_t after(int milliseconds) {
    now += Milliseconds(milliseconds);
    const size_t bytes = pace.next(now).bytes.size();
    last = pace.last();
    pace.sent();
    return bytes;
  }
  ~Pace() override { account->release_reference(); }

  CreditAccount* account = CreditAccount::make(nullptr, 1'000'000);
  ResponsePace pace{16 * 1024};  // 1 KiB a slice of 63 ms
  MonotonicTime now{Milliseconds(1000)};
  bool last = false;
};

TEST_F(Pace, BeginsWithOneSlice) {
  hold(10'000);
  EXPECT_EQ(after(0), 1024u);
  EXPECT_EQ(after(62), 0u);
  EXPECT_EQ(after(1), 1024u);
  EXPECT_EQ(after(3 * 63), 3 * 1024u);
}

TEST_F(Pace, SavesUpToASecond) {
  hold(1024);
  EXPECT_EQ(after(0), 1024u);
  hold(100'000);
  EXPECT_EQ(after(60'000), 16 * 1024u);
  EXPECT_EQ(after(63), 1024u);
}

TEST_F(Pace, WhatIsLessThanASliceCostsAWholeOne) {
  hold(100);
  EXPECT_EQ(after(0), 100u);
  hold(100);
  EXPECT_EQ(after(0), 0u);
}

TEST_F(Pace, HoldsCreditsUntilTheirBytesLeave) {
  hold(2048);
  EXPECT_EQ(account->outstanding(), 2048u);
  EXPECT_EQ(after(0), 1024u);
  EXPECT_EQ(account->outstanding(), 1024u);
}

TEST_F(Pace, SaysWhenItIsThroughWithTheBody) {
  hold(1500);
  pace.complete();
  after(0);
  EXPECT_FALSE(last);
  EXPECT_EQ(after(63), 476u);
  EXPECT_TRUE(last);
}

TEST_F(Pace, SlowerThanAByteASliceIsAByteASlice) {
  ResponsePace slow(1);
  slow.hold({"ab", {}});
  EXPECT_EQ(slow.next(now).bytes.size(), 1u);
}

}  // namespace
}  // namespace remora
