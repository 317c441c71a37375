// The mesh as a whole: what a change of endpoints costs, and whom it reaches.
#include "control_plane/mesh.h"

#include <gtest/gtest.h>

#include "control_plane/inventory_feed.h"
#include "kubernetes/object_cache.h"
#include "unit/istio/kubernetes_builders.h"

namespace remora::xds {
namespace {

namespace json = boost::json;
using istio::XdsType;
using istio::test::entry;
using istio::test::pod;
using istio::test::slice;
using Kind = istio::Inventory::Kind;

class Source final : public ResourceSource {
 public:
  ResourceList list() const override {
    auto parsed = istio::parse_file("mesh.yaml", yaml);
    return {1, parsed.resources, parsed.findings};
  }
  void watch(std::function<void()> changed) override { tell = std::move(changed); }

  std::string yaml = service("web") + service("api");
  std::function<void()> tell;

  static std::string service(const std::string& name) {
    return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
           "}\nspec: {ports: [{name: http, port: 80, targetPort: 8080}]}\n---\n";
  }
};

istio::ProxyNode proxy(const std::string& ip, istio::Labels labels = {}) {
  istio::ProxyNode node;
  node.id = "sidecar~" + ip + "~a.default~default.svc.cluster.local";
  node.ip = ip;
  node.addresses = {ip};
  node.ns = "default";
  node.labels = std::move(labels);
  node.interception = istio::Interception::kRedirect;
  return node;
}

std::vector<std::string> differing(const istio::ResourceGroup& before, const istio::ResourceGroup& now) {
  std::vector<std::string> names;
  istio::EncodedResources::compare(before.resources, now.resources, [&](const auto& was, const auto& is) {
    names.push_back((is == nullptr ? was : is)->name);
  });
  return names;
}

class MeshTest : public testing::Test {
 protected:
  MeshTest() {
    put_slice("web", "10.1.0.1", "a");
    put_slice("api", "10.1.0.2", "b");
    mesh_ = std::make_unique<Mesh>(source_, inventory_);
    mesh_->on_endpoints([this] { ++told_; });
  }
  void put_slice(const std::string& service, const std::string& address, const std::string& name) {
    inventory_.put(Kind::kPod, pod(name, address));
    inventory_.put(Kind::kEndpointSlice, slice(service + "-1", service, entry(address, name)));
  }
  const std::string& endpoints_of(const std::string& host, const istio::Snapshot& snapshot) {
    return snapshot.group(XdsType::kEndpoint)
        .resources.get("outbound|80||" + host + ".default.svc.cluster.local")
        ->any;
  }

