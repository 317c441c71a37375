#include "upstream/demands.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

DemandKey cluster(const std::string& name) { return {DemandKey::Kind::kCluster, {}, name}; }

class DemandsTest : public testing::Test {
 protected:
  DemandsTest() {
    demands_.set_source([this](Demand demand) {
      asked_.push_back(demand.key.name);
      return number_;
    });
  }
  uint64_t wait(const std::string& name, Milliseconds timeout = Milliseconds(60000)) {
    return demands_.add({cluster(name), nullptr}, timeout,
                        [this, name](DemandResult result) { heard_.emplace_back(name, result); });
  }
  /// Lets timers that are due fire.
  void turn_until_heard(size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (heard_.size() < count && std::chrono::steady_clock::now() < end) reactor_.turn(50);
  }

  using Heard = std::vector<std::pair<std::string, DemandResult>>;
  Reactor reactor_;
  uint64_t number_ = 0;  // that the next demand is given
  Demands demands_{reactor_};
  std::vector<std::string> asked_;
  Heard heard_;
};

TEST_F(DemandsTest, OneQuestionForAllWhoWait) {
  wait("a");
  wait("a");
  wait("b");
  EXPECT_EQ(asked_, (std::vector<std::string>{"a", "b"}));
  demands_.settle({{cluster("a"), true}, {cluster("c"), true}});
  EXPECT_EQ(heard_, (Heard{{"a", DemandResult::kFound}, {"a", DemandResult::kFound}}));
  demands_.settle({{cluster("b"), false}});
  EXPECT_EQ(heard_.back(), (std::pair{std::string("b"), DemandResult::kMissing}));
  EXPECT_EQ(demands_.waiting(), 0u);
  wait("a");
  EXPECT_EQ(asked_.size(), 3u) << "an answer holds for those who waited";
}

TEST_F(DemandsTest, AnAnswerIsForThoseWhoAskedBefore) {
  number_ = 5;
  wait("a");
  demands_.settle({{cluster("a"), false, 4}});
  EXPECT_TRUE(heard_.empty()) << "it answers another worker, which asked earlier";
  demands_.settle({{cluster("a"), false, 5}});
  EXPECT_EQ(heard_, (Heard{{"a", DemandResult::kMissing}}));
  number_ = 7;
  wait("a");
  demands_.settle({{cluster("a"), true, 6}});
  EXPECT_EQ(heard_.back(), (std::pair{std::string("a"), DemandResult::kFound})) << "what is there is there";
}

TEST_F(DemandsTest, EachWaitsForItsOwnTime) {
  wait("a");
  wait("a", Milliseconds(1));
  turn_until_heard(1);
  EXPECT_EQ(heard_, (Heard{{"a", DemandResult::kTimeout}}));
  demands_.settle({{cluster("a"), true}});
  EXPECT_EQ(heard_.size(), 2u);
}

TEST_F(DemandsTest, WhoLeavesHearsNothing) {
  const uint64_t first = wait("a");
  wait("a");
  demands_.cancel(first);
  demands_.cancel(first);
  demands_.settle({{cluster("a"), true}});
  EXPECT_EQ(heard_.size(), 1u);
}

TEST_F(DemandsTest, WhoIsCalledMayWaitAgain) {
  int calls = 0;
  std::function<void(DemandResult)> again = [&](DemandResult) {
    if (++calls == 1) demands_.add({cluster("a"), nullptr}, Milliseconds(60000), again);
  };
  demands_.add({cluster("a"), nullptr}, Milliseconds(60000), again);
  demands_.settle({{cluster("a"), false}});
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(asked_.size(), 2u);
  demands_.settle({{cluster("a"), true}});
  EXPECT_EQ(calls, 2);
}

TEST_F(DemandsTest, ThereIsAMostOfThoseWhoWait) {
  for (size_t i = 0; i < Demands::kMostWaiting; ++i) wait("a");
  wait("b");
  EXPECT_TRUE(heard_.empty()) << "never from within";
  turn_until_heard(1);
  EXPECT_EQ(heard_, (Heard{{"b", DemandResult::kOverflow}}));
  EXPECT_EQ(asked_, std::vector<std::string>{"a"});
}

TEST_F(DemandsTest, ANameThatIsTooLongIsNotAskedFor) {
  wait(std::string(Demands::kLongestName, 'x'));
  EXPECT_EQ(asked_.size(), 1u);
  wait(std::string(Demands::kLongestName + 1, 'x'));
  turn_until_heard(1);
  EXPECT_EQ(heard_.size(), 1u);
  EXPECT_EQ(heard_[0].second, DemandResult::kMissing);
  EXPECT_EQ(asked_.size(), 1u);
}

}  // namespace
}  // namespace remora
