#include "rollout/decide.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/rollout/rollout_builders.h"

namespace remora::rollout::test {
namespace {

using istio::HookType;

const char* const kSteps = "{interval: 1m, threshold: 2, maxWeight: 50, stepWeight: 20}";

std::string hook(const std::string& type, const std::string& more = "") {
  return "{name: hook, type: " + type + ", url: 'http://hook/'" + more + "}";
}

bool said(const Decision& decision, const std::string& part) {
  return std::any_of(decision.events.begin(), decision.events.end(),
                     [&](const Event& event) { return event.text.find(part) != std::string::npos; });
}

std::vector<uint32_t> weights_until(Story& story, Phase phase, int limit = 30) {
  std::vector<uint32_t> seen;
  while (story.status.phase != phase && limit-- > 0) {
    story.tick();
    if (seen.empty() || seen.back() != story.status.weights.canary)
      seen.push_back(story.status.weights.canary);
  }
  EXPECT_EQ(story.status.phase, phase) << story.status.message;
  return seen;
}

// First sight.

TEST(Decide, WithoutWorkloadsItWaits) {
  Story story(kSteps);
  story.revisions.clear();
  EXPECT_TRUE(story.tick().changed);
  EXPECT_EQ(story.status.phase, Phase::kInitializing);
  EXPECT_FALSE(story.tick().changed) << "nothing new is to be written";
}

TEST(Decide, TheOnlyRevisionBecomesThePrimary) {
  Story story(kSteps);
  const Decision decision = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kInitialized);
  EXPECT_EQ(story.status.primary_revision, "v1");
  EXPECT_EQ(story.status.last_promoted, "v1");
  EXPECT_EQ(story.status.weights, Weights{});
  ASSERT_EQ(story.status.conditions.size(), 1U);
  EXPECT_EQ(story.status.conditions[0].type, "Promoted");
  EXPECT_EQ(story.status.conditions[0].status, "True");
  ASSERT_EQ(decision.alerts.size(), 1U);
  EXPECT_TRUE(decision.alerts[0].with_facts);
  EXPECT_FALSE(story.tick().changed);
}

TEST(Decide, OfSeveralRevisionsTheOldestBecomesThePrimary) {
  Story story(kSteps);
  story.revisions = {revision("v3", "2026-03-01T00:00:00Z"), revision("v2", "2026-02-01T00:00:00Z")};
  story.tick();
  EXPECT_EQ(story.status.primary_revision, "v2");
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
  EXPECT_EQ(story.status.last_applied, "v3");
}

TEST(Decide, AnUnreadyPrimaryDelaysInitialization) {
  Story story(kSteps);
  story.revisions[0].ready = 0;
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kInitializing);
  story.revisions[0].ready = 1;
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kInitialized);
}

// The strategy canary.

TEST(Decide, CanaryAdvancesStepByStepAndIsPromoted) {
  Story story(kSteps);
  story.start();
  EXPECT_EQ(weights_until(story, Phase::kPromoting), (std::vector<uint32_t>{20, 40, 60}));
  EXPECT_EQ(story.status.primary_revision, "v2");
  EXPECT_EQ(story.status.last_promoted, "v1");
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFinalising);
  EXPECT_EQ(story.status.weights, Weights{});
  const Decision end = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kSucceeded);
  EXPECT_EQ(story.status.last_promoted, "v2");
  EXPECT_EQ(end.ending, Ending::kSucceeded);
  EXPECT_FALSE(story.tick().changed) << "the old revision is no news";
}

TEST(Decide, TheFirstTickRoutesWithoutLookingAtMetrics) {
  Story story(kSteps);
  story.start();
  story.metrics = {failing()};
  story.tick();
  EXPECT_TRUE(story.asked.empty());
  EXPECT_EQ(story.status.weights.canary, 20U);
  story.tick();
  EXPECT_EQ(story.asked, std::vector<std::string>{"metrics"});
  EXPECT_EQ(story.status.weights.canary, 20U);
  EXPECT_EQ(story.status.failed_checks, 1U);
}

