// A proxy's configuration follows what it has asked for, and nothing else.
#include "control_plane/asked_names.h"

#include "control_plane/mesh.h"
#include "istio/build/virtual_hosts.h"
#include "unit/istio/random_mesh.h"

namespace remora::xds {
namespace {

using istio::Snapshot;
using istio::XdsType;

class Source final : public ResourceSource {
 public:
  ResourceList list() const override { return {1, resources_, {}}; }
  void watch(std::function<void()> watcher) override { watcher_ = std::move(watcher); }
  void set(std::vector<istio::ResourcePtr> resources) {
    resources_ = std::move(resources);
    if (watcher_) watcher_();
  }

 private:
  std::vector<istio::ResourcePtr> resources_;
  std::function<void()> watcher_;
};

istio::ProxyNode proxy(istio::Interception interception) {
  istio::ProxyNode node = istio::test::sidecar_at("10.0.0.1", true);
  node.interception = interception;
  node.vhds = node.on_demand = true;
  return node;
}

DiscoveryQuery hosts(std::vector<std::string> names) {
  DiscoveryQuery query;
  query.type = XdsType::kVirtualHost;
  query.names = std::make_shared<const std::vector<std::string>>(std::move(names));
  return query;
}

DiscoveryQuery without(std::vector<std::string> names) {
  DiscoveryQuery query = hosts({});
  query.unsubscribe = std::make_shared<const std::vector<std::string>>(std::move(names));
  return query;
}

bool has_host(const Snapshot& snapshot, const std::string& name) {
  return snapshot.group(XdsType::kVirtualHost).resources.contains(name);
}

/// What the proxy should have, made from nothing.
std::shared_ptr<const Snapshot> built(const istio::Registry& registry, const istio::ProxyNode& node,
                                      const DiscoveryQuery& query) {
  AskedNames asked;
  asked.take(query);
  const istio::MeshView view(registry, node, istio::MeshView::Scope::kRoutes);
  const istio::CallNames calls(registry);
  const auto base = std::make_shared<const Snapshot>(istio::build_snapshot(registry, node));
  return asked.compose(base, [&](const AskedNames::Name& name) {
    const auto table = istio::table_of(name.second);
    const bool has_table = base->group(XdsType::kRoute).resources.contains(table);
    return std::make_shared<const istio::AskedPart>(has_table ? build_asked_host(name.second, view, calls)
                                                              : istio::AskedPart());
  });
}

/// Changes a mesh step by step.
void follow(const istio::ProxyNode& node, int steps) {
  const auto query =
      hosts({"80/s0", "80/s1.default:80", "81/s2", "80/s3.default.svc", "80/nobodys0", "80/x.com"});
  istio::test::RandomMesh random;
  Source source;
  istio::Inventory inventory;
  Mesh mesh(source, inventory, {}, DefaultScope::kAsked);
  AskedNames asked;
  asked.take(query);
  for (int i = 0; i < steps; ++i) {
    random.step();
    source.set(random.resources());
    istio::test::expect_equal(*mesh.snapshot_for(node, asked), *built(mesh.registry(), node, query), i);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(AskedNames, WhatIsFollowedIsWhatWouldBeMadeFromNothing) {
  follow(proxy(istio::Interception::kNone), 300);
  follow(proxy(istio::Interception::kRedirect), 300);
}

class AskedNamesTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& yaml) {
    objects_[name] = istio::test::resources(yaml).at(0);
    std::vector<istio::ResourcePtr> all;
    for (const auto& entry : objects_) all.push_back(entry.second);
    source_.set(std::move(all));
  }
  void put_service(const std::string& name) {
    put("service " + name, "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
                               "}\nspec: {selector: {app: " + name + "}, ports: [{name: http, port: 80}]}\n");
  }
  void put_routes(const std::string& name, const std::string& timeout) {
    put("routes " + name, "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " +
                              name + "}\nspec: {hosts: [" + name + "], http: [{timeout: " + timeout +
                              ", route: [{destination: {host: " + name + "}}]}]}\n");
  }
  void SetUp() override {
    put_service("a");
    put_service("b");
  }

  Source source_;
  istio::Inventory inventory_;
  Mesh mesh_{source_, inventory_, {}, DefaultScope::kAsked};
  istio::ProxyNode node_ = proxy(istio::Interception::kNone);
  std::map<std::string, istio::ResourcePtr> objects_;
};

TEST_F(AskedNamesTest, OnlyThoseWhoAskedHaveIt) {
  AskedNames one;
  AskedNames two;
  EXPECT_TRUE(one.take(hosts({"80/a"})));
  EXPECT_FALSE(one.take(hosts({"80/a", "*", "80"}))) << "nothing new, and no names of hosts";
  EXPECT_TRUE(two.take(hosts({"80/b"})));
  const auto first = mesh_.snapshot_for(node_, one);
  const auto second = mesh_.snapshot_for(node_, two);
  EXPECT_TRUE(has_host(*first, "80/a") && !has_host(*first, "80/b"));
  EXPECT_TRUE(has_host(*second, "80/b") && !has_host(*second, "80/a"));
  const auto& clusters = first->group(XdsType::kCluster).resources;
  EXPECT_TRUE(clusters.contains("outbound|80||a.default.svc.cluster.local"));
  EXPECT_FALSE(clusters.contains("outbound|80||b.default.svc.cluster.local"));
}

TEST_F(AskedNamesTest, AChangeOfOthersIsNone) {
  AskedNames one;
  AskedNames two;
  one.take(hosts({"80/a"}));
  two.take(hosts({"80/b"}));
  const auto first = mesh_.snapshot_for(node_, one);
  const auto second = mesh_.snapshot_for(node_, two);
  put_routes("b", "3s");
  EXPECT_EQ(mesh_.snapshot_for(node_, one), first) << "the very same";
  const auto now = mesh_.snapshot_for(node_, two);
  EXPECT_NE(now->group(XdsType::kVirtualHost).version, second->group(XdsType::kVirtualHost).version);
  EXPECT_EQ(now->shared_group(XdsType::kCluster), second->shared_group(XdsType::kCluster));
}

TEST_F(AskedNamesTest, WhatIsGivenUpGoes) {
  AskedNames asked;
  asked.take(hosts({"80/a", "80/b"}));
  mesh_.snapshot_for(node_, asked);
  EXPECT_TRUE(asked.take(without({"80/a"})));
  EXPECT_FALSE(asked.take(without({"80/a"})));
  const auto snapshot = mesh_.snapshot_for(node_, asked);
  EXPECT_TRUE(!has_host(*snapshot, "80/a") && has_host(*snapshot, "80/b"));
}

TEST_F(AskedNamesTest, TheOldestGoWhereThereAreTooMany) {
  AskedNames asked;
  for (size_t i = 0; i < AskedNames::kMost; ++i) asked.take(hosts({"80/x" + std::to_string(i)}));
  EXPECT_EQ(asked.size(), AskedNames::kMost);
  EXPECT_TRUE(has_host(*mesh_.snapshot_for(node_, asked), "80/x0"));
  asked.take(hosts({"80/one.more"}));
  EXPECT_LT(asked.size(), AskedNames::kMost);
  const auto snapshot = mesh_.snapshot_for(node_, asked);
  EXPECT_FALSE(has_host(*snapshot, "80/x0"));
  EXPECT_TRUE(has_host(*snapshot, "80/x1999") && has_host(*snapshot, "80/one.more"));
}

TEST_F(AskedNamesTest, ASidecarsWordIsTheMeshs) {
  AskedNames asked;
  asked.take(hosts({"80/a"}));
  EXPECT_TRUE(mesh_.snapshot_for(node_, asked)->on_demand);
  put("sidecar",
      "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s}\n"
      "spec: {egress: [{hosts: ['./b.default.svc.cluster.local']}]}\n");
  const auto snapshot = mesh_.snapshot_for(node_, asked);
  EXPECT_FALSE(snapshot->on_demand);
  EXPECT_TRUE(has_host(*snapshot, "80/b.default.svc.cluster.local:80"));
  EXPECT_EQ(snapshot->group(XdsType::kVirtualHost).resources.size(), 1U);
}

TEST_F(AskedNamesTest, ATableThatIsNotThereHasNoHosts) {
  AskedNames asked;
  asked.take(hosts({"81/a"}));
  EXPECT_FALSE(has_host(*mesh_.snapshot_for(node_, asked), "81/a"));
}

}  // namespace
}  // namespace remora::xds
