#include "capture/options.h"

#include <gtest/gtest.h>

namespace remora::capture {
namespace {

std::string shown(const Result<std::vector<PortRange>>& ports) {
  if (!ports.ok()) return ports.error().message;
  std::string text;
  for (const auto& port : *ports) text += std::to_string(port.first) + "-" + std::to_string(port.last) + " ";
  return text;
}

std::string shown(const Result<std::vector<Prefix>>& prefixes) {
  if (!prefixes.ok()) return prefixes.error().message;
  std::string text;
  for (const auto& prefix : *prefixes) {
    text += (prefix.family == Family::kV4 ? "4:" : "6:") + prefix.text + (prefix.loopback ? "(lo) " : " ");
  }
  return text;
}

TEST(Ports, AListOfPortsAndRanges) {
  EXPECT_EQ(shown(parse_ports("80,8000-8010, 9000:9001 ,,65535")), "80-80 8000-8010 9000-9001 65535-65535 ");
  EXPECT_EQ(shown(parse_ports("")), "");
}

TEST(Ports, WhatIsNoPortIsNamed) {
  for (const char* wrong : {"0", "65536", "80x", "-5", "10-", "20-10", "*", "8 0", "99999999999999999999"}) {
    EXPECT_EQ(shown(parse_ports(std::string("80,") + wrong)),
              std::string("\"") + wrong + "\" is no port and no range of ports");
  }
}

TEST(Ports, AnAsteriskIsAll) {
  EXPECT_TRUE(parse_port_selection("*")->all);
  EXPECT_TRUE(parse_port_selection("")->none());
  EXPECT_EQ(parse_port_selection("80,81")->some.size(), 2U);
}

TEST(Ports, AListHasAnEnd) {
  std::string many;
  for (int i = 0; i < 1025; ++i) many += "80,";
  EXPECT_EQ(shown(parse_ports(many)), "more than 1024 entries");
}

TEST(Prefixes, BothFamiliesWithoutBitsBehindTheMask) {
  EXPECT_EQ(
      shown(parse_prefixes("10.1.2.3/8,192.0.2.1,fd00:1::5/16,::1/128,127.1.2.3/32,0.0.0.0/0,10.255.0.0/9")),
      "4:10.0.0.0/8 4:192.0.2.1/32 6:fd00::/16 6:::1/128(lo) 4:127.1.2.3/32(lo) 4:0.0.0.0/0 4:10.128.0.0/9 ");
}

TEST(Prefixes, WhatIsNoNetworkIsNamed) {
  EXPECT_EQ(shown(parse_prefixes("10.0.0.0/8,localhost")),
            "\"localhost\" is no network like 10.0.0.0/8 or fd00::/8");
  EXPECT_EQ(shown(parse_prefixes("10.0.0.0/33")), "\"10.0.0.0/33\": the length of a prefix is 0 to 32");
  EXPECT_EQ(shown(parse_prefixes("fd00::/129")), "\"fd00::/129\": the length of a prefix is 0 to 128");
  EXPECT_EQ(shown(parse_prefixes("10.0.0.0/")), "\"10.0.0.0/\": the length of a prefix is 0 to 32");
}

TEST(Interfaces, NamesThatNeedNoQuoting) {
  EXPECT_EQ(parse_interfaces("net1,eth+,br-0.5")->size(), 3U);
  for (const char* wrong : {"eth0 -j ACCEPT", "a\nb", "\"", "-i", "+", "a-name-of-16-char", "eth+0", "$x"}) {
    EXPECT_FALSE(parse_interfaces(wrong).ok()) << wrong;
  }
}

TEST(Owners, NumbersAndNamesThatAreKnown) {
  const auto find = [](const std::string& name) -> int64_t { return name == "proxy" ? 13 : -1; };
  EXPECT_EQ(*parse_owners("1337,proxy,0", find), (std::vector<uint32_t>{1337, 13, 0}));
  EXPECT_EQ(parse_owners("ghost", find).error().message,
            "\"ghost\" is unknown on this machine: give its number");
  EXPECT_FALSE(parse_owners("4294967295", find).ok()) << "no user has it: it means \"unchanged\"";
}

TEST(LoopbackRange, WithinIPv4sLoopbackNetwork) {
  EXPECT_EQ(*parse_loopback_range("127.0.0.1/32"), "127.0.0.1/32");
  EXPECT_EQ(*parse_loopback_range("127.0.0.1/8"), "127.0.0.0/8");
  for (const char* wrong : {"10.0.0.0/8", "::1/128", "127.0.0.0/7", "x"}) {
    EXPECT_EQ(parse_loopback_range(wrong).error().message,
              std::string("\"") + wrong + "\" is no network within 127.0.0.0/8");
  }
}

TEST(Options, WhatContradictsItselfIsRefused) {
  CaptureOptions options;
  EXPECT_TRUE(check(options).ok());
  options.proxy_uids.clear();
  EXPECT_EQ(check(options).error().message, "no uid for the proxy: its own connections would be captured");
  options = {};
  options.inbound_port = options.outbound_port;
  EXPECT_FALSE(check(options).ok());
  options = {};
  options.owner_groups = {false, {1}};
  options.excluded_owner_groups = {2};
  EXPECT_FALSE(check(options).ok());
  options.excluded_owner_groups.clear();
  options.owner_groups.some.resize(65);
  EXPECT_EQ(check(options).error().message, "more than 64 owner groups");
}

}  // namespace
}  // namespace remora::capture