TEST(Decide, StepWeights) {
  Story story("{stepWeights: [1, 10, 80]}");
  story.start();
  EXPECT_EQ(weights_until(story, Phase::kPromoting), (std::vector<uint32_t>{1, 10, 80}));
}

TEST(Decide, ThePromotionMayBeStepByStepToo) {
  Story story("{stepWeight: 50, maxWeight: 100, stepWeightPromotion: 40}");
  story.start();
  EXPECT_EQ(weights_until(story, Phase::kSucceeded), (std::vector<uint32_t>{50, 100, 60, 20, 0}));
}

TEST(Decide, WithoutStepsItSaysThatItCannotAdvance) {
  Story story("{threshold: 5}");
  story.start();
  EXPECT_TRUE(said(story.tick(), "neither stepWeight"));
  EXPECT_EQ(story.status.weights.canary, 0U);
}

TEST(Decide, MirrorIsOneStepBeforeTheFirstWeight) {
  Story story("{stepWeight: 50, maxWeight: 50, mirror: true}");
  story.start();
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{100, 0, true}));
  story.tick();
  EXPECT_EQ(story.asked, std::vector<std::string>{"metrics"}) << "the shadow is analysed";
  EXPECT_EQ(story.status.weights, (Weights{50, 50, false}));
}

TEST(Decide, AFailingShadowIsNeverGivenTraffic) {
  Story story("{stepWeight: 50, mirror: true, threshold: 1}");
  story.start();
  story.tick();
  story.metrics = {failing("mirror-status")};
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{100, 0, true}));
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_FALSE(story.status.weights.mirror);
}

// Thresholds.

TEST(Decide, FailedChecksAddUpAndAGoodCheckForgivesNothing) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.metrics = {failing()};
  story.tick();
  story.metrics = {passing()};
  story.tick();
  EXPECT_EQ(story.status.weights.canary, 40U);
  EXPECT_EQ(story.status.failed_checks, 1U);
  story.metrics = {failing()};
  story.tick();
  EXPECT_EQ(story.status.failed_checks, 2U);
  EXPECT_EQ(story.status.weights.canary, 40U) << "held until the next tick";
  const Decision rollback = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_EQ(story.status.weights, Weights{});
  EXPECT_EQ(story.status.primary_revision, "v1");
  EXPECT_EQ(rollback.ending, Ending::kFailed);
  EXPECT_TRUE(said(rollback, "threshold reached 2"));
  EXPECT_EQ(rollback.alerts.at(0).severity, istio::AlertSeverity::kError);
  EXPECT_FALSE(story.tick().changed) << "the failed revision is no news";
}

TEST(Decide, AnErrorOfAQueryCountsAsAFailure) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.metrics = {{.name = "m", .kind = "metric", .outcome = Outcome::kError, .text = "timeout"}};
  story.tick();
  EXPECT_EQ(story.status.failed_checks, 1U);
}

TEST(Decide, InconclusiveNeitherCountsNorAdvances) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.metrics = {passing(),
                   {.name = "few", .kind = "metric", .outcome = Outcome::kInconclusive, .text = "few"}};
  for (int i = 0; i < 5; ++i) story.tick();
  EXPECT_EQ(story.status.weights.canary, 20U);
  EXPECT_EQ(story.status.failed_checks, 0U);
  EXPECT_EQ(story.status.timeline.back().decision, "hold");
  story.metrics.push_back(failing());
  story.tick();
  EXPECT_EQ(story.status.failed_checks, 1U) << "a failure beside it counts";
}

TEST(Decide, TheComparisonBeginsWithTheTrafficAndKeepsItsBound) {
  Story story(kSteps);
  story.start();
  EXPECT_EQ(story.status.compared_since, kNever);
  story.slow_bound.reset();  // the primary has no traffic yet
  const Time begun = story.now;
  story.tick();
  EXPECT_EQ(story.status.compared_since, begun);
  EXPECT_FALSE(story.status.slow_bound_ms);
  story.slow_bound = 25;
  const Time later = story.now;
  story.tick();
  EXPECT_EQ(story.status.slow_bound_ms, 25);
  EXPECT_EQ(story.status.compared_since, later);
  story.slow_bound = 1000;
  story.tick();
  EXPECT_EQ(story.status.slow_bound_ms, 25) << "a bound that follows the data would void the error rate";
}

