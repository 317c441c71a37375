#include "istio/model/spiffe_id.h"

#include <gtest/gtest.h>

namespace remora::istio {
namespace {

TEST(SpiffeId, IsReadAndWritten) {
  const auto id = parse_spiffe_id("spiffe://cluster.local/ns/shop/sa/cart-v2.a_B");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->trust_domain, "cluster.local");
  EXPECT_EQ(id->ns, "shop");
  EXPECT_EQ(id->service_account, "cart-v2.a_B");
  EXPECT_EQ(id->uri(), "spiffe://cluster.local/ns/shop/sa/cart-v2.a_B");
}

TEST(SpiffeId, TakesNothingElse) {
  for (const char* uri :
       {"", "spiffe://", "https://cluster.local/ns/a/sa/b", "SPIFFE://cluster.local/ns/a/sa/b",
        "spiffe://Cluster.local/ns/a/sa/b", "spiffe:///ns/a/sa/b", "spiffe://cluster.local:80/ns/a/sa/b",
        "spiffe://user@cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/a/sa/",
        "spiffe://cluster.local/ns//sa/b", "spiffe://cluster.local/ns/a/sa/b/",
        "spiffe://cluster.local/ns/a/sa/b/c", "spiffe://cluster.local/ns/../sa/b",
        "spiffe://cluster.local/ns/a/sa/b?x", "spiffe://cluster.local/ns/a/sa/%62",
        "spiffe://cluster.local/ns/a", "spiffe://cluster.local/sa/a/ns/b",
        "spiffe://cluster.local//ns/a/sa/b"}) {
    EXPECT_FALSE(parse_spiffe_id(uri).ok()) << uri;
  }
  EXPECT_FALSE(make_spiffe_id(std::string(256, 'a'), "a", "b").ok());
  EXPECT_FALSE(make_spiffe_id("a", std::string(2048, 'a'), "b").ok());
}

}  // namespace
}  // namespace remora::istio
