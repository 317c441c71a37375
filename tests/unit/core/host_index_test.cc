#include "core/host_index.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remora {
namespace {

RouteConfig config_of(const std::vector<std::vector<std::string>>& hosts, bool ignore_port = false) {
  RouteConfig config;
  config.ignore_port_in_host = ignore_port;
  for (const auto& domains : hosts) {
    VirtualHost host;
    host.name = "host" + std::to_string(config.virtual_hosts.size());
    host.domains = domains;
    config.virtual_hosts.push_back(std::move(host));
  }
  return config;
}

HostIndex index_of(const std::vector<std::vector<std::string>>& hosts, bool ignore_port = false) {
  auto index = HostIndex::build(config_of(hosts, ignore_port));
  EXPECT_TRUE(index.ok());
  return std::move(index).value();
}

constexpr uint32_t kNone = HostIndex::kNone;

TEST(HostIndex, SearchesInEnvoysOrder) {
  const HostIndex index = index_of({{"*"},
                                    {"www.foo.com", "foo.com:8080"},
                                    {"*.foo.com"},
                                    {"*-bar.foo.com"},
                                    {"www.*"},
                                    {"www.foo.*"},
                                    {"[::1]:80"}});
  const std::pair<const char*, uint32_t> cases[] = {
      {"www.foo.com", 1},    {"WWW.Foo.COM", 1},   {"foo.com:8080", 1}, {"foo.com", 0},
      {"a.foo.com", 2},      {"a-bar.foo.com", 3}, {".foo.com", 0},     {"-bar.foo.com", 2},
      {"www.foo.org", 5},    {"www.x.org", 4},     {"www.", 0},         {"www.foo.", 4},
      {"www.foo.com:80", 5}, {"a.foo.com:80", 0},  {"[::1]:80", 6},     {"", 0},
      {"A-BAR.FOO.COM", 3},  {"WWW.FOO.ORG", 5},
  };
  for (const auto& [authority, expected] : cases) EXPECT_EQ(index.find(authority), expected) << authority;
}

TEST(HostIndex, WithoutADefaultTheRestFindsNothing) {
  const HostIndex index = index_of({{"foo.com"}, {"*.bar.com"}});
  EXPECT_EQ(index.find("other.com"), kNone);
  EXPECT_EQ(index.find("bar.com"), kNone);
  EXPECT_EQ(index.find(""), kNone);
  EXPECT_EQ(index.find(std::nullopt), kNone);
  EXPECT_EQ(index_of({}).find("foo.com"), kNone);
}

TEST(HostIndex, ARequestWithoutAuthorityMeetsOnlyALoneDefault) {
  EXPECT_EQ(index_of({{"*"}}).find(std::nullopt), 0u);
  EXPECT_EQ(index_of({{"*"}, {"foo.com"}}).find(std::nullopt), kNone);
}

TEST(HostIndex, PortsAreIgnoredOnRequest) {
  const HostIndex index = index_of({{"foo.com"}, {"[::1]"}, {"*.bar.com"}}, true);
  EXPECT_EQ(index.find("foo.com:8080"), 0u);
  EXPECT_EQ(index.find("foo.com"), 0u);
  EXPECT_EQ(index.find("foo.com:"), 0u);
  EXPECT_EQ(index.find("[::1]:80"), 1u);
  EXPECT_EQ(index.find("[::1]"), 1u);
  EXPECT_EQ(index.find("a.bar.com:1"), 2u);
}

TEST(HostIndex, ManyWildcardsOfOneLength) {
  std::vector<std::vector<std::string>> hosts;
  for (int i = 0; i < 1000; ++i) hosts.push_back({"*.h" + std::to_string(1000 + i) + ".mesh"});
  const HostIndex index = index_of(hosts);
  for (uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(index.find("a.h" + std::to_string(1000 + i) + ".mesh"), i);
}

TEST(HostIndex, RefusesWhatIsAmbiguous) {
  const std::pair<std::vector<std::vector<std::string>>, const char*> cases[] = {
      {{{"foo.com"}, {"FOO.com"}},
       "virtual host 'host1': domain 'FOO.com' occurs twice, also in virtual host 'host0'"},
      {{{"*", "*"}}, "virtual host 'host0': domain '*' occurs twice"},
      {{{"*.a.com"}, {"*.a.com"}}, "'*.a.com' occurs twice"},
      {{{"a.*.com"}}, "wildcard that is not at one end"},
      {{{"*a*"}}, "wildcard that is not at one end"},
      {{{"**"}}, "wildcard that is not at one end"},
      {{{"a**"}}, "wildcard that is not at one end"},
      {{{""}}, "is empty"},
  };
  for (const auto& [hosts, message] : cases) {
    const auto index = HostIndex::build(config_of(hosts));
    ASSERT_FALSE(index.ok()) << message;
    EXPECT_NE(index.error().message.find(message), std::string::npos) << index.error().message;
  }
}

}  // namespace
}  // namespace remora
