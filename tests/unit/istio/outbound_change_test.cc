// A snapshot that is changed where the configuration has changed is the one that would be built from nothing.
#include "istio/build/outbound_change.h"

#include "unit/istio/random_mesh.h"

namespace remora::istio::test {
namespace {

ProxyNode proxy(Interception interception, bool identified) {
  ProxyNode node;
  node.id = "sidecar~10.0.0.1~a.default~default.svc.cluster.local";
  node.ns = "default";
  node.ip = "10.0.0.1";
  node.addresses = {node.ip};
  node.interception = interception;
  node.identified = identified;
  node.vhds = true;
  return node;
}

/// Changes a mesh step by step; how many steps needed no building.
int follow(const ProxyNode& node, int steps) {
  RandomMesh mesh;
  int followed = 0;
  auto registry = std::make_unique<Registry>(mesh.resources());
  auto snapshot = std::make_shared<const Snapshot>(build_outbound(*registry, node));
  for (int i = 0; i < steps; ++i) {
    mesh.step();
    auto next = std::make_unique<Registry>(mesh.resources());
    auto built = std::make_shared<const Snapshot>(build_outbound(*next, node));
    auto changed = change_outbound(*registry, *next, node, snapshot, compare(*registry, *next));
    if (changed != nullptr) {
      ++followed;
      expect_equal(*changed, *built, i);
      if (::testing::Test::HasFatalFailure()) return followed;
    }
    registry = std::move(next);
    snapshot = changed == nullptr ? built : changed;
  }
  return followed;
}

TEST(OutboundChange, WhatComesOutIsWhatWouldBeBuiltFromNothing) {
  EXPECT_GT(follow(proxy(Interception::kNone, true), 400), 50);
  EXPECT_GT(follow(proxy(Interception::kRedirect, true), 400), 50);
  EXPECT_GT(follow(proxy(Interception::kRedirect, false), 400), 25) << "some changes are notes as well";
}

class OutboundChangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    put("service",
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{name: http, port: 80}]}\n");
    put("other",
        "apiVersion: v1\nkind: Service\nmetadata: {name: t}\nspec: {ports: [{name: http, port: 80}]}\n");
    registry_ = std::make_unique<Registry>(all());
    snapshot_ = std::make_shared<const Snapshot>(build_outbound(*registry_, node_));
  }
  void put(const std::string& name, const std::string& yaml) { objects_[name] = resources(yaml).at(0); }
  std::vector<ResourcePtr> all() const {
    std::vector<ResourcePtr> out;
    for (const auto& entry : objects_) out.push_back(entry.second);
    return out;
  }
  std::shared_ptr<const Snapshot> follow() {
    const Registry next(all());
    return change_outbound(*registry_, next, node_, snapshot_, compare(*registry_, next));
  }
  static std::string routes(const std::string& spec) {
    return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: " + spec +
           "\n";
  }

  ProxyNode node_ = proxy(Interception::kRedirect, true);
  std::map<std::string, ResourcePtr> objects_;
  std::unique_ptr<Registry> registry_;
  std::shared_ptr<const Snapshot> snapshot_;
};

TEST_F(OutboundChangeTest, RoutesChangeOneVirtualHostAndNothingElse) {
  put("routes", routes("{hosts: [s], http: [{timeout: 2s, route: [{destination: {host: s}}]}]}"));
  const auto now = follow();
  ASSERT_NE(now, nullptr);
  for (const XdsType type : kXdsTypes) {
    if (type != XdsType::kVirtualHost) {
      EXPECT_EQ(now->shared_group(type), snapshot_->shared_group(type)) << short_name(type);
    }
  }
  std::vector<std::string> changed;
  EncodedResources::compare(snapshot_->group(XdsType::kVirtualHost).resources,
                            now->group(XdsType::kVirtualHost).resources,
                            [&](const auto&, const auto& is) { changed.push_back(is->name); });
  EXPECT_EQ(changed, std::vector<std::string>{"80/s.default.svc.cluster.local:80"});
}

TEST_F(OutboundChangeTest, WhatReachesFurtherThanItsHostsIsBuilt) {
  for (const char* spec :
       {"{hosts: ['*.example.com'], http: [{route: [{destination: {host: s}}]}]}",
        "{hosts: [nobody.example.com], http: [{route: [{destination: {host: s}}]}]}",
        "{hosts: [s], tcp: [{route: [{destination: {host: s}}]}]}",
        "{hosts: [s], http: [{delegate: {name: d}}]}", "{http: [{route: [{destination: {host: s}}]}]}"}) {
    put("routes", routes(spec));
    EXPECT_EQ(follow(), nullptr) << spec;
  }
}

TEST_F(OutboundChangeTest, WholeTablesAndSidecarsWithAScopeAreBuilt) {
  put("routes", routes("{hosts: [s], http: [{timeout: 2s, route: [{destination: {host: s}}]}]}"));
  node_.vhds = false;
  EXPECT_EQ(follow(), nullptr);
  node_.vhds = true;
  EXPECT_NE(follow(), nullptr);
  put("scope",
      "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: d}\nspec: {egress: [{hosts: "
      "['./*']}]}\n");
  registry_ = std::make_unique<Registry>(all());
  put("routes", routes("{hosts: [s], http: [{timeout: 3s, route: [{destination: {host: s}}]}]}"));
  EXPECT_EQ(follow(), nullptr);
}

TEST_F(OutboundChangeTest, WhatConcernsNoProxyChangesNothing) {
  put("metrics",
      "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {name: m}\nspec: {provider: {type: "
      "prometheus, address: 'http://p:9090'}, query: up}\n");
  EXPECT_EQ(follow(), snapshot_);
}

}  // namespace
}  // namespace remora::istio::test
