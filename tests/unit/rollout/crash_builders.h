#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/rollout/engine_builders.h"

namespace remora::rollout::test {

/// A whole rollout, good or bad, in which the process is refused, or dies at, its n-th write.
struct Trial {
  bool good = true;
  FragileStore::Fault fault = FragileStore::Fault::kNone;
  int at = 0;
  int writes = 0;  ///< how many there were, in the end

  std::string where() const {
    return " at write " + std::to_string(at) + ", fault " + std::to_string(static_cast<int>(fault));
  }
};

inline void begin(Stage& stage, const Trial& trial) {
  stage.traffic.failures = trial.good ? 0 : 50;
  stage.start_engine();
  stage.fragile->fault = trial.fault;
  stage.fragile->fault_at = trial.at;
}

/// Starts the process anew if it has died; whether it had.
inline bool revive(Stage& stage) {
  if (!stage.fragile->dead) return false;
  stage.stop_engine();
  stage.start_engine();
  return true;
}

/// What was decided, and what requests saw of it, is what happens without a fault.
inline void expect_the_same_story(const Stage& stage, const Trial& trial) {
  using Weights64 = std::vector<int64_t>;
  EXPECT_EQ(stage.canary_weights, trial.good ? (Weights64{0, 25, 50, 0}) : (Weights64{0, 25, 0}))
      << trial.where();
  EXPECT_EQ(stage.decisions("initialize"), 1) << trial.where();
  EXPECT_EQ(stage.decisions("start"), 1) << trial.where();
  EXPECT_EQ(stage.decisions("advance"), trial.good ? 2 : 1) << trial.where();
}

/// Plays good and bad rollouts without a fault, then with each fault at each of their writes, until one
/// fails.
inline void play_with_every_fault(int least_writes, void (*play)(Trial&)) {
  using Fault = FragileStore::Fault;
  for (const bool good : {true, false}) {
    Trial faultless{.good = good};
    play(faultless);
    ASSERT_GT(faultless.writes, least_writes);
    for (const Fault fault : {Fault::kRefused, Fault::kDiesBefore, Fault::kDiesAfter}) {
      for (int at = 1; at <= faultless.writes && !::testing::Test::HasFailure(); ++at) {
        Trial trial{.good = good, .fault = fault, .at = at};
        play(trial);
      }
    }
  }
}

}  // namespace remora::rollout::test
