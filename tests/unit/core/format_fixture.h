#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "remora/config/cluster.h"
#include "remora/config/route.h"
#include "remora/core/format.h"

namespace remora::test {

/// An exchange about which everything is known, for tests of what is made of it.
class FormatTest : public testing::Test {
 protected:
  FormatTest() {
    request_.add(HeaderId::kMethod, "GET");
    request_.add(HeaderId::kPath, "/items?id=7&id=8");
    request_.add(HeaderId::kAuthority, "shop.test");
    request_.add("user-agent", "curl/8");
    request_.add("x-request-id", "6d5e7a1c-0000-4000-8000-000000000001");
    request_.add("x-empty", "");
    request_.add("x-quote", "say \"hi\"");
    response_.add(HeaderId::kStatus, "200");
    response_.add("content-type", "text/plain");
    trailers_.add("grpc-status", "5");

    cluster_.name = "outbound|80||shop.test";
    cluster_.alt_stat_name.edit() = "shop";
    cluster_.metadata = metadata("istio", "config", "dr/shop");
    endpoint_.address = Address::ip("10.1.2.3", 8080).value();
    endpoint_.address_text = "10.1.2.3:8080";
    endpoint_.hostname = "pod-1";
    endpoint_.metadata = metadata("envoy.lb", "version", "v2");
    route_.name = "default";

    info_.connection_id = 12;
    info_.protocol = Protocol::kHttp11;
    using namespace std::chrono_literals;
    info_.start_wall = WallTime(std::chrono::milliseconds(1527590590528)) + 123456ns;
    info_.start = MonotonicTime(1s);
    info_.request_received = info_.start + 2ms;
    info_.upstream_first_sent = info_.start + 3ms;
    info_.upstream_last_sent = info_.start + 4ms;
    info_.upstream_first_received = info_.start + 20ms;
    info_.upstream_last_received = info_.start + 25ms;
    info_.downstream_first_sent = info_.start + 21ms;
    info_.end = info_.start + 31ms + 500us;
    info_.request_body_bytes = 17;
    info_.response_body_bytes = 4096;
    info_.response_code = 200;
    info_.details = "via_upstream";
    info_.downstream_remote = &remote_;
    info_.downstream_direct = &direct_;
    info_.downstream_local = &local_;
    info_.upstream_local = &upstream_local_;
    info_.upstream_host = &endpoint_;
    info_.attempts = 2;
    info_.log_type = AccessLogType::kDownstreamEnd;
    info_.route = &route_;
    info_.cluster = &cluster_;
    info_.request = &request_;
    info_.response = &response_;
    info_.response_trailers = &trailers_;
    info_.filter_chain = "inbound";
  }

  static std::shared_ptr<const Metadata> metadata(const std::string& ns, const std::string& key,
                                                  const std::string& value) {
    auto made = std::make_shared<Metadata>();
    made->filters[ns].value = MetadataValue::Object{{key, MetadataValue{value}}};
    return made;
  }

  static Format parsed(const std::string& text) {
    auto format = Format::parse(text);
    EXPECT_TRUE(format.ok()) << text << ": " << (format.ok() ? "" : format.error().message);
    return format.ok() ? std::move(*format) : Format();
  }
  [[nodiscard]] std::string text(const std::string& format) const {
    std::string out;
    parsed(format).append(info_, "-", out);
    return out;
  }
  [[nodiscard]] std::string json(const std::string& format) const {
    std::string out;
    parsed(format).append_json(info_, out);
    return out;
  }

  HeaderMap request_, response_, trailers_;
  ClusterConfig cluster_;
  Endpoint endpoint_;
  Route route_;
  Metadata dynamic_;
  Address remote_ = Address::ip("203.0.113.9", 0).value();
  Address direct_ = Address::ip("10.9.8.7", 40000).value();
  Address local_ = Address::ip("2001:db8::1", 443).value();
  Address upstream_local_ = Address::ip("10.1.0.9", 50123).value();
  ExchangeInfo info_;
};

}  // namespace remora::test
