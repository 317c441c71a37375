// A route table's next version: virtual hosts whose bytes did not change are taken over, and nothing else is
// any different from a table that is made from nothing.
#include <algorithm>
#include <random>
#include <set>

#include "remora/http/header_map.h"
#include "translate/route.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

using Proto = envoy::config::route::v3::RouteConfiguration;
using Table = std::shared_ptr<const RouteTable>;

class RouteVersionsTest : public TranslateTest {
 protected:
  Table translate(const Proto& config, const Table& before) {
    const std::string bytes = config.SerializeAsString();
    const auto parts = take_apart(bytes);
    EXPECT_TRUE(parts.ok());
    return translate_routes(*parts, {"v", false, before.get(), {}}, context_);
  }
  static Proto hosts(int count) {
    Proto config;
    config.set_name("r");
    for (int i = 0; i < count; ++i) {
      auto& host = *config.add_virtual_hosts();
      host.set_name("h" + std::to_string(i));
      host.add_domains("h" + std::to_string(i) + ".test");
      auto& route = *host.add_routes();
      route.mutable_match()->set_prefix("/");
      route.mutable_route()->set_cluster("c" + std::to_string(i));
    }
    return config;
  }
  static size_t shared(const Table& before, const Table& after) {
    std::set<const VirtualHost*> known;
    for (const auto& host : before->config().virtual_hosts) known.insert(&host);
    size_t count = 0;
    for (const auto& host : after->config().virtual_hosts) count += known.count(&host);
    return count;
  }
  /// "host/route's cluster" for an authority.
  static std::string target(const Table& table, const std::string& authority) {
    HeaderMap head;
    head.add(HeaderId::kMethod, "GET");
    head.add(HeaderId::kAuthority, authority);
    head.add(HeaderId::kPath, "/");
    const auto match = table->match(head, 0);
    if (match.virtual_host == nullptr) return "-";
    return match.virtual_host->name + "/" + (match.route == nullptr ? "-" : match.route->forward.cluster);
  }
};

TEST_F(RouteVersionsTest, OnlyWhatChangedIsMadeAnew) {
  Proto config = hosts(100);
  const Table first = translate(config, nullptr);
  config.mutable_virtual_hosts(50)->mutable_routes(0)->mutable_route()->set_cluster("other");
  const Table second = translate(config, first);
  EXPECT_EQ(shared(first, second), 99u);
  EXPECT_EQ(target(second, "h50.test"), "h50/other");
  EXPECT_EQ(target(first, "h50.test"), "h50/c50") << "requests that are on the way keep theirs";
  config.mutable_virtual_hosts()->DeleteSubrange(10, 1);
  const Table third = translate(config, second);
  EXPECT_EQ(shared(second, third), 99u);
  EXPECT_EQ(target(third, "h10.test"), "-");
  std::reverse(config.mutable_virtual_hosts()->begin(), config.mutable_virtual_hosts()->end());
  EXPECT_EQ(shared(third, translate(config, third)), 99u) << "their order does not matter";
  EXPECT_EQ(findings(), "");
}

TEST_F(RouteVersionsTest, WhatIsSaidOfTheWholeTableMakesAllAnew) {
  Proto config = hosts(10);
  const Table first = translate(config, nullptr);
  config.mutable_max_direct_response_body_size_bytes()->set_value(7);
  EXPECT_EQ(shared(first, translate(config, first)), 0u);
}

TEST_F(RouteVersionsTest, FindingsAreOfWhatIsNewAndHaveTheirPlace) {
  Proto config = hosts(10);
  config.mutable_virtual_hosts(3)->mutable_routes(0)->mutable_match()->set_prefix("/same");
  *config.mutable_virtual_hosts(3)->add_routes() = config.virtual_hosts(3).routes(0);
  const Table first = translate(config, nullptr);
  EXPECT_NE(warnings().find("virtual_hosts[3].routes[1]: can never match"), std::string::npos) << warnings();
  report_ = {};
  config.mutable_virtual_hosts(7)->mutable_routes(0)->clear_match();
  EXPECT_EQ(translate(config, first), nullptr);
  EXPECT_NE(errors().find("virtual_hosts[7].routes[0]"), std::string::npos) << errors();
  EXPECT_EQ(warnings(), "");
  report_ = {};
  config.mutable_virtual_hosts(7)->mutable_routes(0)->mutable_match()->set_prefix("/");
  config.mutable_virtual_hosts(7)->set_domains(0, "H1.test");
  EXPECT_EQ(translate(config, first), nullptr);
  EXPECT_NE(errors().find("'h1.test' occurs twice, also in virtual host 'h1'"), std::string::npos)
      << errors();
}

