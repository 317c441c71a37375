#include "core/host_index.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
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

constexpr size_t kNone = SIZE_MAX;

/// An index with its hosts, which it finds by number.
class Indexed {
 public:
  Indexed(const std::vector<std::vector<std::string>>& hosts, bool ignore_port)
      : config_(config_of(hosts, ignore_port)),
        index_(HostIndex::build(config_).value()) {}
  [[nodiscard]] size_t find(std::optional<std::string_view> authority) const {
    const VirtualHost* host = index_.find(authority);
    return host == nullptr ? kNone : config_.virtual_hosts.number_of(host);
  }

 private:
  RouteConfig config_;
  HostIndex index_;
};

Indexed index_of(const std::vector<std::vector<std::string>>& hosts, bool ignore_port = false) {
  return {hosts, ignore_port};
}

TEST(HostIndex, SearchesInEnvoysOrder) {
  const auto index = index_of({{"*"},
                               {"www.foo.com", "foo.com:8080"},
                               {"*.foo.com"},
                               {"*-bar.foo.com"},
                               {"www.*"},
                               {"www.foo.*"},
                               {"[::1]:80"}});
  const std::pair<const char*, size_t> cases[] = {
      {"www.foo.com", 1},    {"WWW.Foo.COM", 1},   {"foo.com:8080", 1}, {"foo.com", 0},
      {"a.foo.com", 2},      {"a-bar.foo.com", 3}, {".foo.com", 0},     {"-bar.foo.com", 2},
      {"www.foo.org", 5},    {"www.x.org", 4},     {"www.", 0},         {"www.foo.", 4},
      {"www.foo.com:80", 5}, {"a.foo.com:80", 0},  {"[::1]:80", 6},     {"", 0},
      {"A-BAR.FOO.COM", 3},  {"WWW.FOO.ORG", 5},
  };
  for (const auto& [authority, expected] : cases) EXPECT_EQ(index.find(authority), expected) << authority;
}

TEST(HostIndex, WithoutADefaultTheRestFindsNothing) {
  const auto index = index_of({{"foo.com"}, {"*.bar.com"}});
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
  const auto index = index_of({{"foo.com"}, {"[::1]"}, {"*.bar.com"}}, true);
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
  const auto index = index_of(hosts);
  for (size_t i = 0; i < 1000; ++i) EXPECT_EQ(index.find("a.h" + std::to_string(1000 + i) + ".mesh"), i);
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
    const RouteConfig config = config_of(hosts);
    const auto index = HostIndex::build(config);
    ASSERT_FALSE(index.ok()) << message;
    EXPECT_NE(index.error().message.find(message), std::string::npos) << index.error().message;
  }
}

/// Random changes of one index against indexes built anew.
TEST(HostIndex, AChangedOneFindsWhatOneBuiltAnewFinds) {
  std::mt19937 random(20261121);
  const auto up_to = [&](size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random); };
  const auto domain = [&] {
    const std::string text = "h" + std::to_string(up_to(300));
    switch (up_to(8)) {
      case 0: return "*." + text;
      case 1: return text + ".*";
      case 2: return std::string("*");
      default: return text + (up_to(2) == 0 ? ".A" : ".b");
    }
  };
  RouteConfig config;
  std::vector<const VirtualHost*> hosts;  // that the index has
  HostIndex index;
  size_t refused = 0;
  for (int round = 0; round < 400; ++round) {
    HostIndex::Hosts gone;
    while (!hosts.empty() && up_to(3) != 0) {
      const auto at = hosts.begin() + static_cast<std::ptrdiff_t>(up_to(hosts.size()));
      gone.push_back(*at);
      hosts.erase(at);
    }
    HostIndex::Hosts fresh;
    for (size_t count = up_to(6); count > 0; --count) {
      VirtualHost& host = config.virtual_hosts.emplace_back();
      for (size_t i = 1 + up_to(3); i > 0; --i) host.domains.push_back(domain());
      fresh.push_back(&host);
    }
    HostIndex::Hosts all = hosts;
    all.insert(all.end(), fresh.begin(), fresh.end());
    const auto anew = HostIndex().changed({}, all);
    auto changed = index.changed(gone, fresh);
    ASSERT_EQ(anew.ok(), changed.ok()) << round;
    if (!changed.ok()) {
      ++refused;
      fresh.clear();
      changed = index.changed(gone, fresh);
    }
    hosts.insert(hosts.end(), fresh.begin(), fresh.end());
    const HostIndex before = index;
    const VirtualHost* const found_before = before.find("h1.a");
    index = std::move(changed).value();
    EXPECT_EQ(before.find("h1.a"), found_before) << "the version before is as it was";
    const HostIndex expected = HostIndex().changed({}, hosts).value();
    for (int i = 0; i < 300; ++i) {
      for (const char* form : {".a", ".b", ".c"}) {
        const std::string text = "h" + std::to_string(i) + form;
        ASSERT_EQ(index.find(text), expected.find(text)) << round << " " << text;
        ASSERT_EQ(index.find("x." + text), expected.find("x." + text)) << round << " " << text;
      }
    }
  }
  EXPECT_GT(refused, 10u);
  EXPECT_GT(hosts.size(), 3u);
}

}  // namespace
}  // namespace remora