// New revisions on the way.

TEST(Decide, ANewerRevisionRestartsTheAnalysis) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.metrics = {failing()};
  story.tick();
  story.revisions.push_back(revision("v3", "2026-03-01T00:00:00Z"));
  EXPECT_TRUE(said(story.tick(), "Restarting analysis"));
  EXPECT_EQ(story.status.last_applied, "v3");
  EXPECT_EQ(story.status.failed_checks, 0U);
  EXPECT_EQ(story.status.weights, Weights{});
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
  story.metrics = {passing()};
  story.tick_until(Phase::kSucceeded);
  EXPECT_EQ(story.status.primary_revision, "v3");
  EXPECT_FALSE(story.tick().changed) << "v1 and v2 are no news";
}

TEST(Decide, AnOlderRevisionIsNoNews) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.revisions.push_back(revision("v0", "2026-01-15T00:00:00Z"));
  story.tick();
  EXPECT_EQ(story.status.last_applied, "v2");
  EXPECT_EQ(story.status.weights.canary, 40U);
}

TEST(Decide, AFailedRevisionIsNewsAgainAfterItWasGone) {
  Story story("{stepWeight: 50, threshold: 1}");
  story.start();
  ASSERT_TRUE(story.act(Action::kAbort).ok());
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_FALSE(story.tick().changed);
  story.revisions.pop_back();
  story.tick();
  story.revisions.push_back(revision("v2", "2026-04-01T00:00:00Z"));
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
}

TEST(Decide, AReplacedPrimaryIsFollowedAfterOneInterval) {
  Story story(kSteps);
  story.tick();
  story.revisions = {revision("v2", "2026-02-01T00:00:00Z")};
  story.tick();
  EXPECT_EQ(story.status.primary_revision, "v1");
  story.tick();
  EXPECT_EQ(story.status.primary_revision, "v2");
  EXPECT_EQ(story.status.phase, Phase::kInitialized);
}

// Readiness and the deadline.

TEST(Decide, AnUnreadyCanaryWaitsAndThenFails) {
  Story story(kSteps, "  progressDeadlineSeconds: 150\n");
  story.start();
  story.tick();
  story.revisions.back().ready = 0;
  story.tick();
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
  EXPECT_EQ(story.status.failed_checks, 0U);
  EXPECT_EQ(story.status.weights.canary, 20U);
  story.tick();
  const Decision end = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed) << story.status.message;
  EXPECT_TRUE(said(end, "progress deadline exceeded"));
}

TEST(Decide, AReadyCanaryResetsTheDeadline) {
  Story story(kSteps, "  progressDeadlineSeconds: 90\n");
  story.start();
  for (int i = 0; i < 4; ++i) {
    story.revisions.back().ready = 0;
    story.tick();
    story.revisions.back().ready = 1;
    story.tick();
  }
  EXPECT_NE(story.status.phase, Phase::kFailed);
}

TEST(Decide, TheReadyThresholdIsAShare) {
  Story story("{stepWeight: 20, canaryReadyThreshold: 50}");
  story.start();
  story.revisions.back() = revision("v2", "2026-02-01T00:00:00Z", 4, 2);
  story.tick();
  EXPECT_EQ(story.status.weights.canary, 20U);
  story.revisions.back().ready = 1;
  story.tick();
  EXPECT_EQ(story.status.weights.canary, 20U);
}

TEST(Decide, AnUnreadyPrimaryHoldsTheAnalysisAndThenEndsIt) {
  Story story(kSteps, "  progressDeadlineSeconds: 60\n");
  story.start();
  story.tick();
  story.revisions.front().ready = 0;
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
}

