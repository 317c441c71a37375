// Reports reach the replica that drives canaries, whichever one a proxy comes to.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>

#include "api/metrics_service.grpc.pb.h"
#include "telemetry/metrics_service.h"
#include "telemetry/traffic_store.h"

namespace remora::telemetry {
namespace {

using envoy::service::metrics::v3::StreamMetricsMessage;
using envoy::service::metrics::v3::StreamMetricsResponse;
using ServiceProto = envoy::service::metrics::v3::MetricsService;

/// One control plane, as far as reports are concerned.
struct Replica {
  explicit Replica(boost::asio::io_context& context) : service(context, store) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service.service());
    server = builder.BuildAndStart();
  }
  std::shared_ptr<grpc::Channel> channel() const {
    return grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  }

  TrafficStore store;
  MetricsService service;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

/// A proxy's stream: it names itself and stays until the other end is done with it.
class Reporter {
 public:
  explicit Reporter(const Replica& replica) : stub_(ServiceProto::NewStub(replica.channel())) {
    thread_ = std::thread([this] {
      const auto writer = stub_->StreamMetrics(&call_, &response_);
      StreamMetricsMessage message;
      message.mutable_identifier()->mutable_node()->set_id(
          "sidecar~10.0.0.1~web.default~default.svc.cluster.local");
      writer->Write(message);
      const grpc::Status status = writer->Finish();
      status_ = status.error_message();
      ended_ = true;
    });
  }
  ~Reporter() {
    call_.TryCancel();
    thread_.join();
  }

  bool ended() const { return ended_; }
  const std::string& status() const { return status_; }

 private:
  std::unique_ptr<ServiceProto::Stub> stub_;
  grpc::ClientContext call_;
  StreamMetricsResponse response_;
  std::string status_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

class PassOnTest : public testing::Test {
 protected:
  ~PassOnTest() override {
    leader_.service.close();
    follower_.service.close();
    std::atomic<int> left{2};
    const auto stop = [&](Replica& replica) {
      replica.server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
      --left;
    };
    std::thread one([&] { stop(leader_); });
    std::thread other([&] { stop(follower_); });
    until([&] { return left == 0; });
    one.join();
    other.join();
    context_.restart();
    context_.poll();
  }
  template <typename Done>
  bool until(Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_for(std::chrono::milliseconds(10));
    }
    return done();
  }

  boost::asio::io_context context_;
  Replica leader_{context_};
  Replica follower_{context_};
};

TEST_F(PassOnTest, WhatAProxyReportsToAFollowerCountsAtTheLeader) {
  follower_.service.pass_on_to(leader_.channel());
  const Reporter proxy(follower_);
  EXPECT_TRUE(until([&] { return leader_.store.counts().proxies == 1; }));
  EXPECT_EQ(follower_.store.counts().proxies, 0U);
}

TEST_F(PassOnTest, WhenAnotherOneLeadsStreamsBeginAnew) {
  follower_.service.pass_on_to(leader_.channel());
  const Reporter proxy(follower_);
  ASSERT_TRUE(until([&] { return leader_.store.counts().proxies == 1; }));
  follower_.service.pass_on_to(nullptr);  // it leads itself now
  ASSERT_TRUE(until([&] { return proxy.ended(); }));
  EXPECT_EQ(proxy.status(), "another replica of the control plane takes reports now");
  EXPECT_TRUE(until([&] { return leader_.store.counts().proxies == 0; }));
  const Reporter again(follower_);
  EXPECT_TRUE(until([&] { return follower_.store.counts().proxies == 1; }));
}

TEST_F(PassOnTest, ALeaderThatIsGoneEndsTheStreams) {
  follower_.service.pass_on_to(grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()));
  const Reporter proxy(follower_);
  EXPECT_TRUE(until([&] { return proxy.ended(); }));
}

TEST_F(PassOnTest, NothingIsPassedOnTwice) {
  follower_.service.pass_on_to(leader_.channel());
  leader_.service.pass_on_to(follower_.channel());  // each takes the other one for the leader
  const Reporter proxy(follower_);
  EXPECT_TRUE(until([&] { return proxy.ended(); }));
  EXPECT_EQ(leader_.store.counts().proxies + follower_.store.counts().proxies, 0U);
}

}  // namespace
}  // namespace remora::telemetry
