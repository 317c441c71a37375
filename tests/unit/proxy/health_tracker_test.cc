#include "health_check/tracker.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "health_check/events.h"
#include "stats/health_check_stats.h"
#include "unit/proxy/hosts.h"

namespace remora {
namespace {

using test::at;

/// What one letter of a trace stands for.
CheckResult result_of(char letter) {
  CheckResult result;
  switch (letter) {
    case 's': result.success = true; break;
    case 'd': result.success = result.degraded = true; break;
    case 'a': result.failure = CheckFailure::kActive; break;
    case 'r': result.retriable = true; break;
    case 'n': result.failure = CheckFailure::kNetwork; break;
    case 't': result.failure = CheckFailure::kNetworkTimeout; break;
    case 'p':
      result.failure = CheckFailure::kPassive;
      result.immediate_fail = true;
      break;
    default: ADD_FAILURE() << letter;
  }
  if (!result.success) result.why = std::string("because of ") + letter;
  return result;
}

char letter_of(HealthTransition transition) {
  return transition == HealthTransition::kChanged     ? '!'
         : transition == HealthTransition::kUnchanged ? '.'
                                                      : '~';
}

class Lines final : public HealthEvents {
 public:
  explicit Lines(std::vector<std::string>& lines) : lines_(lines) {}
  void eject_unhealthy(const Host&, const CheckResult&) override { lines_.emplace_back("eject"); }
  void add_healthy(const Host&, bool first) override { lines_.emplace_back(first ? "add first" : "add"); }
  void unhealthy(const Host&, const CheckResult&, bool first) override {
    lines_.emplace_back(first ? "failure first" : "failure");
  }
  void successful(const Host&) override { lines_.emplace_back("success"); }
  void degraded(const Host&, bool on) override {
    lines_.emplace_back(on ? "degraded" : "no longer degraded");
  }

 private:
  std::vector<std::string>& lines_;
};

class HealthTrackerTest : public testing::Test {
 protected:
  HealthTrackerTest() {
    config_.interval = Milliseconds(1000);
    config_.unhealthy_threshold = 3;
    config_.healthy_threshold = 2;
    config_.unhealthy_interval = Milliseconds(2000);
    config_.unhealthy_edge_interval = Milliseconds(300);
    config_.healthy_edge_interval = Milliseconds(200);
    config_.no_traffic_interval = Milliseconds(60000);
    config_.no_traffic_healthy_interval = Milliseconds(90000);
  }
  /// A new member, as update_hosts() makes it.
  void begin() {
    hosts_ = remora::update_hosts({}, test::list_of({at(1)}), test::kShards, &config_).hosts;
    track();
  }
  void track() { tracker_ = std::make_unique<HealthTracker>(config_, *hosts_[0], stats_, &events_); }
  /// The transitions that a trace of results leads to: '!' changed, '~' on the way, '.' neither.
  std::string run(std::string_view trace) {
    std::string out;
    for (const char letter : trace) {
      const auto result = result_of(letter);
      const auto transition = tracker_->on_result(result);
      waits_.push_back(tracker_->next_interval(result.success, transition, true, random_).count());
      out.push_back(letter_of(transition));
    }
    return out;
  }
  std::string flags() { return hosts_[0]->health_flags(); }

