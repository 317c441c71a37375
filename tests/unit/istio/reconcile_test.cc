#include "istio/reconcile/reconcile.h"

#include <gtest/gtest.h>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

const std::string kToV1 = virtual_service("  - route: [{destination: {host: myapp, subset: v1}}]\n");
const std::string kToV2 = virtual_service("  - route: [{destination: {host: myapp, subset: v2}}]\n");
const std::string kToV9 = virtual_service("  - route: [{destination: {host: myapp, subset: v9}}]\n");

std::string join(std::initializer_list<std::string> parts) {
  std::string all;
  for (const std::string& part : parts) all += "---\n" + part + "\n";
  return all;
}

/// The json of the resource called `id`; empty if it is not in effect.
std::string in_effect(const Reconciled& state, const std::string& id) {
  for (const ResourcePtr& resource : state.registry->resources()) {
    if (resource->id() == id) return resource->json;
  }
  return "";
}

std::string json_of(const std::string& yaml) { return resources(yaml).at(0)->json; }

constexpr const char* kVs = "VirtualService default/myapp";
constexpr const char* kDr = "DestinationRule default/myapp";

class Reconcile : public ::testing::Test {
 protected:
  Reconciled good_ = reconcile(nullptr, resources(join({kMyapp, kSubsets, kToV1})));
  Reconciled then(const std::string& yaml) const { return reconcile(good_.registry.get(), resources(yaml)); }
};

TEST_F(Reconcile, TakesWhatFitsTogether) {
  EXPECT_TRUE(good_.findings.empty()) << ::testing::PrintToString(texts(good_.findings));
  EXPECT_EQ(in_effect(then(join({kMyapp, kSubsets, kToV2})), kVs), json_of(kToV2));
}

TEST_F(Reconcile, RefusesAnUndefinedSubsetByNameAndKeepsTheLastGoodRoutes) {
  const Reconciled state = then(join({kMyapp, kSubsets, kToV9}));
  EXPECT_EQ(in_effect(state, kVs), json_of(kToV1));
  ASSERT_EQ(state.findings.size(), 1U);
  EXPECT_EQ(state.findings[0].resource, kVs);
  EXPECT_EQ(state.findings[0].path, "spec.http[0].route[0].destination.subset");
  EXPECT_EQ(state.findings[0].message,
            "\"v9\" is not defined by DestinationRule default/myapp; the last good one stays");
}

TEST_F(Reconcile, LeavesOutWhatWasNeverGood) {
  const Reconciled state = reconcile(nullptr, resources(join({kMyapp, kSubsets, kToV9})));
  EXPECT_EQ(in_effect(state, kVs), "");
  ASSERT_EQ(state.findings.size(), 1U);
  EXPECT_NE(state.findings[0].message.find("it has no effect until that is mended"), std::string::npos);
}

TEST_F(Reconcile, KeepsASubsetThatRoutesStillName) {
  const std::string without_v1 = destination_rule("  subsets: [{name: v2, labels: {version: v2}}]\n");
  const Reconciled state = then(join({kMyapp, without_v1, kToV1}));
  EXPECT_EQ(in_effect(state, kDr), json_of(kSubsets));
  ASSERT_EQ(state.findings.size(), 1U);
  EXPECT_NE(state.findings[0].message.find("what it leads to stays as it was"), std::string::npos);
}

TEST_F(Reconcile, KeepsARuleThatWasDeletedWhileRoutesNameItsSubsets) {
  const Reconciled state = then(join({kMyapp, kToV1}));
  EXPECT_EQ(in_effect(state, kDr), json_of(kSubsets));
  EXPECT_TRUE(has_errors(state.findings));
}

TEST_F(Reconcile, LetsBothGoTogether) {
  const Reconciled state = then(kMyapp);
  EXPECT_EQ(state.registry->resources().size(), 3U);
  EXPECT_TRUE(state.findings.empty());
}

