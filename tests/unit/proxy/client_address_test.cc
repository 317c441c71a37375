#include "client_address.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

std::string hop(std::string_view list, uint32_t number) {
  const auto address = forwarded_for_hop(list, number);
  return address.empty() ? "none" : address.host();
}

TEST(ForwardedFor, CountsHopsFromTheRight) {
  constexpr std::string_view kList = "1.1.1.1, 2001:db8::2 ,3.3.3.3";
  EXPECT_EQ(hop(kList, 0), "3.3.3.3");
  EXPECT_EQ(hop(kList, 1), "2001:db8::2");
  EXPECT_EQ(hop(kList, 2), "1.1.1.1");
  EXPECT_EQ(hop(kList, 3), "none");
  EXPECT_EQ(hop(kList, 4000000000u), "none");
}

TEST(ForwardedFor, HasNoAddressWhereItHasNone) {
  EXPECT_EQ(hop("", 0), "none");
  EXPECT_EQ(hop("1.1.1.1,", 0), "none");
  EXPECT_EQ(hop("1.1.1.1,,2.2.2.2", 1), "none");
  EXPECT_EQ(hop("1.1.1.1, somebody", 0), "none");
  EXPECT_EQ(hop("1.1.1.1:80", 0), "none");
}

std::string untrusted(std::string_view list) {
  const std::vector<CidrRange> trusted = {{*Address::ip("10.0.0.0", 0), 8},
                                          {*Address::ip("192.168.0.0", 0), 16}};
  const auto address = untrusted_hop(list, trusted);
  return address.empty() ? "none" : address.host();
}

TEST(ForwardedFor, SkipsThoseThatAreTrusted) {
  EXPECT_EQ(untrusted("1.1.1.1, 10.0.0.1, 192.168.0.1"), "1.1.1.1");
  EXPECT_EQ(untrusted("10.0.0.1, 2.2.2.2, 10.0.0.3"), "2.2.2.2");
  EXPECT_EQ(untrusted("10.0.0.1, 10.0.0.2"), "10.0.0.1") << "all are: the one that is farthest away";
  EXPECT_EQ(untrusted("1.1.1.1, junk, 10.0.0.2"), "none") << "nobody can say who is behind it";
  EXPECT_EQ(untrusted(""), "none");
}

}  // namespace
}  // namespace remora