  Source source_;
  istio::Inventory inventory_;
  std::unique_ptr<Mesh> mesh_;
  int told_ = 0;
};

TEST_F(MeshTest, AChangeOfEndpointsChangesNothingElse) {
  const auto before = mesh_->snapshot_for(proxy("10.9.0.1"));
  put_slice("web", "10.1.0.7", "a");
  mesh_->take_endpoints();
  EXPECT_EQ(told_, 1);
  const auto now = mesh_->snapshot_for(proxy("10.9.0.1"));
  for (const XdsType type : {XdsType::kCluster, XdsType::kListener, XdsType::kRoute})
    EXPECT_EQ(now->shared_group(type), before->shared_group(type)) << istio::short_name(type);
  const auto& group = now->group(XdsType::kEndpoint);
  EXPECT_EQ(differing(before->group(XdsType::kEndpoint), group),
            std::vector<std::string>{"outbound|80||web.default.svc.cluster.local"});
  EXPECT_NE(endpoints_of("web", *now).find("10.1.0.7"), std::string::npos);
  EXPECT_EQ(now->group(XdsType::kEndpoint).resources.get("outbound|80||api.default.svc.cluster.local"),
            before->group(XdsType::kEndpoint).resources.get("outbound|80||api.default.svc.cluster.local"));
}

TEST_F(MeshTest, AChangeOfTheConfigurationSharesWhatItLeavesAsItWas) {
  const auto before = mesh_->snapshot_for(proxy("10.1.0.1"));
  source_.yaml += Source::service("new");
  source_.tell();
  const auto now = mesh_->snapshot_for(proxy("10.1.0.1"));
  const auto& clusters = now->group(XdsType::kCluster);
  EXPECT_EQ(differing(before->group(XdsType::kCluster), clusters),
            std::vector<std::string>{"outbound|80||new.default.svc.cluster.local"});
  for (const auto& [name, resource] : before->group(XdsType::kEndpoint).resources)
    EXPECT_EQ(now->group(XdsType::kEndpoint).resources.get(name), resource) << name;
  source_.tell();
  EXPECT_EQ(mesh_->snapshot_for(proxy("10.9.0.1"))->shared_group(XdsType::kEndpoint),
            now->shared_group(XdsType::kEndpoint))
      << "equal groups are one";
}

TEST_F(MeshTest, WhatNamespacesHaveAlikeIsThereOnce) {
  const auto here = mesh_->snapshot_for(proxy("10.9.0.1"));
  auto elsewhere = proxy("10.9.0.2");
  elsewhere.ns = "elsewhere";
  const auto check = [&](const istio::Snapshot& one, const istio::Snapshot& two) {
    EXPECT_NE(one.group(XdsType::kRoute).version, two.group(XdsType::kRoute).version) << "short names";
    EXPECT_EQ(one.shared_group(XdsType::kEndpoint), two.shared_group(XdsType::kEndpoint));
    const std::string web = "outbound|80||web.default.svc.cluster.local";
    EXPECT_EQ(one.group(XdsType::kCluster).resources.get(web),
              two.group(XdsType::kCluster).resources.get(web));
  };
  check(*here, *mesh_->snapshot_for(elsewhere));
  source_.yaml += Source::service("new");
  source_.tell();
  check(*mesh_->snapshot_for(proxy("10.9.0.1")), *mesh_->snapshot_for(elsewhere));
}

TEST_F(MeshTest, NothingToTakeIsNothingToTell) {
  const auto before = mesh_->snapshot_for(proxy("10.9.0.1"));
  const uint64_t version = mesh_->version();
  mesh_->take_endpoints();
  put_slice("web", "10.1.0.1", "a");  // as it is
  mesh_->take_endpoints();
  EXPECT_EQ(told_, 0);
  EXPECT_EQ(mesh_->version(), version);
  EXPECT_EQ(mesh_->snapshot_for(proxy("10.9.0.1")), before);
}

TEST_F(MeshTest, ItsOwnProxyLearnsThatAnAddressServesSomethingElse) {
  const auto listeners = [&](const std::string& ip) {
    return mesh_->snapshot_for(proxy(ip))->group(XdsType::kListener).version;
  };
  const std::string web = listeners("10.1.0.1"), other = listeners("10.9.0.1");
  EXPECT_NE(web, other) << "it has an inbound side";
  put_slice("web", "10.1.0.7", "a");
  mesh_->take_endpoints();
  EXPECT_EQ(listeners("10.1.0.1"), other);
  EXPECT_EQ(listeners("10.1.0.7"), web);
  EXPECT_EQ(listeners("10.9.0.1"), other);
}

TEST_F(MeshTest, LabelsThatNothingSelectsByTellNoProxiesApart) {
  const auto one = mesh_->snapshot_for(proxy("10.9.0.1", {{"app", "one"}}));
  const auto two = mesh_->snapshot_for(proxy("10.9.0.2", {{"app", "two"}}));
  for (const XdsType type : {XdsType::kEndpoint, XdsType::kRoute})
    EXPECT_EQ(one->shared_group(type), two->shared_group(type)) << istio::short_name(type);
}

TEST_F(MeshTest, LabelsThatARouteAsksForTellProxiesApart) {
  source_.yaml +=
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\nspec:\n  hosts: "
      "[web]\n"
      "  http:\n  - match: [{sourceLabels: {app: one}}]\n    route: [{destination: {host: api}}]\n"
      "  - route: [{destination: {host: web}}]\n";
  source_.tell();
  const auto routes = [&](const char* app) {
    return mesh_->snapshot_for(proxy("10.9.0.1", {{"app", app}, {"version", "v1"}}))
        ->group(XdsType::kRoute)
        .version;
  };
  EXPECT_NE(routes("one"), routes("two"));
  EXPECT_EQ(routes("two"), routes("three"));
}

TEST_F(MeshTest, LocalitiesTellProxiesApartOnlyWhereARuleLooksAtThem) {
  const auto endpoints = [&](const std::string& ip, const std::string& locality) {
    auto node = proxy(ip);
    node.locality = locality;
    return mesh_->snapshot_for(node)->shared_group(XdsType::kEndpoint);
  };
  EXPECT_EQ(endpoints("10.9.0.1", "eu"), endpoints("10.9.0.2", "us"));
  source_.yaml += R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far}
spec:
  hosts: [far]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 10.2.0.1, locality: eu}, {address: 10.2.0.2, locality: us}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: far}
spec: {host: far, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}}
)";
  source_.tell();
  EXPECT_NE(endpoints("10.9.0.1", "eu")->version, endpoints("10.9.0.2", "us")->version);
  EXPECT_EQ(endpoints("10.9.0.1", "eu"), endpoints("10.9.0.3", "eu"));
  // Who does not say where it is, is where its workload is.
  EXPECT_EQ(endpoints("10.2.0.2", ""), endpoints("10.9.0.2", "us"));
}

TEST_F(MeshTest, LabelsThatASidecarSelectsByTellProxiesApart) {
  source_.yaml +=
      "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: one}\nspec:\n"
      "  workloadSelector: {labels: {app: one}}\n  egress: [{hosts: [./api.default.svc.cluster.local]}]\n";
  source_.tell();
  const auto clusters = [&](const char* app) {
    return mesh_->snapshot_for(proxy("10.9.0.1", {{"app", app}}))->group(XdsType::kEndpoint).resources.size();
  };
  EXPECT_EQ(clusters("one"), 1U);
  EXPECT_EQ(clusters("two"), 2U);
}

// --- what brings the changes
// -----------------------------------------------------------------------------------