TEST_F(Reconcile, KeepsAServiceThatRoutesLeadTo) {
  const Reconciled state = then(join({kSubsets, kToV1}));
  EXPECT_NE(state.registry->find_service("myapp.default.svc.cluster.local"), nullptr);
  ASSERT_FALSE(state.findings.empty());
  EXPECT_EQ(state.findings[0].path, "spec.http[0].route[0].destination.host");
}

TEST_F(Reconcile, AFaultOfOneHostLeavesTheOthersAlone) {
  const std::string other =
      "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: other}\n"
      "spec: {hosts: [other.test], resolution: STATIC, ports: [{number: 80, name: http}]}\n";
  const Reconciled state = then(join({kMyapp, kSubsets, kToV9, other}));
  EXPECT_NE(state.registry->find_service("other.test"), nullptr);
  EXPECT_EQ(in_effect(state, kVs), json_of(kToV1));
}

TEST_F(Reconcile, TakesTheMendedResource) {
  const Reconciled bad = then(join({kMyapp, kSubsets, kToV9}));
  const Reconciled mended = reconcile(bad.registry.get(), resources(join({kMyapp, kSubsets, kToV2})));
  EXPECT_TRUE(mended.findings.empty());
  EXPECT_EQ(in_effect(mended, kVs), json_of(kToV2));
}

TEST_F(Reconcile, ChecksMirrorsAndPorts) {
  const Reconciled state =
      reconcile(nullptr, resources(join({kMyapp, kSubsets,
                                         virtual_service("  - route: [{destination: {host: myapp, port: "
                                                         "{number: 1}}}]\n    mirror: {host: nobody}\n")})));
  ASSERT_EQ(state.findings.size(), 2U);
  EXPECT_EQ(state.findings[0].path, "spec.http[0].route[0].destination.port.number");
  EXPECT_NE(state.findings[0].message.find("Service default/myapp has no port 1"), std::string::npos);
  EXPECT_EQ(state.findings[1].path, "spec.http[0].mirror.host");
  EXPECT_NE(state.findings[1].message.find("defines \"nobody.default.svc.cluster.local\""),
            std::string::npos);
}

TEST_F(Reconcile, RefusesAPortThatIsNotCarried) {
  const std::string database =
      "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {ports: [{name: tcp-pg, port: 5432}]}\n";
  const Reconciled state = reconcile(
      nullptr,
      resources(join({kMyapp, database,
                      virtual_service("  - route: [{destination: {host: db, port: {number: 5432}}}]\n")})));
  ASSERT_EQ(state.findings.size(), 1U);
  EXPECT_EQ(state.findings[0].path, "spec.http[0].route[0].destination.port.number");
  EXPECT_NE(state.findings[0].message.find("port 5432 of Service default/db is not HTTP"), std::string::npos);
}

TEST_F(Reconcile, SaysWhatIsIdle) {
  const std::string lonely =
      "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: lonely}\nspec: {host: "
      "nobody}\n";
  const std::string second =
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: second}\n"
      "spec: {hosts: [myapp, new.test], http: [{route: [{destination: {host: myapp}}]}]}\n";
  const Reconciled state = then(join({kMyapp, kSubsets, kToV1, lonely, second}));
  std::vector<std::string> messages;
  for (const auto& finding : state.findings)
    messages.push_back(finding.resource + ": " + finding.path + ": " + finding.message);
  EXPECT_EQ(
      messages,
      (std::vector<std::string>{
          "VirtualService default/second: spec.hosts[0]: has no effect: VirtualService default/myapp routes "
          "myapp.default.svc.cluster.local already",
          "VirtualService default/second: spec.hosts[1]: no Service or ServiceEntry defines \"new.test\"",
          "DestinationRule default/lonely: spec.host: no Service or ServiceEntry defines "
          "\"nobody.default.svc.cluster.local\""}));
}

}  // namespace
}  // namespace remora::istio::test
