// What happened becomes Events: each thing told, and no object able to flood the API server.
#include "kubernetes/events.h"

#include <gtest/gtest.h>

#include "unit/kubernetes/fake_api.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::kubernetes {
namespace {

const EventAbout kCanary{"flagger.app/v1beta1", "Canary", "shop", "cart", "uid-1"};

class EventSeriesTest : public testing::Test {
 protected:
  /// "count message" of the series, or "" where nothing may be written.
  std::string add(const std::string& message, const EventAbout& about = kCanary,
                  const std::string& reason = "Synced") {
    const auto key = table_.add(about, false, reason, message, now_);
    if (!key) return "";
    const EventSeries* series = table_.find(*key);
    return std::to_string(series->count) + ' ' + series->message;
  }

  EventSeriesTable table_;
  EventSeries::Time now_ = EventSeries::Time(std::chrono::hours(1000));
};

TEST_F(EventSeriesTest, TheSameIsCountedTheDifferentToldApart) {
  EXPECT_EQ(add("weight 10"), "1 weight 10");
  EXPECT_EQ(add("weight 20"), "1 weight 20");
  EXPECT_EQ(add("weight 10"), "2 weight 10");
  EXPECT_EQ(add("weight 10", kCanary, "Other"), "1 weight 10");
  EventAbout other = kCanary;
  other.uid = "uid-2";  // made anew under the same name
  EXPECT_EQ(add("weight 10", other), "1 weight 10");
}

TEST_F(EventSeriesTest, FromTheTenthMessageOnTheyShareOne) {
  for (int i = 1; i < 10; ++i) EXPECT_EQ(add(std::to_string(i)), "1 " + std::to_string(i));
  EXPECT_EQ(add("10"), "1 (combined from similar events): 10");
  EXPECT_EQ(add("11"), "2 (combined from similar events): 11");
  now_ += std::chrono::minutes(11);
  EXPECT_EQ(add("12"), "1 12");
}

TEST_F(EventSeriesTest, AnObjectMayWriteALittleAndWhatIsHeldBackCounts) {
  for (int i = 1; i <= 25; ++i) EXPECT_EQ(add("again"), std::to_string(i) + " again");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(add("again"), "");
  EventAbout other = kCanary;
  other.name = "other";
  EXPECT_EQ(add("again", other), "1 again");
  now_ += std::chrono::minutes(5);
  EXPECT_EQ(add("again"), "126 again");
  EXPECT_EQ(add("again"), "");
}

TEST_F(EventSeriesTest, AFloodOfObjectsIsBounded) {
  for (int i = 0; i < 10'000; ++i) {
    EventAbout about = kCanary;
    about.name = std::to_string(i);
    EXPECT_EQ(add("x", about), "1 x");
  }
  EXPECT_EQ(table_.find("no such key"), nullptr);
}

TEST_F(EventSeriesTest, ALongMessageIsCutBetweenCharacters) {
  std::string text(1020, 'x');
  for (int i = 0; i < 10; ++i) text += "\u00e4";
  const std::string told = add(text).substr(2);
  EXPECT_EQ(told, std::string(1020, 'x') + "...");
}

class EventRecorderTest : public testing::Test {
 protected:
  EventRecorderTest() : recorder_(context_, api_, settings()) {
    api_.answer = [this](const ApiCall&) { return answer_; };
  }
  EventSettings settings() {
    EventSettings settings;
    settings.instance = "replica-1";
    settings.log = [this](bool, const std::string& text) { log_.push_back(text); };
    settings.now = [] { return EventSeries::Time(std::chrono::seconds(1'700'000'000)); };
    return settings;
  }
  bool until_calls(size_t count) {
    return run_until(context_, [&] { return api_.calls.size() >= count; });
  }
  void settle() {
    context_.restart();
    context_.poll();
  }

  boost::asio::io_context context_;
  FakeApi api_{context_};
  ApiAnswer answer_{201, "{}"};
  std::vector<std::string> log_;
  EventRecorder recorder_;
};

TEST_F(EventRecorderTest, WritesWhatKubectlShows) {
  recorder_.record(kCanary, true, "Synced", "Halt cart.shop advancement");
  ASSERT_TRUE(until_calls(1));
  settle();
  EXPECT_EQ(api_.calls[0].method + ' ' + api_.calls[0].path, "POST /api/v1/namespaces/shop/events");
  const auto event = boost::json::parse(api_.calls[0].body).as_object();
  EXPECT_EQ(event.at("metadata").at("name"), "cart.17979cfe362a0000");
  EXPECT_EQ(
      boost::json::serialize(event.at("involvedObject")),
      R"({"apiVersion":"flagger.app/v1beta1","kind":"Canary","name":"cart","namespace":"shop","uid":"uid-1"})");
  EXPECT_EQ(event.at("type"), "Warning");
  EXPECT_EQ(event.at("count"), 1);
  EXPECT_EQ(event.at("lastTimestamp"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(event.at("reportingInstance"), "replica-1");
  EXPECT_EQ(recorder_.counters().written, 1U);
}

TEST_F(EventRecorderTest, WhatHappensAgainRaisesTheCount) {
  for (int i = 0; i < 3; ++i) recorder_.record(kCanary, false, "Synced", "New revision");
  ASSERT_TRUE(until_calls(2));
  settle();
  ASSERT_EQ(api_.calls.size(), 2U);  // the second and third went together
  EXPECT_EQ(api_.calls[1].method + ' ' + api_.calls[1].path,
            "PATCH /api/v1/namespaces/shop/events/cart.17979cfe362a0000");
  EXPECT_EQ(boost::json::parse(api_.calls[1].body).at("count"), 3);
}

TEST_F(EventRecorderTest, AnEventThatHasExpiredBeginsAnew) {
  recorder_.record(kCanary, false, "Synced", "New revision");
  ASSERT_TRUE(until_calls(1));
  settle();
  api_.answer = [](const ApiCall& call) { return ApiAnswer{call.method == "PATCH" ? 404U : 201U, "{}"}; };
  recorder_.record(kCanary, false, "Synced", "New revision");
  ASSERT_TRUE(until_calls(3));
  EXPECT_EQ(api_.calls[2].method, "POST");
  EXPECT_NE(boost::json::parse(api_.calls[2].body).at("metadata").at("name"), "cart.17979cfe362a0000");
}

TEST_F(EventRecorderTest, ALostAnswerMakesNoSecondEvent) {
  api_.down = true;
  recorder_.record(kCanary, false, "Synced", "New revision");
  ASSERT_TRUE(until_calls(1));
  settle();
  api_.down = false;
  api_.answer = [](const ApiCall& call) {
    return call.method == "POST" ? ApiAnswer{409, R"({"kind":"Status","reason":"AlreadyExists","code":409})"}
                                 : ApiAnswer{200, "{}"};
  };
  ASSERT_TRUE(until_calls(3));
  EXPECT_EQ(api_.calls[1].method, "POST");
  EXPECT_EQ(api_.calls[2].method + ' ' + api_.calls[2].path,
            "PATCH /api/v1/namespaces/shop/events/cart.17979cfe362a0000");
}

TEST_F(EventRecorderTest, ARefusalIsSaidOnceAndDropped) {
  answer_ = {403, R"({"kind":"Status","message":"events is forbidden","code":403})"};
  for (int i = 0; i < 3; ++i) {
    recorder_.record(kCanary, false, "Synced", std::to_string(i));
    ASSERT_TRUE(until_calls(static_cast<size_t>(i) + 1));
    settle();
  }
  EXPECT_EQ(log_, std::vector<std::string>{"Kubernetes: an Event is not written: events is forbidden"});
  EXPECT_EQ(recorder_.counters().refused, 3U);
}

TEST_F(EventRecorderTest, WhileTheServerIsSilentOneCallWaitsAndNothingPilesUp) {
  api_.silent = true;
  for (int i = 0; i < 1000; ++i) {
    EventAbout about = kCanary;
    about.name = std::to_string(i);
    recorder_.record(about, false, "Synced", "x");
  }
  settle();
  EXPECT_EQ(api_.calls.size(), 1U);
}

TEST_F(EventRecorderTest, WhatHasNoNamespaceIsToldInDefault) {
  recorder_.record(EventAbout{"v1", "Node", "", "node-1", ""}, false, "Seen", "x");
  ASSERT_TRUE(until_calls(1));
  EXPECT_EQ(api_.calls[0].path, "/api/v1/namespaces/default/events");
  EXPECT_EQ(boost::json::parse(api_.calls[0].body).at("involvedObject").as_object().if_contains("namespace"),
            nullptr);
}

}  // namespace
}  // namespace remora::kubernetes
