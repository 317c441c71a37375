// The seeds' manifests as they are. Skipped where they are not at hand.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

std::filesystem::path seeds() {
  const char* given = std::getenv("REMORA_SEEDS");
  return given != nullptr ? given : std::filesystem::path(REMORA_TESTS_DIR) / "../../shared/seeds/manifests";
}

std::string seed(const std::string& name) {
  std::ifstream file(seeds() / name);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Seeds : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(seeds())) GTEST_SKIP() << seeds() << " is not here";
  }
};

TEST_F(Seeds, AreAllValid) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(seeds())) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const ParsedFile parsed = parse_file(entry.path().filename(), seed(entry.path().filename()));
    EXPECT_FALSE(has_errors(parsed.findings)) << ::testing::PrintToString(texts(parsed.findings));
    EXPECT_FALSE(parsed.resources.empty()) << entry.path();
  }
  EXPECT_GE(files, 8U);
}

TEST_F(Seeds, CanarySplitsNinetyToTen) {
  const auto parsed = resources(seed("canary-myapp.yaml"));
  ASSERT_EQ(parsed.size(), 4U);
  const auto& route = std::get<VirtualService>(parsed[2]->spec).http.at(0).route;
  ASSERT_EQ(route.size(), 2U);
  EXPECT_EQ(route[0].destination.subset, "v1");
  EXPECT_EQ(route[0].weight, 90U);
  EXPECT_EQ(route[1].destination.subset, "v2");
  EXPECT_EQ(route[1].weight, 10U);
  const auto& rule = std::get<DestinationRule>(parsed[3]->spec);
  EXPECT_EQ(rule.traffic_policy.settings.connection_pool->max_connections, 100U);
  EXPECT_EQ(std::get<Deployment>(parsed[0]->spec).container_ports, std::vector<uint16_t>{8080});
}

TEST_F(Seeds, OldMirrorFieldWorksAndNamesItsSuccessor) {
  const ParsedFile parsed = parse_file("mirror-myapp.yaml", seed("mirror-myapp.yaml"));
  ASSERT_EQ(parsed.findings.size(), 1U);
  EXPECT_NE(parsed.findings[0].message.find("mirrorPercentage"), std::string::npos);
  const auto& mirrors = std::get<VirtualService>(parsed.resources.at(0)->spec).http.at(0).mirrors;
  ASSERT_EQ(mirrors.size(), 1U);
  EXPECT_DOUBLE_EQ(mirrors[0].percentage, 100);
  EXPECT_EQ(mirrors[0].destination.subset, "v2");
}

TEST_F(Seeds, CanaryOfFlaggerIsUnderstoodInFull) {
  const ParsedFile parsed = parse_file("api-canary.yaml", seed("api-canary.yaml"));
  EXPECT_TRUE(parsed.findings.empty()) << ::testing::PrintToString(texts(parsed.findings));
  const auto& canary = std::get<Canary>(parsed.resources.at(0)->spec);
  EXPECT_EQ(canary.target_name, "api");
  EXPECT_EQ(canary.analysis.threshold, 5U);
  EXPECT_EQ(canary.analysis.max_weight, 50U);
  ASSERT_EQ(canary.analysis.webhooks.size(), 1U);
  EXPECT_EQ(canary.analysis.webhooks[0].timeout, std::chrono::seconds(5));
}

TEST_F(Seeds, TogetherMakeOneMesh) {
  std::string all =
      "apiVersion: v1\nkind: Service\nmetadata: {name: api}\n"
      "spec: {selector: {app: api}, ports: [{name: http, port: 8080}]}\n";
  for (const char* name :
       {"api-canary.yaml", "api-deployments.yaml", "api-destination-rule.yaml", "api-virtual-service.yaml"}) {
    all += "---\n" + seed(name);
  }
  const Reconciled reconciled = reconcile(nullptr, resources(all));
  EXPECT_TRUE(reconciled.findings.empty()) << ::testing::PrintToString(texts(reconciled.findings));
}

}  // namespace
}  // namespace remora::istio::test
