// Kubernetes' own objects: what is read of them, and what they make of the mesh's endpoints.
#include "istio/registry/inventory.h"

#include <gtest/gtest.h>

#include "unit/istio/kubernetes_builders.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio {
namespace {

using test::entry;
using test::json_object;
using test::pod;
using test::slice;
using Kind = Inventory::Kind;

const std::string kWeb = R"(
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, clusterIP: 10.0.0.1, ports: [{name: http, port: 80, targetPort: http}]}
)";

/// "address:port ready" of each endpoint of the mesh's first port.
std::vector<std::string> endpoints(const Registry& registry) {
  std::vector<std::string> out;
  for (const Endpoint& endpoint : registry.services().at(0).ports.at(0).endpoints) {
    out.push_back(endpoint.address + ':' + std::to_string(endpoint.port) +
                  (endpoint.ready ? "" : " not ready"));
  }
  return out;
}

class InventoryTest : public testing::Test {
 protected:
  Registry mesh(const std::string& yaml = kWeb) {
    inventory_.take_changes();
    return Registry(test::resources(yaml), {}, &inventory_);
  }
  Inventory inventory_;
};

using Texts = std::vector<std::string>;

TEST(ReadPod, SaysWhatMakesItAWorkload) {
  const Pod read =
      read_pod(pod("web-6c9-x1", "10.1.0.1", "'app':'web','pod-template-hash':'6c9'",
                   ",'ownerReferences':[{'kind':'ReplicaSet','name':'web-6c9','controller':true}]"));
  EXPECT_EQ(read.workload, "web");
  EXPECT_EQ(read.service_account, "web");
  EXPECT_EQ(read.node, "node-1");
  EXPECT_EQ(read.addresses, Texts{"10.1.0.1"});
  EXPECT_TRUE(read.ready);
  EXPECT_FALSE(read.labels.contains("security.istio.io/tlsMode"));
}

TEST(ReadPod, FindsTheSidecarByAnnotationContainerOrLabel) {
  const auto mode = [](const boost::json::object& object) {
    const auto labels = read_pod(object).labels;
    const auto label = labels.find("security.istio.io/tlsMode");
    return label == labels.end() ? "none" : label->second;
  };
  EXPECT_EQ(mode(pod("a", "10.1.0.1", "", ",'annotations':{'sidecar.istio.io/status':'{}'}")), "istio");
  EXPECT_EQ(mode(pod("a", "10.1.0.1", "'security.istio.io/tlsMode':'disabled'",
                     ",'annotations':{'sidecar.istio.io/status':'{}'}")),
            "disabled");
  EXPECT_EQ(mode(json_object("{'spec':{'containers':[{'name':'app'},{'name':'istio-proxy'}]}}")), "istio");
  EXPECT_EQ(
      mode(json_object("{'spec':{'initContainers':[{'name':'istio-proxy','restartPolicy':'Always'}]}}")),
      "istio");
  EXPECT_EQ(mode(json_object("{'spec':{'initContainers':[{'name':'istio-proxy'}]}}")), "none");
  EXPECT_EQ(mode(json_object("{'spec':{'containers':[{'name':'app'}]}}")), "none");
}

TEST(ReadPod, OneThatHasEndedOrEndsIsNoEndpoint) {
  EXPECT_TRUE(read_pod(json_object("{'status':{'phase':'Succeeded','podIP':'10.1.0.1'}}")).addresses.empty());
  EXPECT_FALSE(read_pod(pod("a", "10.1.0.1", "", ",'deletionTimestamp':'2026-11-21T12:00:00Z'")).ready);
}

TEST(ReadPod, HostileShapesAreEmptyAndNoFault) {
  for (const char* text : {"{}", "{'metadata':1,'spec':[],'status':'x'}",
                           "{'metadata':{'labels':{'a':1},'ownerReferences':[1,{'controller':'yes'}]}}",
                           "{'status':{'podIP':7,'podIPs':[{'ip':'no address'},3],'conditions':{}}}"}) {
    EXPECT_TRUE(read_pod(json_object(text)).addresses.empty()) << text;
    EXPECT_TRUE(read_endpoint_slice(json_object(text)).entries.empty()) << text;
    EXPECT_EQ(read_node_locality(json_object(text)), "") << text;
  }
}

