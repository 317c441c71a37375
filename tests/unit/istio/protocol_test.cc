#include "istio/model/protocol.h"

#include <gtest/gtest.h>

namespace remora::istio {
namespace {

TEST(Protocol, ServersThatSpeakFirstAreKnownByTheirPorts) {
  for (const uint16_t port : {25, 53, 3306, 27017}) {
    EXPECT_EQ(protocol_on_port(Protocol::kUndeclared, port), Protocol::kTcp) << port;
    EXPECT_EQ(protocol_on_port(Protocol::kHttp, port), Protocol::kHttp) << port;
  }
  EXPECT_EQ(protocol_on_port(Protocol::kUndeclared, 80), Protocol::kUndeclared);
}

}  // namespace
}  // namespace remora::istio
