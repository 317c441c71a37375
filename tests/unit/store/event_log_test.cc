#include "store/event_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace remora::store {
namespace {

Event event(const std::string& type, uint64_t version) {
  Object object;
  object.key = {type, "default", "x"};
  object.version = version;
  return {EventType::kModified, std::make_shared<const Object>(std::move(object))};
}

TEST(EventLog, AWatcherIsToldThePastAndThenWhatHappens) {
  EventLog log(10);
  log.add(5, event("a", 5));
  log.add(7, event("b", 7));
  log.add(9, event("a", 9));
  std::vector<uint64_t> told;
  const auto watch = log.watch("a", 5, [&](const Event& e) { told.push_back(e.object->version); });
  log.add(11, event("a", 11));
  log.add(12, event("b", 12));
  EXPECT_EQ(told, (std::vector<uint64_t>{9, 11}));
}

TEST(EventLog, WhoIsTooFarBehindOrAheadHasToList) {
  EventLog log(2);
  for (uint64_t version = 2; version < 8; ++version) log.add(version, event("a", version));
  EXPECT_EQ(log.watch("", 4, [](const Event&) {}), nullptr);
  EXPECT_NE(log.watch("", 5, [](const Event&) {}), nullptr);
  EXPECT_EQ(log.watch("", 8, [](const Event&) {}), nullptr);
  log.forget_until(20);
  EXPECT_EQ(log.watch("", 7, [](const Event&) {}), nullptr);
  EXPECT_EQ(log.version(), 20u);
}

TEST(EventLog, WhatACallbackCausesIsToldAfterwardsToEverybody) {
  EventLog log(10);
  log.add(2, event("a", 2));
  log.add(3, event("a", 3));
  std::vector<uint64_t> told;
  const auto watch = log.watch("a", 1, [&](const Event& e) {
    if (e.object->version == 2) log.add(4, event("a", 4));  // while the past is being told
    if (e.object->version == 4) log.add(5, event("a", 5));
    told.push_back(e.object->version);
  });
  EXPECT_EQ(told, (std::vector<uint64_t>{2, 3, 4, 5}));
}

}  // namespace
}  // namespace remora::store