/// What is known of an API server; it has forgotten what a list was made from, a number of times.
class Forgetful final : public store::ObjectStore {
 public:
  uint64_t version() const override { return cache.version(); }
  store::ObjectList list(const std::string& type, const std::string& ns) const override {
    return cache.list(type, ns);
  }
  store::ObjectPtr get(const store::ObjectKey& key) const override { return cache.get(key); }
  Watch watch(const std::string& type, uint64_t from, OnEvent on_event) override {
    if (type == "pods" && forgotten-- > 0) {
      meanwhile();
      return nullptr;
    }
    return cache.watch(type, from, std::move(on_event));
  }
  void create(store::ObjectKey, json::object, store::Written) override { FAIL(); }
  void update(const store::ObjectKey&, json::object, store::Precondition, store::Written) override { FAIL(); }
  void update_status(const store::ObjectKey&, json::object, store::Precondition, store::Written) override {
    FAIL();
  }
  void remove(const store::ObjectKey&, store::Precondition, store::Written) override { FAIL(); }

  kubernetes::ObjectCache cache;
  int forgotten = 0;
  std::function<void()> meanwhile = [] {};
};

class InventoryFeedTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& address) {
    store::Object object{{"pods", "default", name}, store_.version() + 1, pod(name, address), {}};
    store_.cache.put(std::make_shared<const store::Object>(std::move(object)));
  }
  void remove(const std::string& name) {
    store_.cache.remove({"pods", "default", name}, store_.version() + 1, "");
  }
  void start() {
    feed_ = std::make_unique<InventoryFeed>(context_, store_, inventory_, [this] { ++changes_; });
  }
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    return done();
  }
  bool has(const std::string& address) const { return inventory_.pod_at(address) != nullptr; }

  boost::asio::io_context context_;
  Forgetful store_;
  istio::Inventory inventory_;
  std::unique_ptr<InventoryFeed> feed_;
  int changes_ = 0;
};

TEST_F(InventoryFeedTest, TakesWhatThereIsAndFollows) {
  put("a", "10.1.0.1");
  start();
  EXPECT_TRUE(has("10.1.0.1"));
  inventory_.take_changes();  // as the mesh does that is made from it
  put("a", "10.1.0.2");
  put("b", "10.1.0.3");
  EXPECT_TRUE(has("10.1.0.2") && has("10.1.0.3") && !has("10.1.0.1"));
  remove("b");
  EXPECT_FALSE(has("10.1.0.3"));
  EXPECT_EQ(changes_, 0) << "never from within";
  EXPECT_TRUE(until([&] { return changes_ == 1; }));
}

TEST_F(InventoryFeedTest, ListsAgainWhereTheStoreHasForgotten) {
  put("a", "10.1.0.1");
  put("b", "10.1.0.2");
  store_.forgotten = 2;
  store_.meanwhile = [this] {
    if (store_.get({"pods", "default", "b"}) == nullptr) return;
    remove("b");
    put("c", "10.1.0.3");
  };
  start();
  ASSERT_TRUE(until([&] { return has("10.1.0.3"); }));
  EXPECT_TRUE(has("10.1.0.1"));
  EXPECT_FALSE(has("10.1.0.2")) << "it went unseen";
  ASSERT_TRUE(until([&] { return store_.forgotten < 0; }));
  put("d", "10.1.0.4");
  EXPECT_TRUE(has("10.1.0.4")) << "and is followed from there";
}

TEST_F(InventoryFeedTest, ItsEndIsTheEndOfIt) {
  store_.forgotten = 1;
  start();
  feed_.reset();
  put("a", "10.1.0.1");
  context_.restart();
  context_.run();
  EXPECT_FALSE(has("10.1.0.1"));
  EXPECT_EQ(changes_, 0);
}

TEST_F(MeshTest, RoutesAndEndpointsThatChangeTogetherComeOutAsBuiltFromNothing) {
  istio::ProxyNode node = proxy("10.1.0.1");
  node.vhds = true;
  const auto before = mesh_->snapshot_for(node);
  const auto again = [&](const std::string& timeout) {
    source_.yaml = Source::service("web") + Source::service("api") +
                   "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\n"
                   "spec: {hosts: [web], http: [{timeout: " +
                   timeout + ", route: [{destination: {host: web}}]}]}\n";
    source_.tell();
    return mesh_->snapshot_for(node);
  };
  put_slice("api", "10.1.0.9", "b");
  const auto now = again("2s");
  EXPECT_EQ(differing(before->group(XdsType::kVirtualHost), now->group(XdsType::kVirtualHost)),
            std::vector<std::string>{"80/web.default.svc.cluster.local:80"});
  EXPECT_EQ(differing(before->group(XdsType::kEndpoint), now->group(XdsType::kEndpoint)),
            std::vector<std::string>{"outbound|80||api.default.svc.cluster.local"});
  Mesh fresh(source_, inventory_);
  for (const XdsType type : istio::kXdsTypes)
    EXPECT_EQ(now->group(type).version, fresh.snapshot_for(node)->group(type).version) << short_name(type);
}

}  // namespace
}  // namespace remora::xds
