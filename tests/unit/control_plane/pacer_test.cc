// Soon, and not too often.
#include "control_plane/pacer.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <vector>

namespace remora::xds {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class PacerTest : public testing::Test {
 protected:
  void run_until(size_t runs) {
    const auto end = Clock::now() + std::chrono::seconds(20);
    while (runs_.size() < runs && Clock::now() < end) context_.run_one_for(milliseconds(50));
    ASSERT_EQ(runs_.size(), runs);
  }

  boost::asio::io_context context_;
  std::vector<Clock::time_point> runs_;
  milliseconds work_{0};
  std::function<void()> again_ = [] {};
  Pacer pacer_{context_, milliseconds(5), milliseconds(30), [this] {
                 runs_.push_back(Clock::now());
                 while (Clock::now() < runs_.back() + work_) {}
                 again_();
               }};
};

TEST_F(PacerTest, ABurstIsOneRun) {
  const auto began = Clock::now();
  for (int i = 0; i < 100; ++i) pacer_.ask();
  EXPECT_TRUE(runs_.empty()) << "never from within";
  run_until(1);
  EXPECT_GE(runs_[0], began + milliseconds(5));
  context_.restart();
  context_.run();
  EXPECT_EQ(runs_.size(), 1U) << "and nothing is left to do";
}

TEST_F(PacerTest, RunsAreApart) {
  again_ = [this] { pacer_.ask(); };
  pacer_.ask();
  run_until(4);
  for (size_t i = 1; i < runs_.size(); ++i) EXPECT_GE(runs_[i] - runs_[i - 1], milliseconds(30));
}

TEST_F(PacerTest, WhatTakesLongLeavesAsMuchTimeToOthers) {
  work_ = milliseconds(50);
  again_ = [this] { pacer_.ask(); };
  pacer_.ask();
  run_until(3);
  for (size_t i = 1; i < runs_.size(); ++i) EXPECT_GE(runs_[i] - runs_[i - 1], 2 * work_);
}

TEST_F(PacerTest, ItsEndIsTheEndOfIt) {
  {
    Pacer gone(context_, milliseconds(1), milliseconds(1), [] { FAIL(); });
    gone.ask();
  }
  context_.restart();
  context_.run();
}

}  // namespace
}  // namespace remora::xds
