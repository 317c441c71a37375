#include "istio/registry/registry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

std::string host(const std::string& name) { return name + ".default.svc.cluster.local"; }

TEST(Registry, ServicePicksWorkloadsByLabelsAndMapsPorts) {
  const Registry mesh = registry(kMyapp);
  const MeshService* service = mesh.find_service(host("myapp"));
  ASSERT_NE(service, nullptr);
  const auto& endpoints = service->find_port(8080)->endpoints;
  ASSERT_EQ(endpoints.size(), 2U);
  EXPECT_EQ(endpoints[0].workload, "myapp-v1");
  EXPECT_EQ(endpoints[0].port, 9001);  // the workload's own port of that name
  EXPECT_EQ(endpoints[1].port, 9080);  // targetPort
}

TEST(Registry, NamedTargetPortIsLookedUpInTheWorkload) {
  const Registry mesh = registry(R"(
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {selector: {app: s}, ports: [{name: http, port: 80, targetPort: web}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: w}
spec: {address: 127.0.0.1, ports: {web: 1234, http: 99}, labels: {app: s}}
)");
  EXPECT_EQ(mesh.services()[0].ports[0].endpoints.at(0).port, 1234);
}

TEST(Registry, SelectorsStayInTheirNamespaceAndNeedEveryLabel) {
  const Registry mesh = registry(R"(
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {selector: {app: s, tier: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other-namespace, namespace: prod}
spec: {address: 127.0.0.1, labels: {app: s, tier: web}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: half}
spec: {address: 127.0.0.2, labels: {app: s}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: whole, labels: {tier: web}}
spec: {address: 127.0.0.3, labels: {app: s}}
)");
  const auto& endpoints = mesh.services()[0].ports[0].endpoints;
  ASSERT_EQ(endpoints.size(), 1U);
  EXPECT_EQ(endpoints[0].workload, "whole");
}

TEST(Registry, ServiceWithoutSelectorHasNoEndpoints) {
  const Registry mesh = registry(
      "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{name: http, port: 80}]}\n---\n"
      "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\nspec: {address: "
      "127.0.0.1}\n");
  EXPECT_TRUE(mesh.services()[0].ports[0].endpoints.empty());
}

TEST(Registry, ServiceEntryHasInlineEndpointsForEachHost) {
  const Registry mesh = registry(R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ext}
spec:
  hosts: [a.test, b.test]
  resolution: STATIC
  ports: [{number: 80, name: http, targetPort: 8000}]
  endpoints: [{address: 127.0.0.1}, {address: 127.0.0.2, ports: {http: 9000}, weight: 5}]
)");
  ASSERT_EQ(mesh.services().size(), 2U);
  const MeshService* service = mesh.find_service("b.test");
  ASSERT_NE(service, nullptr);
  EXPECT_TRUE(service->external);
  EXPECT_EQ(service->ports[0].endpoints[0].port, 8000);
  EXPECT_EQ(service->ports[0].endpoints[1].port, 9000);
  EXPECT_EQ(service->ports[0].endpoints[1].weight, 5U);
}

TEST(Registry, FirstToDefineAHostHasIt) {
  const Registry mesh = registry(kMyapp + R"(
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: zz}
spec: {hosts: [myapp.default.svc.cluster.local], resolution: STATIC, ports: [{number: 80, name: http}]}
)");
  EXPECT_EQ(mesh.services().size(), 1U);
  ASSERT_EQ(mesh.findings().size(), 1U);
  EXPECT_EQ(to_string(mesh.findings()[0]),
            "mesh.yaml:20: warning: ServiceEntry default/zz: has no effect for host "
            "myapp.default.svc.cluster.local: Service "
            "default/myapp defines it already");
}

TEST(Registry, DoesNotDependOnTheOrderOfItsResources) {
  auto list = resources(kMyapp + "---" + kSubsets);
  const Registry forward(list);
  std::reverse(list.begin(), list.end());
  const Registry backward(list);
  EXPECT_EQ(forward.resources(), backward.resources());
}

TEST(Rules, OfTheClientsNamespaceWin) {
  const auto rule = [](const std::string& ns, const std::string& subset) {
    return "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r, namespace: " +
           ns + "}\nspec: {host: " + host("myapp") + ", subsets: [{name: " + subset + "}]}\n";
  };
  const Registry mesh = registry(kMyapp + rule("default", "servers") + rule("prod", "clients"));
  EXPECT_NE(mesh.find_rule(host("myapp"), "prod")->find_subset("clients"), nullptr);
  EXPECT_NE(mesh.find_rule(host("myapp"), "default")->find_subset("servers"), nullptr);
  EXPECT_NE(mesh.find_rule(host("myapp"), "third")->find_subset("servers"), nullptr);
}

TEST(Rules, ThatAreNotExportedStayAtHome) {
  const Registry mesh =
      registry(kMyapp + "---\n" + destination_rule("  exportTo: [\".\"]\n  subsets: [{name: v1}]\n"));
  EXPECT_NE(mesh.find_rule(host("myapp"), "default"), nullptr);
  EXPECT_EQ(mesh.find_rule(host("myapp"), "prod"), nullptr);
}

TEST(Rules, MostSpecificHostWins) {
  const auto rule = [](const std::string& name, const std::string& pattern) {
    return "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + name +
           "}\nspec: {host: \"" + pattern + "\", subsets: [{name: " + name + "}]}\n";
  };
  const Registry mesh =
      registry(kMyapp + rule("all", "*.cluster.local") + rule("near", "*.default.svc.cluster.local"));
  EXPECT_NE(mesh.find_rule(host("myapp"), "default")->find_subset("near"), nullptr);
}

TEST(Rules, OfOneHostAddTheirSubsets) {
  const Registry mesh = registry(R"(
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: myapp, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b}
spec: {host: myapp, subsets: [{name: v1, labels: {version: other}}, {name: v2}]}
)");
  const MergedRule* rule = mesh.find_rule(host("myapp"), "default");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->subsets.size(), 2U);
  EXPECT_EQ(rule->find_subset("v1")->labels.at("version"), "v1");
  ASSERT_EQ(mesh.findings().size(), 1U);
  EXPECT_EQ(mesh.findings()[0].message,
            "subset \"v1\" has no effect: DestinationRule default/a defines it already");
}

}  // namespace
}  // namespace remora::istio::test