TEST(Decide, AFailedPromotionKeepsTheCanarysTraffic) {
  Story story("{stepWeight: 50, maxWeight: 50}", "  progressDeadlineSeconds: 60\n");
  story.start();
  story.tick_until(Phase::kPromoting);
  story.revisions.back().ready = 0;
  story.tick();
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_EQ(story.status.weights.canary, 100U);
}

// Hooks.

TEST(Decide, ConfirmRolloutIsAGate) {
  Story story("{stepWeight: 50, webhooks: [" + hook("confirm-rollout") + "]}");
  story.hooks[HookType::kConfirmRollout] = false;
  story.tick();
  story.revisions.push_back(revision("v2", "2026-02-01T00:00:00Z"));
  const Decision first = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kWaiting);
  EXPECT_EQ(first.alerts.size(), 1U);
  EXPECT_FALSE(story.tick().changed) << "told once";
  story.hooks[HookType::kConfirmRollout] = true;
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
}

TEST(Decide, WhatWaitsMayGoAway) {
  Story story("{stepWeight: 50, webhooks: [" + hook("confirm-rollout") + "]}");
  story.hooks[HookType::kConfirmRollout] = false;
  story.tick();
  story.revisions.push_back(revision("v2", "2026-02-01T00:00:00Z"));
  story.tick();
  story.revisions.pop_back();
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kInitialized);
}

TEST(Decide, PreRolloutHooksComeBeforeAnyTraffic) {
  Story story("{stepWeight: 50, threshold: 2, webhooks: [" + hook("pre-rollout") + "]}");
  story.start();
  story.hooks[HookType::kPreRollout] = false;
  story.tick();
  EXPECT_EQ(story.status.failed_checks, 1U);
  EXPECT_EQ(story.status.weights.canary, 0U);
  story.tick();
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
}

TEST(Decide, ARolloutHookThatFailsSparesTheMetrics) {
  Story story("{stepWeight: 20, threshold: 5, webhooks: [" + hook("rollout") + "]}");
  story.start();
  story.tick();
  EXPECT_TRUE(story.asked.empty()) << "rollout hooks run with traffic only";
  story.hooks[HookType::kRollout] = false;
  story.tick();
  EXPECT_EQ(story.asked.size(), 1U);
  EXPECT_EQ(story.status.failed_checks, 1U);
  story.hooks[HookType::kRollout] = true;
  story.tick();
  EXPECT_EQ(story.asked.size(), 2U);
  EXPECT_EQ(story.status.weights.canary, 40U);
}

TEST(Decide, ConfirmTrafficIncreaseHoldsWithoutCounting) {
  Story story("{stepWeight: 20, webhooks: [" + hook("confirm-traffic-increase", ", muteAlert: true") + "]}");
  story.start();
  story.hooks[HookType::kConfirmTrafficIncrease] = false;
  const Decision held = story.tick();
  EXPECT_EQ(story.status.weights.canary, 0U);
  EXPECT_EQ(story.status.failed_checks, 0U);
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
  EXPECT_TRUE(held.alerts.empty() || held.alerts[0].text.find("approval") != std::string::npos);
  story.hooks[HookType::kConfirmTrafficIncrease] = true;
  story.tick();
  EXPECT_EQ(story.status.weights.canary, 20U);
}

TEST(Decide, ConfirmPromotionHoldsAtTheLastWeight) {
  Story story("{stepWeight: 50, maxWeight: 50, webhooks: [" + hook("confirm-promotion") + "]}");
  story.start();
  story.hooks[HookType::kConfirmPromotion] = false;
  story.tick();
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kWaitingPromotion);
  EXPECT_EQ(story.status.weights.canary, 50U);
  story.metrics = {failing()};
  story.tick();
  EXPECT_EQ(story.status.failed_checks, 1U) << "it is analysed while it waits";
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
}

