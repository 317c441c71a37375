// Which of several replicas writes, as the rest of remora-control sees it.
#include "control_plane/leadership.h"

#include <gtest/gtest.h>

#include "control_plane/led_rollouts.h"
#include "unit/kubernetes/fake_api.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::xds {
namespace {

using kubernetes::FakeApi;
using kubernetes::run_until;

const std::string kPath = "/apis/coordination.k8s.io/v1/namespaces/mesh/leases/remora-control";

Options with_lease(std::chrono::seconds duration) {
  Options options;
  options.lease_duration = duration;
  return options;
}

class LeadershipTest : public testing::Test {
 protected:
  struct Replica {
    Replica(
        boost::asio::io_context& context, FakeApi& api, const std::string& pod, const std::string& place = "",
        std::function<void()> other_leader = [] {})
        : leadership(context, &api, lease_settings(with_lease(std::chrono::seconds(3)), "mesh", pod),
                     [this](bool leads) { changes.push_back(leads); }) {
      leadership.set_place(place, std::move(other_leader));
      leadership.start();
    }
    std::vector<bool> changes;
    Leadership leadership;
  };
  template <typename Done>
  bool until(Done done) {
    return run_until(context_, done);
  }

  boost::asio::io_context context_;
  FakeApi api_{context_};
};

/// Rollouts that count what they are asked to do.
class CountingRollouts final : public rollout::Rollouts {
 public:
  void act(const store::ObjectKey&, rollout::Action, std::function<void(Result<void>)> done) override {
    ++acts;
    done({});
  }
  boost::json::array view() const override { return {}; }
  std::shared_ptr<void> watch(std::function<void()>) override { return nullptr; }
  int acts = 0;
};

TEST_F(LeadershipTest, WhoIsAloneLeadsAtOnceAndUntilTheEnd) {
  std::vector<bool> changes;
  Leadership alone(context_, nullptr, {}, [&](bool leads) { changes.push_back(leads); });
  EXPECT_FALSE(alone.leads());
  alone.start();
  EXPECT_EQ(changes, std::vector<bool>{true});
  EXPECT_EQ(alone.describe().at("alone"), true);
  EXPECT_EQ(alone.identity(), "");
  bool done = false;
  alone.release([&] { done = true; });
  EXPECT_EQ(changes, (std::vector<bool>{true, false}));
  EXPECT_TRUE(until([&] { return done; }));
}

TEST_F(LeadershipTest, OneOfTwoLeadsAndTheOtherSaysWhoDoes) {
  Replica a(context_, api_, "pod-a");
  ASSERT_TRUE(until([&] { return a.leadership.leads(); }));
  EXPECT_TRUE(a.leadership.identity().starts_with("pod-a_"));
  EXPECT_EQ(a.leadership.describe().at("leader").as_string(), a.leadership.identity());
  EXPECT_EQ(a.leadership.describe().at("lease"), "mesh/remora-control");
  EXPECT_NE(a.leadership.metrics().find("\nremora_control_leader 1\n"), std::string::npos);

  Replica b(context_, api_, "pod-b");
  ASSERT_TRUE(
      until([&] { return b.leadership.describe().at("leader") == a.leadership.describe().at("leader"); }));
  EXPECT_NE(b.leadership.metrics().find("\nremora_control_leader 0\n"), std::string::npos);
  CountingRollouts rollouts;
  std::string refusal;
  LedRollouts(rollouts, b.leadership).act({}, rollout::Action::kPromote, [&](const Result<void>& done) {
    refusal = done.ok() ? "" : done.error().message;
  });
  EXPECT_EQ(refusal, "this replica of remora-control does not lead: " + a.leadership.identity() + " does");
  LedRollouts(rollouts, a.leadership).act({}, rollout::Action::kPromote, [](const Result<void>&) {});
  EXPECT_EQ(rollouts.acts, 1);

  bool done = false;
  a.leadership.release([&] { done = true; });
  EXPECT_EQ(a.changes, (std::vector<bool>{true, false}));  // before the lease says so
  ASSERT_TRUE(until([&] { return done && b.leadership.leads(); }));
}

TEST_F(LeadershipTest, TheLeaderSaysWhereItIsReached) {
  int told = 0;
  Replica a(context_, api_, "pod-a", "10.0.0.1:15012", [] {});
  ASSERT_TRUE(until([&] { return a.leadership.leads(); }));
  Replica b(context_, api_, "pod-b", "10.0.0.2:15012", [&] { ++told; });
  ASSERT_TRUE(until([&] { return told == 1; }));
  EXPECT_EQ(a.leadership.place_of_leader(), "");
  EXPECT_EQ(b.leadership.place_of_leader(), "10.0.0.1:15012");
  a.leadership.release([] {});
  ASSERT_TRUE(until([&] { return b.leadership.leads(); }));
  EXPECT_EQ(b.leadership.place_of_leader(), "");
}

TEST_F(LeadershipTest, AReplicaThatComesBackIsNotTheOneBefore) {
  const auto before = lease_settings(with_lease(std::chrono::seconds(15)), "mesh", "pod-a");
  const auto after = lease_settings(with_lease(std::chrono::seconds(15)), "mesh", "pod-a");
  EXPECT_NE(before.identity, after.identity);
  EXPECT_EQ(before.renew_deadline, std::chrono::seconds(10));
  EXPECT_EQ(before.retry_period, std::chrono::seconds(2));
}

TEST_F(LeadershipTest, FlagsComeBeforeTheEnvironment) {
  Options options;
  options.lease_name = "other";
  options.lease_namespace = "leases";
  options.lease_identity = "me";
  const auto settings = lease_settings(options, "mesh", "pod-a");
  EXPECT_EQ(settings.ns + '/' + settings.name, "leases/other");
  EXPECT_TRUE(settings.identity.starts_with("me_"));
}

TEST_F(LeadershipTest, ALeaseThatCannotBeHadIsSaid) {
  api_.answer = [](const kubernetes::ApiCall&) {
    return kubernetes::ApiAnswer{403, R"({"kind":"Status","message":"leases is forbidden","code":403})"};
  };
  Replica a(context_, api_, "pod-a");
  ASSERT_TRUE(until([&] { return a.leadership.describe().at("problem") != ""; }));
  EXPECT_EQ(a.leadership.describe().at("problem"), "cannot read: leases is forbidden");
  EXPECT_EQ(a.leadership.refusal(), "no replica of remora-control leads now: try again");
  EXPECT_TRUE(a.changes.empty());
}

}  // namespace
}  // namespace remora::xds
