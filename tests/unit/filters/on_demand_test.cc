#include "on_demand/on_demand.h"

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Message = envoy::extensions::filters::http::on_demand::v3::OnDemand;
constexpr const char* kType = "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand";

Message over_ads() {
  Message message;
  message.mutable_odcds()->mutable_source()->mutable_ads();
  return message;
}

struct OnDemand : FilterTest {
  void make(const Message& message) {
    factory = make_filter("f", kType, message.SerializeAsString(), false, context, "typed_config", report);
    if (factory) filter = factory->create();
  }
  Verdict::Kind ask() { return filter->on_request_head(exchange, exchange.request, true).kind(); }
  bool went_on() const {
    return exchange.resumed.has_value() && exchange.resumed->kind() == Verdict::Kind::kContinue;
  }
};

TEST_F(OnDemand, AClusterThatIsThereIsNotAskedForAndCostsNothing) {
  make(over_ads());
  exchange.info_.route_cluster = "a";
  exchange.clusters = {"a"};
  ask();
  const auto before = test::allocations();
  EXPECT_EQ(ask(), Verdict::Kind::kContinue);
  filter->on_complete(exchange);
  EXPECT_LE(test::allocations() - before, 1u) << "the fake's own look-up";
  EXPECT_TRUE(exchange.demanded.empty());
}

TEST_F(OnDemand, AnUnknownClusterIsWaitedFor) {
  auto message = over_ads();
  message.mutable_odcds()->mutable_timeout()->set_seconds(7);
  make(message);
  exchange.info_.route_cluster = "a";
  EXPECT_EQ(ask(), Verdict::Kind::kPause);
  ASSERT_EQ(exchange.demanded.size(), 1u);
  EXPECT_EQ(exchange.demanded[0].key, (DemandKey{DemandKey::Kind::kCluster, {}, "a"}));
  EXPECT_NE(exchange.demanded[0].source, nullptr);
  EXPECT_EQ(exchange.demand_timeout, Milliseconds(7000));
  EXPECT_FALSE(went_on());
  exchange.answer_demand(DemandResult::kMissing);
  EXPECT_TRUE(went_on()) << "whatever came of it";
  filter->on_complete(exchange);
  EXPECT_TRUE(exchange.cancelled_demands.empty());
}

TEST_F(OnDemand, ARequestThatEndsWhileItWaitsIsForgotten) {
  make(over_ads());
  exchange.info_.route_cluster = "a";
  EXPECT_EQ(ask(), Verdict::Kind::kPause);
  filter->on_complete(exchange);
  EXPECT_EQ(exchange.cancelled_demands, std::vector<uint64_t>{1});
}

TEST_F(OnDemand, FirstTheVirtualHostThenItsCluster) {
  make(over_ads());
  exchange.missing_host = Demand{{DemandKey::Kind::kVirtualHost, "routes", "a.test"}, nullptr};
  EXPECT_EQ(ask(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.demanded.back().key.kind, DemandKey::Kind::kVirtualHost);
  exchange.missing_host.reset();
  exchange.info_.route_cluster = "a";
  exchange.answer_demand(DemandResult::kFound);
  EXPECT_EQ(exchange.routed_in_newest, 1);
  ASSERT_EQ(exchange.demanded.size(), 2u);
  EXPECT_EQ(exchange.demanded.back().key.name, "a");
  EXPECT_FALSE(went_on());
  exchange.answer_demand(DemandResult::kFound);
  EXPECT_TRUE(went_on());
}

TEST_F(OnDemand, AVirtualHostIsAskedForOnce) {
  make({});
  exchange.missing_host = Demand{{DemandKey::Kind::kVirtualHost, "routes", "a.test"}, nullptr};
  EXPECT_EQ(ask(), Verdict::Kind::kPause);
  exchange.answer_demand(DemandResult::kFound);
  EXPECT_TRUE(went_on()) << "it came, and still has no route for the request";
  EXPECT_EQ(exchange.demanded.size(), 1u);
}

TEST_F(OnDemand, WithoutOdcdsNoClusterIsAskedFor) {
  make({});
  exchange.info_.route_cluster = "a";
  EXPECT_EQ(ask(), Verdict::Kind::kContinue);
}

TEST_F(OnDemand, WhatCannotBeAskedForNamesIsRefused) {
  Message message;
  auto& api = *message.mutable_odcds()->mutable_source()->mutable_api_config_source();
  api.set_api_type(envoy::config::core::v3::ApiConfigSource::GRPC);
  api.set_transport_api_version(envoy::config::core::v3::V3);
  api.add_grpc_services()->mutable_envoy_grpc()->set_cluster_name("x");
  make(message);
  EXPECT_EQ(factory, nullptr);
  EXPECT_NE(report.error_text().find("typed_config.odcds.source.api_config_source.api_type"),
            std::string::npos)
      << report.error_text();
}

}  // namespace
}  // namespace remora