TEST(Decide, ConfirmPromotionLetsGo) {
  Story story("{stepWeight: 50, maxWeight: 50, webhooks: [" + hook("confirm-promotion") + "]}");
  story.start();
  story.hooks[HookType::kConfirmPromotion] = false;
  story.tick_until(Phase::kWaitingPromotion);
  story.hooks[HookType::kConfirmPromotion] = true;
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kPromoting);
}

TEST(Decide, ARollbackHookThatPassesRollsBack) {
  Story story("{stepWeight: 20, webhooks: [" + hook("rollback") + "]}");
  story.hooks[HookType::kRollback] = false;
  story.start();
  story.tick();
  EXPECT_EQ(story.status.weights.canary, 20U);
  story.hooks[HookType::kRollback] = true;
  const Decision decision = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_EQ(decision.alerts.at(0).severity, istio::AlertSeverity::kWarn);
}

TEST(Decide, PostRolloutHooksAreOwedUntilTheyWereCalled) {
  Story story("{stepWeight: 50, maxWeight: 50, webhooks: [" + hook("post-rollout") + "]}");
  story.start();
  story.tick_until(Phase::kSucceeded);
  EXPECT_TRUE(story.status.owes_post_rollout);
  story.hooks[HookType::kPostRollout] = false;
  EXPECT_TRUE(said(story.tick(), "Post-rollout hook hook failed"));
  EXPECT_FALSE(story.status.owes_post_rollout);
  EXPECT_EQ(story.status.phase, Phase::kSucceeded);
}

// The other strategies.

TEST(Decide, AbTestingCountsIterations) {
  Story story("{iterations: 3, threshold: 2, match: [{headers: {x-user: {exact: me}}}]}");
  story.start();
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{0, 100, false}));
  EXPECT_EQ(story.status.iterations, 1U);
  story.metrics = {failing()};
  story.tick();
  EXPECT_EQ(story.status.iterations, 1U);
  story.metrics = {passing()};
  story.tick();
  story.tick();
  EXPECT_EQ(story.status.iterations, 3U);
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kPromoting);
  story.tick_until(Phase::kSucceeded);
  EXPECT_EQ(story.status.weights, Weights{});
}

TEST(Decide, BlueGreenSwitchesAfterItsIterations) {
  Story story("{iterations: 2}");
  story.start();
  story.tick();
  story.tick();
  EXPECT_EQ(story.status.iterations, 2U);
  EXPECT_EQ(story.status.weights, Weights{});
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{0, 100, false}));
  EXPECT_EQ(story.status.phase, Phase::kProgressing);
  story.metrics = {failing()};
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kProgressing) << "analysed with all traffic, too";
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_EQ(story.status.weights, Weights{});
}

TEST(Decide, BlueGreenMayMirrorAllTheTime) {
  Story story("{iterations: 2, mirror: true}");
  story.start();
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{100, 0, true}));
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{100, 0, true}));
  story.tick();
  EXPECT_EQ(story.status.weights, (Weights{0, 100, false}));
  story.tick_until(Phase::kSucceeded);
}

TEST(Decide, ConfirmPromotionOfIterationsGoesBackByOne) {
  Story story("{iterations: 2, match: [{headers: {a: {exact: b}}}], webhooks: [" + hook("confirm-promotion") +
              "]}");
  story.start();
  story.hooks[HookType::kConfirmPromotion] = false;
  story.tick_until(Phase::kWaitingPromotion);
  EXPECT_EQ(story.status.iterations, 1U);
  EXPECT_EQ(story.status.weights.canary, 100U);
  story.tick();
  EXPECT_EQ(story.status.iterations, 2U);
  story.hooks[HookType::kConfirmPromotion] = true;
  story.tick();
  EXPECT_EQ(story.status.phase, Phase::kPromoting);
}

TEST(Decide, SkippedAnalysisPromotesAtOnce) {
  Story story(kSteps, "  skipAnalysis: true\n");
  story.start();
  const Decision decision = story.tick();
  EXPECT_EQ(story.status.phase, Phase::kSucceeded);
  EXPECT_EQ(story.status.primary_revision, "v2");
  EXPECT_EQ(story.status.last_promoted, "v2");
  EXPECT_EQ(decision.ending, Ending::kSkipped);
  EXPECT_FALSE(story.tick().changed);
}

