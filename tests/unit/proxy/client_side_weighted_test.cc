#include <gtest/gtest.h>

#include "unit/proxy/balanced.h"

namespace remora {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Balanced;

/// Three hosts, and what each has said of its load.
struct Reporting : Balanced {
  explicit Reporting(const BalancerSettings& settings = {})
      : Balanced(configured(settings), test::endpoints(3), rules(settings)) {}

  static ClusterConfig configured(const BalancerSettings& settings) {
    ClusterConfig config = test::config_of(LbPolicy::kClientSideWeighted);
    config.balancer = std::make_shared<const BalancerSettings>(settings);
    return config;
  }
  static LoadRules rules(const BalancerSettings& settings) {
    LoadRules rules;
    if (settings.slow_start) rules.slow_start_window = settings.slow_start->window;
    return rules;
  }
  void report(size_t host, double weight) {
    auto& known = stats(host).reported;
    if (known == nullptr) known = std::make_unique<ReportedWeight>(ReportedWeight{.since = clock.now()});
    known->weight = weight;
    known->last = clock.now();
  }
  void expect_shares(double a, double b, double c, const char* when) {
    const auto seen = counts(600);
    const auto share = [&](int host) { return seen.contains(host) ? seen.at(host) / 600 : 0; };
    const double sum = a + b + c;
    EXPECT_NEAR(share(1), a / sum, 0.005) << when;
    EXPECT_NEAR(share(2), b / sum, 0.005) << when;
    EXPECT_NEAR(share(3), c / sum, 0.005) << when;
  }
};

TEST(ClientSideWeighted, TakesTurnsUntilItKnows) {
  Reporting hosts;
  hosts.expect_shares(1, 1, 1, "nothing is known");
  hosts.report(0, 900);
  hosts.clock.advance(seconds(9));
  hosts.expect_shares(1, 1, 1, "in the blackout period");
  hosts.clock.advance(seconds(1));
  hosts.expect_shares(1, 1, 1, "the only one that is known is the median");
}

TEST(ClientSideWeighted, GoesByReports) {
  Reporting hosts;
  for (size_t i = 0; i < 3; ++i) hosts.report(i, 100 * static_cast<double>(i + 1));
  hosts.clock.advance(seconds(10));
  hosts.expect_shares(1, 2, 3, "all are known");
  hosts.report(2, 100);
  hosts.clock.advance(milliseconds(999));
  hosts.expect_shares(1, 2, 3, "before the next update");
  hosts.clock.advance(milliseconds(1));
  hosts.expect_shares(1, 2, 1, "after it");
}

TEST(ClientSideWeighted, WhoIsNotKnownHasTheMedian) {
  Reporting hosts;
  hosts.report(0, 100);
  hosts.report(1, 400);
  hosts.clock.advance(seconds(10));
  hosts.expect_shares(100, 400, 400, "the upper one of two");
}

TEST(ClientSideWeighted, OldReportsAreForgotten) {
  BalancerSettings settings;
  settings.reported.expiration_period = Milliseconds(20000);
  Reporting hosts(settings);
  for (size_t i = 0; i < 3; ++i) hosts.report(i, i == 0 ? 500 : 100);
  hosts.clock.advance(seconds(15));
  hosts.report(1, 100);
  hosts.report(2, 300);
  hosts.clock.advance(seconds(6));
  hosts.expect_shares(3, 1, 3, "the first has the median");
  hosts.report(0, 500);
  hosts.clock.advance(seconds(9));
  hosts.expect_shares(3, 1, 3, "it has to report for a while again");
  hosts.clock.advance(seconds(1));
  hosts.expect_shares(5, 1, 3, "it has");
}

TEST(ClientSideWeighted, StartsSlowly) {
  BalancerSettings settings;
  settings.slow_start = SlowStart{seconds(100), 1, 10};
  Reporting hosts(settings);
  for (size_t i = 0; i < 3; ++i) {
    hosts.report(i, 100);
    hosts.hosts[i]->state().set_healthy_since(hosts.clock.now() - seconds(i == 0 ? 15 : 1000));
  }
  const HostSet set(hosts.hosts, Reporting::rules(settings), nullptr);
  hosts.clock.advance(seconds(10));
  std::map<int, double> seen;
  for (int i = 0; i < 900; ++i) seen[test::number_of(hosts.balancer.pick(set, {}))] += 1;
  EXPECT_NEAR(seen[1], 900 * 0.25 / 2.25, 5) << "a quarter of the window is over";
}

}  // namespace
}  // namespace remora