TEST(ReadNode, HasALocality) {
  EXPECT_EQ(read_node_locality(
                json_object("{'metadata':{'labels':{'topology.kubernetes.io/region':'eu',"
                            "'topology.kubernetes.io/zone':'eu-1','topology.istio.io/subzone':'r7'}}}")),
            "eu/eu-1/r7");
  EXPECT_EQ(read_node_locality(json_object("{'metadata':{'labels':{'topology.kubernetes.io/region':'eu'}}}")),
            "eu");
}

TEST_F(InventoryTest, EndpointsComeFromSlicesAndTheirPods) {
  inventory_.put(Kind::kNode, json_object("{'metadata':{'name':'node-1','labels':{'topology.kubernetes.io/"
                                          "region':'eu','topology.kubernetes.io/zone':'eu-1'}}}"));
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kPod, pod("b", "10.1.0.2"));
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.2", "b", false)));
  inventory_.put(Kind::kEndpointSlice,
                 slice("web-2", "web", entry("10.1.0.1", "a") + ',' + entry("10.1.0.9", "unknown")));
  const Registry registry = mesh();
  EXPECT_EQ(endpoints(registry), (Texts{"10.1.0.1:8080", "10.1.0.2:8080 not ready"}));
  const Endpoint& first = registry.services()[0].ports[0].endpoints[0];
  EXPECT_EQ(first.locality, "eu/eu-1");
  EXPECT_EQ(first.service_account, "web");
  EXPECT_EQ(first.labels.at("app"), "web");
  EXPECT_EQ(first.workload, "a");
}

TEST_F(InventoryTest, AnAddressInTwoSlicesCountsOnceAndIsReadyIfEitherSaysSo) {
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a", false)));
  inventory_.put(Kind::kEndpointSlice, slice("web-2", "web", entry("10.1.0.1", "a")));
  EXPECT_EQ(endpoints(mesh()), Texts{"10.1.0.1:8080"});
}

TEST_F(InventoryTest, APodWithTwoFamiliesCountsOnceWithThePreferredOne) {
  auto both = pod("a", "10.1.0.1");
  both["status"].as_object()["podIPs"] = {{{"ip", "10.1.0.1"}}, {{"ip", "fd00::1"}}};
  inventory_.put(Kind::kPod, both);
  inventory_.put(Kind::kPod, pod("b", "fd00::2"));
  inventory_.put(Kind::kEndpointSlice, slice("web-4", "web", entry("10.1.0.1", "a")));
  inventory_.put(Kind::kEndpointSlice,
                 slice("web-6", "web", entry("fd00::1", "a") + ',' + entry("fd00::2", "b"), "IPv6"));
  EXPECT_EQ(endpoints(mesh()), (Texts{"10.1.0.1:8080", "fd00::2:8080"}));
  const std::string ipv6 =
      kWeb.substr(0, kWeb.find("clusterIP")) +
      "clusterIPs: ['fd01::1', 10.0.0.1], ipFamilies: [IPv6, IPv4], ports: [{name: http, port: 80}]}\n";
  const Registry registry = mesh(ipv6);
  EXPECT_EQ(endpoints(registry), (Texts{"fd00::1:8080", "fd00::2:8080"}));
  EXPECT_EQ(registry.services()[0].addresses, (Texts{"fd01::1", "10.0.0.1"}));
}

TEST_F(InventoryTest, PortsAreFoundByName) {
  const std::string two =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n"
      "  - {name: http, port: 80}\n  - {name: tcp-db, port: 5432, targetPort: db}\n  - {name: http-x, port: "
      "81}\n";
  inventory_.put(
      Kind::kEndpointSlice,
      slice("web-1", "web", "{'addresses':['10.2.0.1']}", "IPv4",
            "{'name':'tcp-db','port':15432},{'name':'http','port':8080},{'name':'http-x','port':null}"));
  const Registry registry = mesh(two);
  const auto& ports = registry.services()[0].ports;
  EXPECT_EQ(ports[0].endpoints.at(0).port, 8080);
  EXPECT_EQ(ports[1].endpoints.at(0).port, 15432);
  EXPECT_TRUE(ports[2].endpoints.empty());
}

TEST_F(InventoryTest, NotReadyPodsServeWhereTheServiceSaysSo) {
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a", false)));
  const std::string eager =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: None, "
      "publishNotReadyAddresses: true, ports: [{name: http, port: 80}]}\n";
  const Registry registry = mesh(eager);
  EXPECT_EQ(endpoints(registry), Texts{"10.1.0.1:8080"});
  EXPECT_TRUE(registry.services()[0].headless);
  EXPECT_TRUE(registry.services()[0].addresses.empty());
}