TEST(Decide, SuspendHoldsEverything) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.spec.suspend = true;
  story.metrics = {failing()};
  EXPECT_FALSE(story.tick().changed);
  EXPECT_EQ(story.status.weights.canary, 20U);
}

// Session affinity.

TEST(Decide, CookiesAreMadeWithTheTrafficAndRetiredWithIt) {
  Story story("{stepWeight: 50, maxWeight: 50, sessionAffinity: {cookieName: c, primaryCookieName: p}}");
  story.start();
  EXPECT_EQ(story.status.cookie, "");
  story.tick();
  EXPECT_EQ(story.status.cookie, "c=abc");
  EXPECT_EQ(story.status.primary_cookie, "p=pabc");
  story.tick_until(Phase::kSucceeded);
  EXPECT_EQ(story.status.cookie, "");
  EXPECT_EQ(story.status.previous_cookie, "c=abc");
}

// By hand.

TEST(Act, PauseHoldsAndResumeGoesOn) {
  Story story(kSteps);
  story.start();
  story.tick();
  ASSERT_TRUE(story.act(Action::kPause).ok());
  EXPECT_FALSE(story.act(Action::kPause).ok());
  EXPECT_FALSE(story.tick().changed);
  EXPECT_EQ(story.status.weights.canary, 20U);
  ASSERT_TRUE(story.act(Action::kResume).ok());
  EXPECT_FALSE(story.act(Action::kResume).ok());
  story.tick();
  EXPECT_EQ(story.status.weights.canary, 40U);
}

TEST(Act, PromoteSkipsTheRest) {
  Story story(kSteps);
  EXPECT_FALSE(story.act(Action::kPromote).ok());
  story.start();
  ASSERT_TRUE(story.act(Action::kPromote).ok());
  EXPECT_EQ(story.status.phase, Phase::kPromoting);
  EXPECT_EQ(story.status.primary_revision, "v2");
  story.tick_until(Phase::kSucceeded);
  EXPECT_FALSE(story.act(Action::kPromote).ok());
}

TEST(Act, AbortRollsBackAtOnce) {
  Story story(kSteps);
  EXPECT_FALSE(story.act(Action::kAbort).ok());
  story.start();
  story.tick();
  const auto decision = story.act(Action::kAbort);
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(decision->ending, Ending::kFailed);
  EXPECT_EQ(story.status.phase, Phase::kFailed);
  EXPECT_EQ(story.status.weights, Weights{});
  EXPECT_EQ(story.status.timeline.back().decision, "abort");
}

TEST(Act, AbortWhilePromotingGoesBackToTheOldPrimary) {
  Story story("{stepWeight: 50, maxWeight: 50}");
  story.start();
  story.tick_until(Phase::kPromoting);
  ASSERT_TRUE(story.act(Action::kAbort).ok());
  EXPECT_EQ(story.status.primary_revision, "v1");
  EXPECT_FALSE(story.tick().changed) << "v2 was applied and failed";
}

TEST(Act, WhatWaitsForApprovalCanBeAbortedOrPromoted) {
  for (const Action action : {Action::kAbort, Action::kPromote}) {
    Story story("{stepWeight: 50, webhooks: [" + hook("confirm-rollout") + "]}");
    story.hooks[HookType::kConfirmRollout] = false;
    story.tick();
    story.revisions.push_back(revision("v2", "2026-02-01T00:00:00Z"));
    story.tick_until(Phase::kWaiting);
    ASSERT_TRUE(story.act(action).ok());
    EXPECT_EQ(story.status.phase, action == Action::kAbort ? Phase::kFailed : Phase::kPromoting);
    EXPECT_EQ(story.status.last_applied, "v2");
  }
}

