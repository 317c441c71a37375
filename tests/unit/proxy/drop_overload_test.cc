#include "drop_overload.h"

#include <gtest/gtest.h>

#include "remora/http/header_map.h"

namespace remora {
namespace {

TEST(DropOverload, AShareOfRequests) {
  auto reply = reply_of_overload(false, false);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "drop overload");
  EXPECT_EQ(reply.details, "drop_overload");
  EXPECT_EQ(reply.flag, ResponseFlag::kDropOverload);
  HeaderMap head;
  reply.edit_head(head);
  EXPECT_EQ(head.get("x-envoy-drop-overload"), "true");
}

TEST(DropOverload, AllRequests) {
  auto reply = reply_of_overload(true, false);
  EXPECT_EQ(reply.body, "unconditional drop overload");
  EXPECT_EQ(reply.details, "unconditional_drop_overload");
  EXPECT_EQ(reply.flag, ResponseFlag::kUnconditionalDropOverload);
  HeaderMap head;
  reply.edit_head(head);
  EXPECT_EQ(head.get("x-envoy-unconditional-drop-overload"), "true");
}

TEST(DropOverload, WithoutEnvoysHeaders) {
  EXPECT_FALSE(reply_of_overload(false, true).edit_head);
  EXPECT_FALSE(reply_of_overload(true, true).edit_head);
}

}  // namespace
}  // namespace remora
