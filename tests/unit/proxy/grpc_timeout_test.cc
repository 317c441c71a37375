#include "grpc_timeout.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

using Ms = Milliseconds;

struct GrpcTimeout : ::testing::Test {
  GrpcTimeout() {
    request.add(HeaderId::kPath, "/service/method");
    request.add(HeaderId::kContentType, "application/grpc");
  }
  std::optional<Ms> read(std::string_view text) {
    request.set(HeaderId::kGrpcTimeout, text);
    return read_grpc_timeout(request);
  }
  std::string_view written(int64_t ms) {
    write_grpc_timeout(request, Ms(ms));
    return request.value_of(HeaderId::kGrpcTimeout);
  }
  RequestLimits limits(std::string_view timeout = {}) {
    request.remove(HeaderId::kGrpcTimeout);
    if (!timeout.empty()) request.add(HeaderId::kGrpcTimeout, timeout);
    return route_limits(action, Ms(0), request);
  }
  HeaderMap request;
  RouteAction action;
};

TEST_F(GrpcTimeout, ReadsEveryUnit) {
  EXPECT_EQ(read("2H"), Ms(7'200'000));
  EXPECT_EQ(read("3M"), Ms(180'000));
  EXPECT_EQ(read("4S"), Ms(4'000));
  EXPECT_EQ(read("5m"), Ms(5));
  EXPECT_EQ(read("1001u"), Ms(2));
  EXPECT_EQ(read("1000u"), Ms(1));
  EXPECT_EQ(read("1n"), Ms(1));
  EXPECT_EQ(read("0n"), Ms(0));
  EXPECT_EQ(read("99999999H"), Ms(99'999'999ll * 3'600'000));
}

TEST_F(GrpcTimeout, WhatIsNoTimeoutDoesNotCount) {
  for (const char* text :
       {"", "m", "5", "5s", "100000000m", "-1m", "+1m", "1 m", "1.5S", "0x1m", "99999999999999999999m"})
    EXPECT_EQ(read(text), std::nullopt) << text;
  request.remove(HeaderId::kGrpcTimeout);
  EXPECT_EQ(read_grpc_timeout(request), std::nullopt);
}

TEST_F(GrpcTimeout, WritesEightDigitsAtMost) {
  EXPECT_EQ(written(0), "0m");
  EXPECT_EQ(written(99'999'999), "99999999m");
  EXPECT_EQ(written(100'000'000), "100000S");
  EXPECT_EQ(written(99'999'999ll * 1000 + 1000), "1666666M");
  EXPECT_EQ(written(99'999'999ll * 60'000 + 60'000), "1666666H");
  EXPECT_EQ(written(std::numeric_limits<int64_t>::max()), "99999999H");
}

TEST_F(GrpcTimeout, WithoutRulesTheHeaderMeansNothing) {
  action.timeout = Ms(15000);
  EXPECT_EQ(limits("1S").response, Ms(15000));
  EXPECT_EQ(limits("1S").duration, std::nullopt);
  announce_grpc_timeout(action, limits("1S"), Ms(15000), request);
  EXPECT_EQ(request.value_of(HeaderId::kGrpcTimeout), "1S");
}

TEST_F(GrpcTimeout, MaxGrpcTimeoutTakesTheHeaderInsteadOfTheTimeout) {
  action.timeout = Ms(15000);
  action.grpc_timeouts.edit().max = Ms(5000);
  EXPECT_EQ(limits("1S").response, Ms(1000));
  EXPECT_EQ(limits("9S").response, Ms(5000));
  EXPECT_EQ(limits().response, Ms(5000));
  action.grpc_timeouts.edit().max = Ms(0);
  EXPECT_EQ(limits("9S").response, Ms(9000));
  EXPECT_EQ(limits().response, Ms(0));
  action.grpc_timeouts.edit().offset = Ms(4000);
  EXPECT_EQ(limits("9S").response, Ms(5000));
  EXPECT_EQ(limits("4S").response, Ms(4000));  // nothing would be left of it
  announce_grpc_timeout(action, {}, Ms(700), request);
  EXPECT_EQ(request.value_of(HeaderId::kGrpcTimeout), "700m");
  request.set(HeaderId::kContentType, "text/plain");
  EXPECT_EQ(limits("9S").response, Ms(15000));
}

TEST_F(GrpcTimeout, MaxStreamDurationReplacesTheTimeout) {
  action.timeout = Ms(15000);
  action.has_stream_duration = true;
  EXPECT_EQ(limits("1S").response, Ms(0));
  EXPECT_EQ(limits("1S").duration, std::nullopt);
  action.max_stream_duration = Ms(8000);
  EXPECT_EQ(limits("1S").duration, Ms(8000));
  action.grpc_timeouts.edit().header_max = Ms(5000);
  EXPECT_EQ(limits("1S").duration, Ms(1000));
  EXPECT_EQ(limits("7S").duration, Ms(5000));
  EXPECT_EQ(limits().duration, Ms(8000));
  action.grpc_timeouts.edit().header_offset = Ms(1500);
  EXPECT_EQ(limits("7S").duration, Ms(3500));
  EXPECT_EQ(limits("1S").duration, Ms(0));
  action.grpc_timeouts.edit().header_max = Ms(0);
  EXPECT_EQ(limits("7S").duration, Ms(5500));
  announce_grpc_timeout(action, limits("7S"), Ms(1), request);
  EXPECT_EQ(request.value_of(HeaderId::kGrpcTimeout), "5500m");
}

TEST_F(GrpcTimeout, TheListenersDurationCountsWhereTheRouteHasNone) {
  EXPECT_EQ(route_limits(action, Ms(70), request).duration, Ms(70));
  action.max_stream_duration = Ms(0);
  EXPECT_EQ(route_limits(action, Ms(70), request).duration, std::nullopt);
}

}  // namespace
}  // namespace remora