TEST(Act, Words) {
  for (const Action action : {Action::kPause, Action::kResume, Action::kPromote, Action::kAbort}) {
    EXPECT_EQ(*parse_action(to_string(action)), action);
  }
  EXPECT_FALSE(parse_action("explode").ok());
}

// The timeline.

TEST(Timeline, TellsEachDecisionWithItsChecks) {
  Story story(kSteps);
  story.start();
  story.tick();
  story.metrics = {{.name = "request-success-rate",
                    .kind = "metric",
                    .value = 97.5,
                    .min = 99,
                    .samples = 40,
                    .outcome = Outcome::kFail,
                    .text = "success rate 97.5% < 99"}};
  story.tick();
  const TimelineEntry& last = story.status.timeline.back();
  EXPECT_EQ(last.decision, "hold");
  EXPECT_EQ(last.weight, 20U);
  ASSERT_EQ(last.checks.size(), 1U);
  EXPECT_EQ(last.checks[0].value, 97.5);
  EXPECT_EQ(last.checks[0].samples, 40U);
  EXPECT_NE(last.reason.find("97.5% < 99"), std::string::npos);
}

TEST(Timeline, IsBoundedAndCountsRepetitions) {
  Status status;
  for (int i = 0; i < 500; ++i) add_entry(status, {.phase = "Progressing", .reason = std::to_string(i)});
  EXPECT_EQ(status.timeline.size(), kTimelineLimit);
  EXPECT_EQ(status.timeline.back().reason, "499");
  for (int i = 0; i < 5; ++i) add_entry(status, {.phase = "Progressing", .reason = "499"});
  EXPECT_EQ(status.timeline.size(), kTimelineLimit);
  EXPECT_EQ(status.timeline.back().times, 6U);
}

TEST(Timeline, WaitingFillsNoPages) {
  Story story("{stepWeight: 50, maxWeight: 50, threshold: 500, webhooks: [" + hook("confirm-promotion") +
              "]}");
  story.start();
  story.hooks[HookType::kConfirmPromotion] = false;
  story.tick_until(Phase::kWaitingPromotion);
  const size_t before = story.status.timeline.size();
  for (int i = 0; i < 20; ++i) story.tick();
  EXPECT_LE(story.status.timeline.size(), before + 1);
  EXPECT_GE(story.status.timeline.back().times, 19U);
  const size_t waited = story.status.timeline.size();
  story.metrics = {failing()};
  for (int i = 0; i < 3; ++i) story.tick();
  EXPECT_EQ(story.status.timeline.size(), waited + 3) << "each failed check is told";
}

TEST(Status, SenselessOnesCountAsNone) {
  const auto read = [](const char* text) { return status_of(boost::json::parse(text).get_object()); };
  EXPECT_EQ(read("{}").phase, Phase::kNone);
  EXPECT_EQ(read(R"({"status": 5})").phase, Phase::kNone);
  EXPECT_EQ(read(R"({"status": {"phase": "Progressing", "canaryWeight": 50}})").phase, Phase::kNone);
  const Status odd = read(R"({"status": {"phase": "Progressing", "failedChecks": -5,
      "rollout": {"primaryRevision": "v1", "weights": {"primary": 90, "canary": 90}, "timeline": [1, {}]}}})");
  EXPECT_EQ(odd.phase, Phase::kProgressing);
  EXPECT_EQ(odd.failed_checks, 0U);
  EXPECT_EQ(odd.weights, Weights{});
}

TEST(Times, RoundTrip) {
  for (const char* text : {"2026-11-21T06:20:00.123Z", "1999-12-31T23:59:59.000Z"}) {
    EXPECT_EQ(format_time(parse_time(text), true), text);
  }
  EXPECT_EQ(format_time(parse_time("2026-11-21T06:20:00Z")), "2026-11-21T06:20:00Z");
  for (const char* bad : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-11-21"}) {
    EXPECT_EQ(parse_time(bad), kNever) << bad;
  }
  EXPECT_EQ(format_time(kNever), "");
}

}  // namespace
}  // namespace remora::rollout::test