  HealthChecks config_;
  StatBlock stats_{health_check_stat_schema()};
  Random random_{5};
  HostList hosts_;
  std::vector<std::string> lines_;
  Lines events_{lines_};
  std::unique_ptr<HealthTracker> tracker_;
  std::vector<int64_t> waits_;
};

TEST_F(HealthTrackerTest, AHostIsUnwellUntilItsFirstCheckAndWellAfterOneSuccess) {
  begin();
  EXPECT_EQ(flags(), "/failed_active_hc");
  EXPECT_EQ(hosts_[0]->health(), HostHealth::kUnhealthy);
  EXPECT_EQ(stats_.value(kHealthCheckHealthy), 0u);
  EXPECT_EQ(run("s"), "!");
  EXPECT_EQ(flags(), "healthy");
  EXPECT_EQ(stats_.value(kHealthCheckHealthy), 1u);
  EXPECT_EQ(lines_, std::vector<std::string>{"add first"});
}

struct Trace {
  const char* results;
  const char* transitions;
  const char* flags;
};

class HealthTraces : public HealthTrackerTest, public testing::WithParamInterface<Trace> {};

TEST_P(HealthTraces, EndAsWritten) {
  begin();
  EXPECT_EQ(run(GetParam().results), GetParam().transitions);
  EXPECT_EQ(flags(), GetParam().flags);
}

// unhealthy_threshold 3, healthy_threshold 2.
INSTANTIATE_TEST_SUITE_P(All, HealthTraces,
                         testing::Values(
                             // A failure of the network counts, a success in between begins anew.
                             Trace{"snnsnn", "!~~.~~", "healthy"}, Trace{"snnn", "!~~!", "/failed_active_hc"},
                             // What the host itself says counts at once; a retriable status does not.
                             Trace{"sa", "!!", "/failed_active_hc"}, Trace{"srr", "!~~", "healthy"},
                             Trace{"srnr", "!~~!", "/failed_active_hc"},
                             // One success is enough for the first check only.
                             Trace{"ns", ".~", "/failed_active_hc"}, Trace{"nss", ".~!", "healthy"},
                             Trace{"nsns", ".~.~", "/failed_active_hc"}, Trace{"sass", "!!~!", "healthy"},
                             // Timeouts show as long as they are the last word on a failed host.
                             Trace{"t", ".", "/failed_active_hc/active_hc_timeout"},
                             Trace{"tn", "..", "/failed_active_hc"}, Trace{"st", "!~", "healthy"},
                             Trace{"sttt", "!~~!", "/failed_active_hc/active_hc_timeout"},
                             Trace{"tss", ".~!", "healthy"},
                             // Degraded hosts are well, and stay degraded while they fail.
                             Trace{"d", "!", "/degraded_active_hc"}, Trace{"sd", "!!", "/degraded_active_hc"},
                             Trace{"dds", "!.!", "healthy"},
                             Trace{"da", "!!", "/failed_active_hc/degraded_active_hc"},
                             // A host that asks to be left alone comes back as any other.
                             Trace{"sp", "!!", "/failed_active_hc/excluded_via_immediate_hc_fail"},
                             Trace{"sps", "!!~", "/failed_active_hc/excluded_via_immediate_hc_fail"},
                             Trace{"spss", "!!~!", "healthy"}));

TEST_F(HealthTrackerTest, AHostThatServedBeforeItWasCheckedIsJudgedByItsFirstCheck) {
  hosts_ = test::hosts_of({at(1)});
  track();
  EXPECT_EQ(stats_.value(kHealthCheckHealthy), 1u);
  EXPECT_EQ(run("n"), "!");
  EXPECT_EQ(flags(), "/failed_active_hc");
  EXPECT_EQ(stats_.value(kHealthCheckHealthy), 0u);
}

TEST_F(HealthTrackerTest, PendingHostsAreLeftOutUntilTheirFirstCheck) {
  config_.ignore_new_hosts_until_first_check = true;
  begin();
  EXPECT_EQ(flags(), "/failed_active_hc/pending_active_hc");
  EXPECT_TRUE(hosts_[0]->excluded());
  EXPECT_EQ(run("n"), "!") << "sets are made anew, although it stays unwell";
  EXPECT_FALSE(hosts_[0]->excluded());
  EXPECT_EQ(flags(), "/failed_active_hc");
}

TEST_F(HealthTrackerTest, WaitsFollowStateAndEdge) {
  begin();
  run("snnnnsss");
  EXPECT_EQ(waits_, (std::vector<int64_t>{1000, 300, 300, 2000, 2000, 200, 1000, 1000}));
}

TEST_F(HealthTrackerTest, WaitsWithoutTraffic) {
  begin();
  const auto wait = [this](bool success, HealthTransition transition) {
    return tracker_->next_interval(success, transition, false, random_).count();
  };
  EXPECT_EQ(wait(true, HealthTransition::kUnchanged), 90000);
  EXPECT_EQ(wait(true, HealthTransition::kChangePending), 60000);
  EXPECT_EQ(wait(false, HealthTransition::kUnchanged), 60000);
}

TEST_F(HealthTrackerTest, JitterIsAddedAndBounded) {
  config_.interval_jitter = Milliseconds(100);
  config_.interval_jitter_percent = 20;
  begin();
  int64_t least = INT64_MAX;
  int64_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto wait = tracker_->next_interval(true, HealthTransition::kUnchanged, true, random_).count();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, 1000);
  EXPECT_LT(least, 1050);
  EXPECT_LT(most, 1300);
  EXPECT_GT(most, 1250);
  EXPECT_EQ(with_jitter(Milliseconds(0), Milliseconds(0), 0, random_).count(), 1) << "never at once";
}

TEST_F(HealthTrackerTest, CountsWhatHappened) {
  begin();
  run("sdnnnarpt");
  EXPECT_EQ(stats_.value(kHealthCheckSuccess), 2u);
  EXPECT_EQ(stats_.value(kHealthCheckFailure), 7u);
  EXPECT_EQ(stats_.value(kHealthCheckNetworkFailure), 4u);
  EXPECT_EQ(stats_.value(kHealthCheckPassiveFailure), 1u);
  EXPECT_EQ(stats_.value(kHealthCheckHealthy), 0u);
  EXPECT_EQ(stats_.value(kHealthCheckDegraded), 1u);
  EXPECT_EQ(hosts_[0]->state().check_failure(), "because of t");
  tracker_->leave();
  EXPECT_EQ(stats_.value(kHealthCheckDegraded), 0u);
}

TEST_F(HealthTrackerTest, TellsWhatALogWants) {
  begin();
  run("nnssdds");
  EXPECT_EQ(lines_, (std::vector<std::string>{"failure first", "add", "degraded", "no longer degraded"}));
  lines_.clear();
  config_.always_log_failures = config_.always_log_successes = true;
  run("snnnnss");
  EXPECT_EQ(lines_, (std::vector<std::string>{"success", "failure", "failure", "eject", "failure", "failure",
                                              "success", "add"}));
}

TEST(HealthOfHosts, ThoseThatAreNotAskedStartWell) {
  const HealthChecks config;
  Endpoint quiet = at(1);
  quiet.health_check = std::make_shared<const EndpointHealthCheck>(EndpointHealthCheck{.disabled = true});
  const auto hosts = remora::update_hosts({}, test::list_of({quiet, at(2)}), test::kShards, &config).hosts;
  EXPECT_EQ(hosts[0]->health_flags(), "healthy");
  EXPECT_EQ(hosts[1]->health_flags(), "/failed_active_hc");
}

}  // namespace
}  // namespace remora
