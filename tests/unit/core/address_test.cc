#include "remora/core/address.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace remora {
namespace {

Address ip(std::string_view host, uint16_t port) { return Address::ip(host, port).value(); }

TEST(Address, WritesIpAddressesAsEnvoyDoes) {
  const std::pair<Address, std::pair<const char*, const char*>> cases[] = {
      {ip("1.2.3.4", 80), {"1.2.3.4:80", "1.2.3.4"}},
      {ip("0.0.0.0", 0), {"0.0.0.0:0", "0.0.0.0"}},
      {ip("255.255.255.255", 65535), {"255.255.255.255:65535", "255.255.255.255"}},
      {ip("10.200.30.9", 1), {"10.200.30.9:1", "10.200.30.9"}},
      {ip("::1", 443), {"[::1]:443", "::1"}},
      {ip("2001:DB8:0:0::5", 65535), {"[2001:db8::5]:65535", "2001:db8::5"}},
      {ip("::ffff:1.2.3.4", 1), {"[::ffff:1.2.3.4]:1", "::ffff:1.2.3.4"}},
  };
  for (const auto& [address, texts] : cases) {
    EXPECT_TRUE(address.is_ip());
    EXPECT_EQ(address.to_string(), texts.first);
    EXPECT_EQ(address.host(), texts.second);
  }
}

TEST(Address, RefusesNamesAndMalformedAddresses) {
  for (const char* bad :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", "[::1]", "::g", "1.2.3.4 ", "01.2.3.4"}) {
    const auto result = Address::ip(bad, 1);
    ASSERT_FALSE(result.ok()) << bad;
    EXPECT_NE(result.error().message.find(std::string("\"") + bad + "\""), std::string::npos);
  }
}

TEST(Address, UnixPathsKeepTheirText) {
  for (const char* path : {"/run/x.sock", "@abstract", "relative"}) {
    const Address address = Address::unix_path(path).value();
    EXPECT_TRUE(address.is_unix());
    EXPECT_FALSE(address.is_ip());
    EXPECT_EQ(address.to_string(), path);
    EXPECT_EQ(Address::from_sockaddr(address.sockaddr_ptr(), address.length()), address);
  }
  const Address abstract = Address::unix_path("@name").value();
  EXPECT_EQ(abstract.length(), offsetof(sockaddr_un, sun_path) + 5);
}

TEST(Address, UnixPathsHaveABound) {
  EXPECT_TRUE(Address::unix_path(std::string(107, 'a')).ok());
  EXPECT_FALSE(Address::unix_path(std::string(108, 'a')).ok());
  EXPECT_TRUE(Address::unix_path("@" + std::string(107, 'a')).ok());
  EXPECT_FALSE(Address::unix_path("@" + std::string(108, 'a')).ok());
  EXPECT_FALSE(Address::unix_path("").ok());
  EXPECT_FALSE(Address::unix_path(std::string_view("/a\0b", 4)).ok());
}

TEST(Address, ComparesWhatNamesTheEndpoint) {
  EXPECT_EQ(ip("1.2.3.4", 80), ip("1.2.3.4", 80));
  EXPECT_FALSE(ip("1.2.3.4", 80) == ip("1.2.3.4", 81));
  EXPECT_FALSE(ip("1.2.3.4", 80) == ip("1.2.3.5", 80));
  EXPECT_FALSE(ip("1.2.3.4", 80) == ip("::ffff:1.2.3.4", 80));
  EXPECT_EQ(Address(), Address());
  EXPECT_FALSE(Address() == ip("1.2.3.4", 80));
  sockaddr_in dirty{};
  dirty.sin_family = AF_INET;
  dirty.sin_port = htons(80);
  dirty.sin_addr.s_addr = htonl(0x01020304);
  dirty.sin_zero[0] = 7;
  EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&dirty), sizeof(dirty)),
            ip("1.2.3.4", 80));
}

TEST(Address, PortCanBeChanged) {
  Address address = ip("::1", 0);
  address.set_port(8080);
  EXPECT_EQ(address.to_string(), "[::1]:8080");
  EXPECT_EQ(address.port(), 8080);
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE(ip("127.0.0.1", 1).is_loopback());
  EXPECT_TRUE(ip("127.9.8.7", 1).is_loopback());
  EXPECT_TRUE(ip("::1", 1).is_loopback());
  EXPECT_FALSE(ip("128.0.0.1", 1).is_loopback());
  EXPECT_FALSE(ip("::2", 1).is_loopback());
  EXPECT_FALSE(Address().is_loopback());
}

TEST(CidrRange, ContainsByPrefix) {
  struct Case {
    const char* base;
    uint8_t length;
    const char* address;
    bool inside;
  };
  const Case cases[] = {
      {"10.0.0.0", 8, "10.255.1.2", true},
      {"10.0.0.0", 8, "11.0.0.0", false},
      {"10.1.2.3", 8, "10.9.9.9", true},
      {"192.168.4.0", 22, "192.168.7.255", true},
      {"192.168.4.0", 22, "192.168.8.0", false},
      {"0.0.0.0", 0, "8.8.8.8", true},
      {"1.2.3.4", 32, "1.2.3.4", true},
      {"1.2.3.4", 32, "1.2.3.5", false},
      {"1.2.3.4", 200, "1.2.3.4", true},
      {"::", 0, "1.2.3.4", false},
      {"2001:db8::", 33, "2001:db8:7fff::1", true},
      {"2001:db8::", 33, "2001:db8:8000::1", false},
      {"::1", 128, "::1", true},
      {"0.0.0.0", 0, "::1", false},
  };
  for (const auto& test : cases) {
    const CidrRange range{ip(test.base, 0), test.length};
    EXPECT_EQ(range.contains(ip(test.address, 80)), test.inside)
        << test.base << "/" << int{test.length} << " " << test.address;
  }
  EXPECT_FALSE((CidrRange{ip("0.0.0.0", 0), 0}.contains(Address::unix_path("/x").value())));
}

}  // namespace
}  // namespace remora
