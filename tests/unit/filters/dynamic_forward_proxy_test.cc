#include "dynamic_forward_proxy/dynamic_forward_proxy.h"

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.pb.h"
#include "remora/config/dynamic_forward.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using namespace std::chrono_literals;  // NOLINT
using Message = envoy::extensions::filters::http::dynamic_forward_proxy::v3::FilterConfig;
constexpr const char* kType =
    "type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig";

struct DynamicForwardProxy : FilterTest {
  void make() {
    factory = make_filter("f", kType, message.SerializeAsString(), false, context, "typed_config", report);
    if (!factory) return;
    filter = factory->create();
    cache = *DnsCache::share(stats, config);
    forward = std::make_unique<DynamicForward>(cache, "up", 80);
    exchange.info_.route_cluster = "up";
  }
  DynamicForwardProxy() { message.mutable_dns_cache_config()->set_name("names"); }
  std::shared_ptr<CachedName> add(const std::string& text, const char* address) {
    auto name = std::make_shared<CachedName>(text, MonotonicTime(1h));
    if (address != nullptr) name->set_addresses({*Address::ip(address, 80)});
    cache->add(name);
    return name;
  }
  Verdict ask(const char* authority) {
    exchange.request.set(HeaderId::kAuthority, authority);
    return filter->on_request_head(exchange, exchange.request, true);
  }
  /// What a request is answered with at once; "" if it is not.
  std::string refused(const char* authority) {
    auto verdict = ask(authority);
    if (verdict.kind() != Verdict::Kind::kReply) return "";
    const auto reply = verdict.take_reply();
    return std::to_string(reply.status) + " " + std::string(reply.details);
  }
  std::string resumed() {
    if (!exchange.resumed) return "waits";
    if (exchange.resumed->kind() == Verdict::Kind::kContinue) return "goes on";
    const auto reply = exchange.resumed->take_reply();
    EXPECT_EQ(reply.flag == ResponseFlag::kDnsResolutionFailed,
              reply.details.starts_with("dns_resolution_failure"));
    return std::to_string(reply.status) + " " + std::string(reply.details);
  }

  Message message;
  DnsCacheConfig config{.name = "names"};
  std::shared_ptr<DnsCache> cache;
  std::unique_ptr<DynamicForward> forward;
};

TEST_F(DynamicForwardProxy, AKnownNameGoesOnAndCostsNothing) {
  make();
  add("a.test:80", "10.0.0.1");
  EXPECT_EQ(ask("a.test").kind(), Verdict::Kind::kContinue);
  const auto before = test::allocations();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).kind(), Verdict::Kind::kContinue);
    filter->on_complete(exchange);
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_TRUE(exchange.demanded.empty());
}

TEST_F(DynamicForwardProxy, OtherClustersAreLeftAlone) {
  make();
  exchange.info_.route_cluster = "other";
  EXPECT_EQ(ask("a.test").kind(), Verdict::Kind::kContinue);
  exchange.info_.route_cluster = {};
  EXPECT_EQ(ask("a.test").kind(), Verdict::Kind::kContinue);
  forward.reset();
  exchange.info_.route_cluster = "up";
  EXPECT_EQ(ask("a.test").kind(), Verdict::Kind::kContinue) << "the cluster has left";
}

TEST_F(DynamicForwardProxy, AnUnknownNameIsWaitedFor) {
  make();
  EXPECT_EQ(ask("A.test:8080").kind(), Verdict::Kind::kPause);
  ASSERT_EQ(exchange.demanded.size(), 1u);
  EXPECT_EQ(exchange.demanded[0].key, cache->key_of("a.test:8080"));
  EXPECT_EQ(exchange.demanded[0].source, cache);
  add("a.test:8080", "10.0.0.1");
  EXPECT_EQ(resumed(), "waits");
  exchange.answer_demand(DemandResult::kFound);
  EXPECT_EQ(resumed(), "goes on");
  filter->on_complete(exchange);
  EXPECT_TRUE(exchange.cancelled_demands.empty());
}

