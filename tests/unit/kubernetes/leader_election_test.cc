// Who leads: one at a time, whatever fails.
#include "kubernetes/leader_election.h"

#include <gtest/gtest.h>

#include "unit/kubernetes/fake_api.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::kubernetes {
namespace {

using std::chrono::milliseconds;

const std::string kPath = "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases/remora-leader";

class LeaderElectionTest : public testing::Test {
 protected:
  /// One replica, with its own connection to the one server.
  struct Replica {
    Replica(boost::asio::io_context& context, FakeApi& api, const std::string& name)
        : election(context, api,
                   {"istio-system", "remora-leader", name, milliseconds(1000), milliseconds(400),
                    milliseconds(40)},
                   [this](bool leads) { changes.push_back(leads); }) {}
    std::vector<bool> changes;
    LeaderElection election;
  };

  boost::json::object& spec() { return api_.objects.at(kPath)["spec"].as_object(); }
  std::string holder() { return std::string(spec()["holderIdentity"].as_string()); }
  template <typename Done>
  bool until(Done done) {
    return run_until(context_, done);
  }

  boost::asio::io_context context_;
  FakeApi api_{context_};
};

TEST_F(LeaderElectionTest, TheFirstLeadsAndRenewsTheOtherWaits) {
  Replica a(context_, api_, "a");
  Replica b(context_, api_, "b");
  a.election.start();
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  EXPECT_EQ(spec()["leaseDurationSeconds"], 1);
  EXPECT_EQ(spec()["leaseTransitions"], 0);
  const auto acquired = spec()["acquireTime"];
  const auto renewed = spec()["renewTime"];
  b.election.start();
  ASSERT_TRUE(until([&] { return b.election.holder() == "a" && spec()["renewTime"] != renewed; }));
  const auto seen = api_.calls.size();
  ASSERT_TRUE(until([&] { return api_.calls.size() > seen + 80; }));  // longer than the lease
  EXPECT_EQ(spec()["acquireTime"], acquired);
  EXPECT_EQ(a.changes, std::vector<bool>{true});
  EXPECT_TRUE(b.changes.empty());
}

TEST_F(LeaderElectionTest, ASilentLeaderIsReplacedAndCounted) {
  Replica b(context_, api_, "b");
  {
    Replica a(context_, api_, "a");
    a.election.start();
    ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  }  // killed: it says nothing
  const auto begin = std::chrono::steady_clock::now();
  b.election.start();
  ASSERT_TRUE(until([&] { return b.election.is_leader(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(1000));
  EXPECT_EQ(holder(), "b");
  EXPECT_EQ(spec()["leaseTransitions"], 1);
}

TEST_F(LeaderElectionTest, WhatTimeTheHolderWritesDoesNotCount) {
  Replica a(context_, api_, "a");
  a.election.start();
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  // A clock that is hours behind: by the text the lease has been over for long.
  spec()["renewTime"] = "2001-01-01T00:00:00.000000Z";
  spec()["holderIdentity"] = "z";
  api_.objects.at(kPath)["metadata"].as_object()["resourceVersion"] = "other";
  Replica b(context_, api_, "b");
  b.election.start();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(until([&] { return b.election.holder() == "z" && !a.election.is_leader(); }));
  EXPECT_TRUE(b.changes.empty());
  ASSERT_TRUE(until([&] { return a.election.is_leader() || b.election.is_leader(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(900));
  EXPECT_NE(a.election.is_leader(), b.election.is_leader());
}

TEST_F(LeaderElectionTest, OneThatCannotRenewStopsBeforeAnotherCanBegin) {
  Replica a(context_, api_, "a");
  a.election.start();
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  const auto begin = std::chrono::steady_clock::now();
  api_.down = true;
  ASSERT_TRUE(until([&] { return !a.election.is_leader(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(900));
  api_.down = false;
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));  // nobody else came: it is ours still
  EXPECT_EQ(spec()["leaseTransitions"], 0);
}

TEST_F(LeaderElectionTest, AServerThatNeverAnswersEndsLeadingToo) {
  Replica a(context_, api_, "a");
  a.election.start();
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  api_.silent = true;
  ASSERT_TRUE(until([&] { return !a.election.is_leader(); }));
  api_.silent = false;
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
}

TEST_F(LeaderElectionTest, ACleanStopLetsTheNextOneBeginAtOnce) {
  Replica a(context_, api_, "a");
  Replica b(context_, api_, "b");
  a.election.start();
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  b.election.start();
  ASSERT_TRUE(until([&] { return b.election.holder() == "a"; }));
  bool released = false;
  a.election.release([&] { released = true; });
  EXPECT_EQ(a.changes, (std::vector<bool>{true, false}));  // before anything is written
  ASSERT_TRUE(until([&] { return released; }));
  EXPECT_EQ(holder(), "");
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(until([&] { return b.election.is_leader(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(900));
}

TEST_F(LeaderElectionTest, ReleaseEndsEvenIfTheServerIsSilent) {
  Replica a(context_, api_, "a");
  a.election.start();
  ASSERT_TRUE(until([&] { return a.election.is_leader(); }));
  api_.silent = true;
  bool released = false;
  a.election.release([&] { released = true; });
  EXPECT_TRUE(until([&] { return released; }));
}

TEST_F(LeaderElectionTest, OfManyThatStartTogetherOneLeads) {
  std::vector<std::unique_ptr<Replica>> replicas;
  for (int i = 0; i < 5; ++i) {
    replicas.push_back(std::make_unique<Replica>(context_, api_, "r" + std::to_string(i)));
    replicas.back()->election.start();
  }
  const auto leaders = [&] {
    return std::count_if(replicas.begin(), replicas.end(),
                         [](const auto& r) { return r->election.is_leader(); });
  };
  ASSERT_TRUE(until([&] { return leaders() == 1; }));
  const auto seen = api_.calls.size();
  ASSERT_TRUE(until([&] {
    EXPECT_LE(leaders(), 1);
    return api_.calls.size() > seen + 60;
  }));
  EXPECT_EQ(leaders(), 1);
}

}  // namespace
}  // namespace remora::kubernetes
