#include "istio/model/hosts.h"

#include <gtest/gtest.h>

namespace remora::istio {
namespace {

TEST(ResolveHost, ShortNamesLiveInTheirResourcesNamespace) {
  EXPECT_EQ(resolve_host("myapp", "default"), "myapp.default.svc.cluster.local");
  EXPECT_EQ(resolve_host("myapp.prod", "default"), "myapp.prod");
  EXPECT_EQ(resolve_host("*.example.test", "default"), "*.example.test");
  EXPECT_EQ(resolve_host("*", "default"), "*");
}

TEST(HostMatches, WildcardsCoverAtLeastOneLabel) {
  EXPECT_TRUE(host_matches("a.b", "a.b"));
  EXPECT_TRUE(host_matches("*.b", "a.b"));
  EXPECT_TRUE(host_matches("*.b", "x.a.b"));
  EXPECT_TRUE(host_matches("*", "a"));
  EXPECT_TRUE(host_matches("*.b", "*.a.b"));
  EXPECT_FALSE(host_matches("*.b", ".b"));
  EXPECT_FALSE(host_matches("*.b", "b"));
  EXPECT_FALSE(host_matches("a.b", "x.a.b"));
}

TEST(HostAliases, AreShorterForNeighbours) {
  const std::string host = "myapp.default.svc.cluster.local";
  EXPECT_EQ(host_aliases(host, "default"),
            (std::vector<std::string>{host, "myapp", "myapp.default", "myapp.default.svc"}));
  EXPECT_EQ(host_aliases(host, "prod"),
            (std::vector<std::string>{host, "myapp.default", "myapp.default.svc"}));
  EXPECT_EQ(host_aliases("api.example.test", "default"), std::vector<std::string>{"api.example.test"});
}

TEST(ExportedTo, KnowsItsWords) {
  EXPECT_TRUE(exported_to({}, "a", "b"));
  EXPECT_TRUE(exported_to({"*"}, "a", "b"));
  EXPECT_TRUE(exported_to({"b"}, "a", "b"));
  EXPECT_TRUE(exported_to({"."}, "a", "a"));
  EXPECT_FALSE(exported_to({"."}, "a", "b"));
  EXPECT_FALSE(exported_to({"~"}, "a", "a"));
}

TEST(LabelsMatch, AllThatAreWanted) {
  EXPECT_TRUE(labels_match({}, {{"a", "1"}}));
  EXPECT_TRUE(labels_match({{"a", "1"}}, {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(labels_match({{"a", "1"}}, {{"a", "2"}}));
  EXPECT_FALSE(labels_match({{"a", "1"}}, {}));
}

}  // namespace
}  // namespace remora::istio
