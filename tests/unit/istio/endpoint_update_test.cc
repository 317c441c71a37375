// A snapshot that follows the endpoints is the one that would be built from nothing.
#include <gtest/gtest.h>

#include <random>

#include "istio/build/snapshot.h"
#include "unit/istio/kubernetes_builders.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio {
namespace {

using Kind = Inventory::Kind;

constexpr int kServices = 6;
constexpr int kPods = 24;

std::string service(int i) {
  const std::string name = "s" + std::to_string(i);
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec:\n  ports:\n" +
         "  - {name: http, port: 80}\n  - {name: tcp-x, port: " + std::to_string(9000 + i) + "}\n---\n" +
         "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + name +
         "}\nspec:\n  host: " + name +
         "\n  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]\n---\n";
}

/// A cluster that changes at random.
class Churn {
 public:
  explicit Churn(Inventory& inventory) : inventory_(inventory) {
    for (int i = 0; i < kPods; ++i) put_pod(i);
    for (int i = 0; i < kServices; ++i) put_slice(i);
  }

  void step() {
    switch (roll(4)) {
      case 0: put_pod(roll(kPods)); break;
      case 1: inventory_.remove(Kind::kPod, "default", "p" + std::to_string(roll(kPods))); break;
      case 2:
        inventory_.remove(Kind::kEndpointSlice, "default", "s" + std::to_string(roll(kServices)) + "-x");
        break;
      default: put_slice(roll(kServices)); break;
    }
  }

 private:
  int roll(int sides) { return std::uniform_int_distribution<>(0, sides - 1)(random_); }

  void put_pod(int i) {
    const std::string name = "p" + std::to_string(i);
    const std::string labels = std::string("'version':'") + (roll(2) == 0 ? "v1" : "v2") + "'" +
                               (roll(2) == 0 ? ",'security.istio.io/tlsMode':'istio'" : "");
    inventory_.put(Kind::kPod, test::pod(name, "10.1.0." + std::to_string(i + 1), labels, "",
                                         "sa" + std::to_string(roll(3))));
  }

  void put_slice(int i) {
    std::string entries;
    for (int p = 0; p < kPods; ++p) {
      if (roll(4) != 0) continue;
      entries += (entries.empty() ? "" : ",") +
                 test::entry("10.1.0." + std::to_string(p + 1), "p" + std::to_string(p), roll(3) != 0);
    }
    const std::string name = "s" + std::to_string(i);
    inventory_.put(Kind::kEndpointSlice,
                   test::slice(name + "-x", name, entries, "IPv4",
                               "{'name':'http','port':8080},{'name':'tcp-x','port':9}"));
  }

  Inventory& inventory_;
  std::mt19937 random_{7};
};

TEST(EndpointUpdate, EndsWhereBuildingFromNothingEnds) {
  std::string yaml;
  for (int i = 0; i < kServices; ++i) yaml += service(i);
  Inventory inventory;
  Churn churn(inventory);
  inventory.take_changes();
  Registry registry(test::resources(yaml), {}, &inventory);
  const ProxyNode proxy = test::sidecar_at("10.1.0.3", true);
  auto outbound = std::make_shared<const Snapshot>(build_outbound(registry, proxy));
  auto own = build_snapshot(registry, proxy, outbound);
  int followed = 0;
  for (int i = 0; i < 300; ++i) {
    churn.step();
    const auto changes = registry.update_endpoints(inventory.take_changes());
    const auto before = outbound;
    outbound = update_outbound(registry, proxy, *before, changes);
    bool mine = false;
    for (const EndpointChange& change : changes) mine = mine || change.addresses.contains(proxy.ip);
    auto next = mine ? nullptr : follow_outbound(own, *before, *outbound);
    if (next != nullptr) ++followed;
    own = next != nullptr ? next : build_snapshot(registry, proxy, outbound);

    const Registry fresh(test::resources(yaml), {}, &inventory);
    const Snapshot expected = build_snapshot(fresh, proxy);
    for (const XdsType type : kXdsTypes) {
      ASSERT_EQ(own->group(type).version, expected.group(type).version) << short_name(type) << " after " << i;
      for (const auto& [name, resource] : expected.group(type).resources) {
        ASSERT_EQ(own->group(type).resources.get(name)->any, resource->any) << name << " after " << i;
      }
    }
  }
  EXPECT_GT(followed, 50);
}

TEST(EndpointUpdate, NamesWhatChangedAndSharesTheRest) {
  Inventory inventory;
  const auto churn = std::make_unique<Churn>(inventory);
  inventory.take_changes();
  Registry registry(test::resources(service(0) + service(1)), {}, &inventory);
  const ProxyNode proxy = test::sidecar_at("", false);
  const Snapshot before = build_outbound(registry, proxy);
  inventory.put(Kind::kEndpointSlice, test::slice("s1-x", "s1", "{'addresses':['10.9.9.9']}"));
  const auto after =
      update_outbound(registry, proxy, before, registry.update_endpoints(inventory.take_changes()));
  const auto& endpoints = after->group(XdsType::kEndpoint);
  int changed = 0;
  EncodedResources::compare(before.group(XdsType::kEndpoint).resources, endpoints.resources,
                            [&](const auto& was, const auto& is) {
                              EXPECT_TRUE(was != nullptr && is != nullptr);
                              EXPECT_TRUE(is->name.ends_with("|s1.default.svc.cluster.local")) << is->name;
                              ++changed;
                            });
  EXPECT_GT(changed, 0);
  for (const XdsType type : {XdsType::kCluster, XdsType::kListener, XdsType::kRoute}) {
    EXPECT_EQ(after->shared_group(type), before.shared_group(type)) << short_name(type);
  }
}

}  // namespace
}  // namespace remora::istio
