#include "health_check/grpc_probe.h"

#include <gtest/gtest.h>

#include <string>

namespace remora {
namespace {

std::string bytes(std::initializer_list<int> list) {
  std::string out;
  for (const int byte : list) out.push_back(static_cast<char>(byte));
  return out;
}

TEST(GrpcHealth, Requests) {
  EXPECT_EQ(grpc_health_request(""), bytes({0, 0, 0, 0, 0}));
  EXPECT_EQ(grpc_health_request("ab"), bytes({0, 0, 0, 0, 4, 0x0a, 2, 'a', 'b'}));
  const auto long_name = grpc_health_request(std::string(300, 'x'));
  EXPECT_EQ(long_name.substr(0, 8), bytes({0, 0, 0, 1, 0x2f, 0x0a, 0xac, 0x02}));
  EXPECT_EQ(long_name.size(), 308u);
}

TEST(GrpcHealth, Responses) {
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 2, 8, 1})), 1);
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 2, 8, 2})), 2);
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 1})), 1) << "an empty frame first";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 6, 0x12, 2, 'x', 'y', 8, 1})), 1) << "a field of later";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 4, 8, 2, 8, 1})), 1) << "the last one counts";
}

TEST(GrpcHealth, WhatIsNoResponse) {
  EXPECT_EQ(grpc_health_status(""), -1);
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 0})), -1) << "no message at all";
  EXPECT_EQ(grpc_health_status(bytes({1, 0, 0, 0, 2, 8, 1})), -1) << "compressed";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 3, 8, 1})), -1) << "cut";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 1})), -1) << "two of them";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 2, 8, 0x81})), -1) << "a number that does not end";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 3, 0x12, 9, 'x'})), -1)
      << "a field longer than the message";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 2, 0x0f, 1})), -1) << "no wire type";
  EXPECT_EQ(grpc_health_status(bytes({0, 0, 0, 0, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})),
            INT32_MAX)
      << "a status that nobody knows";
  EXPECT_EQ(grpc_health_status(bytes({0, 255, 255, 255, 255, 8, 1})), -1);
}

}  // namespace
}  // namespace remora
