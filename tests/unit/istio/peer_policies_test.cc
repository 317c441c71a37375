#include "istio/registry/peer_policies.h"

#include <gtest/gtest.h>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

std::string policy(const std::string& name, const std::string& ns, const std::string& spec,
                   const std::string& created = "2026-01-01T00:00:00Z") {
  return "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: " + name +
         ", namespace: " + ns + ", creationTimestamp: \"" + created + "\"}\nspec: " + spec + "\n---\n";
}

MtlsMode mode(const std::string& yaml, uint16_t port = 80, const Labels& labels = {{"app", "cart"}}) {
  return registry(yaml).peer_policies().mode_for("shop", labels, port);
}

const std::string kMesh = policy("default", "istio-system", "{mtls: {mode: STRICT}}");
const std::string kNamespace = policy("default", "shop", "{mtls: {mode: DISABLE}}");

TEST(PeerPolicies, WithoutAnyBothAreTaken) { EXPECT_EQ(mode(kMyapp), MtlsMode::kPermissive); }

TEST(PeerPolicies, TheNarrowerCounts) {
  EXPECT_EQ(mode(kMesh), MtlsMode::kStrict);
  EXPECT_EQ(mode(kMesh + kNamespace), MtlsMode::kDisable);
  const std::string workload =
      policy("cart", "shop", "{selector: {matchLabels: {app: cart}}, mtls: {mode: PERMISSIVE}}");
  EXPECT_EQ(mode(kMesh + kNamespace + workload), MtlsMode::kPermissive);
  EXPECT_EQ(mode(kMesh + kNamespace + workload, 80, {{"app", "web"}}), MtlsMode::kDisable);
  EXPECT_EQ(mode(policy("default", "other", "{mtls: {mode: STRICT}}")), MtlsMode::kPermissive);
}

TEST(PeerPolicies, UnsetAsksTheWiderOne) {
  EXPECT_EQ(mode(kMesh + policy("default", "shop", "{mtls: {mode: UNSET}}")), MtlsMode::kStrict);
  EXPECT_EQ(mode(kMesh + policy("default", "shop", "{}")), MtlsMode::kStrict);
}

TEST(PeerPolicies, PortsAreTheWorkloadsOwn) {
  const std::string ports =
      policy("cart", "shop",
             "{selector: {matchLabels: {app: cart}}, mtls: {mode: STRICT}, portLevelMtls: "
             "{8080: {mode: DISABLE}, 9090: {mode: UNSET}}}");
  EXPECT_EQ(mode(ports, 8080), MtlsMode::kDisable);
  EXPECT_EQ(mode(ports, 9090), MtlsMode::kStrict);
  EXPECT_EQ(mode(ports, 80), MtlsMode::kStrict);
}

TEST(PeerPolicies, OfTwoTheOlderCounts) {
  const std::string young = policy("a", "shop", "{mtls: {mode: DISABLE}}", "2026-02-01T00:00:00Z");
  const std::string old = policy("b", "shop", "{mtls: {mode: STRICT}}", "2026-01-01T00:00:00Z");
  const Registry mesh = registry(young + old);
  EXPECT_EQ(mesh.peer_policies().mode_for("shop", {}, 80), MtlsMode::kStrict);
  ASSERT_EQ(mesh.findings().size(), 1U);
  EXPECT_EQ(to_string(mesh.findings()[0]),
            "mesh.yaml:1: warning: PeerAuthentication shop/a: has no effect: PeerAuthentication shop/b is "
            "older and "
            "for the same workloads");
}

TEST(PeerPolicies, FaultsAreNamed) {
  const auto fault = [](const std::string& spec) { return findings_of(policy("p", "shop", spec)); };
  const std::string start = "mesh.yaml:4: error: PeerAuthentication shop/p: spec.";
  EXPECT_EQ(fault("{mtls: {mode: ALWAYS}}"),
            std::vector{start + "mtls.mode: \"ALWAYS\" is none of UNSET, DISABLE, PERMISSIVE, STRICT"});
  EXPECT_EQ(fault("{portLevelMtls: {80: {mode: STRICT}}}"),
            std::vector{start + "portLevelMtls: needs a selector: ports are those of single workloads"});
  EXPECT_EQ(fault("{selector: {matchLabels: {a: b}}, portLevelMtls: {http: {mode: STRICT}}}"),
            std::vector{start + "portLevelMtls.http: \"http\" is no port number"});
  EXPECT_EQ(fault("{selector: {}}"),
            std::vector{start + "selector.matchLabels: must name at least one label"});
}

}  // namespace
}  // namespace remora::istio::test