TEST_F(DynamicForwardProxy, ThePortOfAClusterWithTls) {
  make();
  forward = std::make_unique<DynamicForward>(cache, "up", 443);
  ASSERT_EQ(ask("a.test").kind(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.demanded[0].key.name, "a.test:443");
}

TEST_F(DynamicForwardProxy, WhatCannotBeResolved) {
  make();
  constexpr const char* kFailure = "dns_resolution_failure{why}";
  ASSERT_EQ(ask("a.test").kind(), Verdict::Kind::kPause);
  add("a.test:80", nullptr)->set_failure(kFailure);
  exchange.answer_demand(DemandResult::kMissing);
  EXPECT_EQ(resumed(), std::string("503 ") + kFailure);
  filter->on_complete(exchange);
  EXPECT_EQ(refused("a.test"), std::string("503 ") + kFailure) << "until it is asked for again";
  exchange.resumed.reset();
  ASSERT_EQ(ask("b.test").kind(), Verdict::Kind::kPause);
  exchange.answer_demand(DemandResult::kTimeout);
  EXPECT_EQ(resumed(), "503 dns_resolution_failure{not_resolved}");
}

TEST_F(DynamicForwardProxy, WhatNamesNoHost) {
  make();
  EXPECT_EQ(refused(""), "400 empty_host_header");
  for (const char* authority : {"a test", "a.test:99999", "::1", "a/b"})
    EXPECT_EQ(refused(authority), "503 dns_resolution_failure{cares_failure:Misformatted_domain_name}")
        << authority;
  EXPECT_TRUE(exchange.demanded.empty());
}

TEST_F(DynamicForwardProxy, SoManyMayWait) {
  config.max_pending_requests = 1;
  message.mutable_dns_cache_config()
      ->mutable_dns_cache_circuit_breaker()
      ->mutable_max_pending_requests()
      ->set_value(1);
  make();
  ASSERT_EQ(ask("a.test").kind(), Verdict::Kind::kPause);
  FakeExchange second;
  second.info_.route_cluster = "up";
  auto verdict = filter->on_request_head(second, second.request, true);
  ASSERT_EQ(verdict.kind(), Verdict::Kind::kReply);
  EXPECT_EQ(verdict.take_reply().details, "dynamic_forward_proxy_pending_request_overflow");
  filter->on_complete(second);
  filter->on_complete(exchange);  // its client has gone
  EXPECT_EQ(exchange.cancelled_demands, std::vector<uint64_t>{1});
  EXPECT_EQ(filter->on_request_head(second, second.request, true).kind(), Verdict::Kind::kPause);
  second.answer_demand(DemandResult::kOverflow);
  EXPECT_EQ(second.resumed->take_reply().details, "dynamic_forward_proxy_pending_request_overflow");
}

TEST_F(DynamicForwardProxy, AFullCache) {
  config.max_hosts = 1;
  message.mutable_dns_cache_config()->mutable_max_hosts()->set_value(1);
  make();
  add("a.test:80", "10.0.0.1");
  cache->set_held(1);
  EXPECT_EQ(refused("b.test"), "503 dns_cache_overflow");
  EXPECT_EQ(ask("a.test").kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(cache->stats(1).value(kHostOverflow), 1u);
}

TEST_F(DynamicForwardProxy, RoutesNameAnotherHost) {
  make();
  filters::ForwardRoute route;
  route.host = "b.test";
  const RouteFilterConfig* configs[] = {&route};
  exchange.enter(configs);
  ASSERT_EQ(ask("a.test").kind(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.request.authority(), "b.test");
  EXPECT_EQ(exchange.demanded[0].key.name, "b.test:80");
  filter->on_complete(exchange);
  route.host.clear();
  route.host_header = "x-host";
  exchange.request.add("x-host", "c.test:81");
  exchange.request.add("x-host", "d.test");
  ASSERT_EQ(ask("a.test").kind(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.demanded[1].key.name, "c.test:81") << "the first value counts";
}

TEST_F(DynamicForwardProxy, Refused) {
  cache = *DnsCache::share(stats, {.name = "names", .max_hosts = 7});
  make();
  EXPECT_EQ(factory, nullptr);
  message.clear_dns_cache_config();
  make();
  EXPECT_EQ(factory, nullptr);
  const auto text = report.error_text();
  EXPECT_NE(
      text.find("typed_config.dns_cache_config: the DNS cache 'names' is in use with different settings"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("typed_config.dns_cache_config: is required"), std::string::npos) << text;
}

}  // namespace
}  // namespace remora