TEST_F(RouteVersionsTest, BytesThatAreNoTableAreRefused) {
  const std::string whole = hosts(3).SerializeAsString();
  for (size_t size = 0; size < whole.size(); ++size) {
    Proto parsed;
    const auto parts = take_apart(std::string_view(whole).substr(0, size));
    // What the parser of all takes is taken; what it refuses is refused here or, inside of a host, later.
    if (parsed.ParseFromString(whole.substr(0, size))) {
      EXPECT_TRUE(parts.ok()) << size;
    }
    if (!parts.ok()) continue;
    EXPECT_EQ(parts->hosts.size(), static_cast<size_t>(parsed.virtual_hosts_size())) << size;
  }
  EXPECT_FALSE(take_apart("\x12\xff\xff\xff\xff\x0f").ok());
  EXPECT_FALSE(take_apart("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").ok());
  EXPECT_FALSE(take_apart(std::string("\0\0", 2)).ok());
}

/// Random histories of a table against tables made from nothing.
TEST_F(RouteVersionsTest, AnyHistoryEndsWhereATableMadeFromNothingDoes) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
    Proto config = hosts(60);
    Table table = translate(config, nullptr);
    for (int step = 0; step < 30; ++step) {
      auto& list = *config.mutable_virtual_hosts();
      for (int change = up_to(4); change >= 0; --change) {
        const int at = up_to(list.size());
        const std::string name = "n" + std::to_string(up_to(1000));
        switch (up_to(5)) {
          case 0: list[at].mutable_routes(0)->mutable_route()->set_cluster(name); break;
          case 1: list[at].set_domains(0, name + ".test"); break;
          case 2: list[at].set_domains(0, "*." + name); break;
          case 3:
            if (list.size() > 20) list.DeleteSubrange(at, 1);
            break;
          default: {
            auto& host = *list.Add();
            host = list[at];
            host.set_name(name);
            host.set_domains(0, name + ".test");
            list.SwapElements(at, list.size() - 1);
          }
        }
      }
      const Table anew = translate(config, nullptr);
      const Table next = translate(config, table);
      ASSERT_EQ(anew == nullptr, next == nullptr) << seed << " " << step;
      if (next == nullptr) continue;  // a domain twice: the last good one stays
      for (const auto& host : config.virtual_hosts()) {
        std::string authority = host.domains(0);
        if (authority.front() == '*') authority.front() = 'x';
        ASSERT_EQ(target(next, authority), target(anew, authority))
            << seed << " " << step << " " << authority;
      }
      for (int i = 0; i < 60; ++i) {
        const std::string authority = "h" + std::to_string(i) + ".test";
        ASSERT_EQ(target(next, authority), target(anew, authority))
            << seed << " " << step << " " << authority;
      }
      table = next;
    }
  }
}

/// What virtual hosts say to filters, of which some are named only by later versions.
TEST_F(RouteVersionsTest, FiltersHearTheSameAsInATableMadeFromNothing) {
  const auto says = [](envoy::config::route::v3::VirtualHost& host, const std::string& filter) {
    envoy::config::route::v3::FilterConfig off;
    off.set_disabled(true);
    (*host.mutable_typed_per_filter_config())[filter].PackFrom(off);
  };
  /// "filters that are off" at a host's route.
  const auto off = [](const Table& table, size_t number) {
    std::string text;
    const auto& resolved = table->config().virtual_hosts[number].routes[0].filters.resolved;
    const auto& names = table->config().overridden_filters;
    for (size_t i = 0; resolved != nullptr && i < resolved->size(); ++i) {
      if ((*resolved)[i].state == FilterSettings::State::kOff) text += names[i] + " ";
    }
    return text;
  };
  Proto config = hosts(8);
  says(*config.mutable_virtual_hosts(1), "m");
  const Table first = translate(config, nullptr);
  says(*config.mutable_virtual_hosts(2), "a");
  const Table second = translate(config, first);
  says(*config.mutable_virtual_hosts(3), "z");
  says(*config.mutable_virtual_hosts(3), "m");
  const Table third = translate(config, second);
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(off(third, 0), "");
  EXPECT_EQ(off(third, 1), "m ");
  EXPECT_EQ(off(third, 2), "a ");
  EXPECT_EQ(off(third, 3), "m z ");
}

}  // namespace
}  // namespace remora::xds
