#include "remora/http/grpc.h"

#include <gtest/gtest.h>

#include "core/grpc.h"

namespace remora {
namespace {

TEST(Grpc, ContentTypesThatAreGrpc) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"}) {
    EXPECT_TRUE(is_grpc_content_type(type)) << type;
  }
  for (const char* type : {"", "application/grp", "application/grpc-web", "application/json", "text/grpc"}) {
    EXPECT_FALSE(is_grpc_content_type(type)) << type;
  }
}

TEST(Grpc, WhatHasNoPathCallsNoMethod) {
  HeaderMap connect;
  connect.add(HeaderId::kMethod, "CONNECT");
  connect.add(HeaderId::kContentType, "application/grpc");
  EXPECT_FALSE(is_grpc_request(connect));
  connect.add(HeaderId::kPath, "/service/method");
  EXPECT_TRUE(is_grpc_request(connect));
}

TEST(Grpc, EveryHttpStatusStandsForAFailure) {
  const std::pair<uint16_t, int16_t> cases[] = {{400, 13}, {401, 16}, {403, 7},  {404, 12}, {429, 14},
                                                {502, 14}, {503, 14}, {504, 14}, {500, 2},  {302, 2}};
  for (const auto& [http, grpc] : cases) EXPECT_EQ(grpc_status_for_http(http), grpc) << http;
}

}  // namespace
}  // namespace remora