TEST_F(InventoryTest, AServiceEntrySelectsPods) {
  const std::string external =
      "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: web}\n"
      "spec: {hosts: [web.example], location: MESH_INTERNAL, resolution: STATIC, "
      "workloadSelector: {labels: {app: web}}, ports: [{number: 80, name: http, "
      "protocol: HTTP, targetPort: 8080}]}\n";
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kPod, pod("b", "10.1.0.2", "'app':'other'"));
  Registry registry = mesh(external);
  EXPECT_EQ(endpoints(registry), Texts{"10.1.0.1:8080"});
  inventory_.put(Kind::kPod, pod("b", "10.1.0.2"));
  EXPECT_EQ(registry.update_endpoints(inventory_.take_changes()).size(), 1U);
  EXPECT_EQ(endpoints(registry), (Texts{"10.1.0.1:8080", "10.1.0.2:8080"}));
  inventory_.remove(Kind::kPod, "default", "a");
  registry.update_endpoints(inventory_.take_changes());
  EXPECT_EQ(endpoints(registry), Texts{"10.1.0.2:8080"});
}

TEST_F(InventoryTest, ChangesThatMeanNothingAreNone) {
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a")));
  inventory_.take_changes();
  int told = 0;
  inventory_.on_change([&] { ++told; });
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1", "'app':'web'", ",'resourceVersion':'7'"));
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a")));
  inventory_.put(Kind::kNode, json_object("{'metadata':{'name':'node-1'}}"));
  EXPECT_EQ(told, 0);
  EXPECT_TRUE(inventory_.take_changes().empty());
}

TEST_F(InventoryTest, AChangeConcernsTheServicesItLeadsTo) {
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a")));
  inventory_.put(Kind::kEndpointSlice, slice("other-1", "other", entry("10.1.0.7", "z")));
  inventory_.take_changes();
  const auto concerned = [&] { return inventory_.take_changes().services; };
  const std::set<ObjectName> web{{"default", "web"}};
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  EXPECT_EQ(concerned(), web);
  inventory_.put(Kind::kNode, json_object("{'metadata':{'name':'node-1','labels':{'topology.kubernetes.io/"
                                          "region':'eu'}}}"));
  EXPECT_EQ(concerned(), web);
  inventory_.remove(Kind::kEndpointSlice, "default", "web-1");
  EXPECT_EQ(concerned(), web);
  inventory_.remove(Kind::kPod, "default", "a");
  EXPECT_TRUE(concerned().empty());
}

TEST_F(InventoryTest, ANewListTakesAwayWhatItDoesNotName) {
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kPod, pod("b", "10.1.0.2"));
  inventory_.put(Kind::kEndpointSlice,
                 slice("web-1", "web", entry("10.1.0.1", "a") + ',' + entry("10.1.0.2", "b")));
  Registry registry = mesh();
  inventory_.retain(Kind::kPod, {{"default", "b"}});
  registry.update_endpoints(inventory_.take_changes());
  EXPECT_EQ(endpoints(registry), Texts{"10.1.0.2:8080"});
  inventory_.retain(Kind::kEndpointSlice, {});
  registry.update_endpoints(inventory_.take_changes());
  EXPECT_TRUE(endpoints(registry).empty());
}

TEST_F(InventoryTest, AChangeSaysWhatItTouches) {
  inventory_.put(Kind::kPod, pod("a", "10.1.0.1"));
  inventory_.put(Kind::kPod, pod("b", "10.1.0.2"));
  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a")));
  Registry registry = mesh();
  const auto update = [&] { return registry.update_endpoints(inventory_.take_changes()); };

  inventory_.put(Kind::kEndpointSlice, slice("web-1", "web", entry("10.1.0.1", "a", false)));
  auto changes = update();  // others must know, its own proxy need not
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_TRUE(changes[0].addresses.empty());
  EXPECT_FALSE(changes[0].identities);

  inventory_.put(Kind::kEndpointSlice,
                 slice("web-1", "web", entry("10.1.0.1", "a", false) + ',' + entry("10.1.0.2", "b")));
  changes = update();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].addresses, std::set<std::string>{"10.1.0.2"});
  EXPECT_EQ(registry.instances_at("10.1.0.2").size(), 1U);

  inventory_.put(Kind::kPod, pod("b", "10.1.0.2", "'app':'web'", "", "another"));
  changes = update();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_TRUE(changes[0].identities);

  inventory_.remove(Kind::kEndpointSlice, "default", "web-1");
  update();
  EXPECT_TRUE(registry.instances_at("10.1.0.2").empty());
}

}  // namespace
}  // namespace remora::istio
