// What a proxy gets by asking is what the whole table would have had for the same request.
#include "istio/build/asked.h"

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "istio/build/named_clusters.h"
#include "istio/build/virtual_hosts.h"
#include "unit/istio/random_mesh.h"

namespace remora::istio::test {
namespace {

using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;

template <typename Message>
Message decoded(const EncodedResourcePtr& resource) {
  google::protobuf::Any any;
  Message message;
  EXPECT_TRUE(any.ParseFromString(resource->any) && any.UnpackTo(&message));
  return message;
}

ProxyNode asking(ProxyNode node) {
  node.vhds = node.on_demand = true;
  return node;
}

AskedPart ask(const Registry& registry, const ProxyNode& node, const std::string& name) {
  const MeshView view(registry, node, MeshView::Scope::kRoutes);
  return build_asked_host(name, view, CallNames(registry));
}

/// The host that a request for `authority` would find in the whole table.
std::string route_bytes(const VirtualHost& host) {
  VirtualHost routes;
  *routes.mutable_routes() = host.routes();
  return routes.SerializeAsString();
}

void expect_as_in_table(const Registry& registry, const ProxyNode& node, const RouteConfiguration& table,
                        const VirtualHost& host, const Snapshot& whole) {
  for (const std::string& domain : host.domains()) {
    const std::string authority = domain == "*"              ? "nobody.example.org:80"
                                  : domain.starts_with("*.") ? "pod" + domain.substr(1)
                                                             : domain;
    const AskedPart part = ask(registry, asking(node), table.name() + '/' + authority);
    const auto& hosts = part.resources.group(XdsType::kVirtualHost).resources;
    ASSERT_EQ(hosts.size(), 1U) << authority;
    const auto given = decoded<VirtualHost>(hosts.begin()->second);
    EXPECT_EQ(route_bytes(given), route_bytes(host)) << authority << '\n' << given.ShortDebugString();
    EXPECT_EQ(given.domains(0), authority);
    std::set<std::string> clusters;
    take_clusters(host, clusters);
    clusters.erase("PassthroughCluster");
    for (const std::string& name : clusters) {
      for (const XdsType type : {XdsType::kCluster, XdsType::kEndpoint}) {
        const auto& expected = whole.group(type).resources.get(name);
        const auto& now = part.resources.group(type).resources.get(name);
        ASSERT_EQ(now == nullptr, expected == nullptr) << name;
        if (now == nullptr) continue;
        EXPECT_EQ(now->any, expected->any) << name;
      }
    }
  }
}

/// How many virtual hosts were compared.
int expect_as_whole(const Registry& registry, ProxyNode node) {
  node.vhds = node.on_demand = false;
  const Snapshot whole = build_outbound(registry, node);
  int compared = 0;
  for (const auto& [name, resource] : whole.group(XdsType::kRoute).resources) {
    if (name.find(':') != std::string_view::npos)
      continue;  // of one service, and there before the first byte
    const auto table = decoded<RouteConfiguration>(resource);
    for (const VirtualHost& host : table.virtual_hosts()) {
      expect_as_in_table(registry, node, table, host, whole);
      ++compared;
    }
  }
  return compared;
}

const std::string kEverything = R"(
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}, {name: grpc, port: 81}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: other}
spec: {clusterIP: 'fd00::7', ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: sniffed}
spec: {clusterIP: 10.96.0.9, ports: [{name: x, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild}
spec: {hosts: ['*.example.com', exact.example.com, web.other], ports: [{name: http, number: 80}], resolution: STATIC,
  addresses: [10.96.0.1], endpoints: [{address: 10.1.1.1}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wilder}
spec: {hosts: ['*.deep.example.com'], ports: [{name: http, number: 80}], resolution: STATIC, endpoints: [{address: 10.1.1.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: also-web, namespace: other}
spec: {type: ExternalName, externalName: web.default.svc.cluster.local}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: named}
spec: {hosts: [api.example.org], ports: [{name: http, number: 80}], resolution: DNS}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: serviceless}
spec: {hosts: [nowhere, shop.example.org], http: [{mirror: {host: db}, route: [{destination: {host: web}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: some}
spec: {hosts: ['*.example.com'], http: [{timeout: 3s, route: [{destination: {host: exact.example.com}}]}]}
)";

TEST(Asked, IsWhatTheWholeTableHas) {
  const Registry all = registry(kEverything);
  EXPECT_GT(expect_as_whole(all, sidecar_at("10.0.0.1", true)), 9);
  EXPECT_GT(expect_as_whole(all, intercepted_at("10.0.0.1")), 9);
}

TEST(Asked, IsWhatTheWholeTableHasInAnyMesh) {
  RandomMesh mesh;
  int compared = 0;
  for (int i = 0; i < 60; ++i) {
    for (int step = 0; step < 5; ++step) mesh.step();
    const Registry now(mesh.resources());
    compared += expect_as_whole(now, sidecar_at("10.0.0.1", true));
    compared += expect_as_whole(now, intercepted_at("10.0.0.1", false));
  }
  EXPECT_GT(compared, 600);
}

TEST(Asked, PortsAndUnknownHosts) {
  const Registry all = registry(kEverything);
  const auto node = asking(intercepted_at("10.0.0.1"));
  const auto cluster = [&](const std::string& name) {
    const auto part = ask(all, node, name);
    const auto& hosts = part.resources.group(XdsType::kVirtualHost).resources;
    return hosts.empty() ? "" : decoded<VirtualHost>(hosts.begin()->second).routes(0).route().cluster();
  };
  EXPECT_EQ(cluster("80/web:8080"), "outbound|80||web.default.svc.cluster.local");
  EXPECT_EQ(cluster("81/web.default"), "outbound|81||web.default.svc.cluster.local");
  EXPECT_EQ(cluster("80/[fd00::7]:80"), "outbound|80||web.other.svc.cluster.local");
  EXPECT_EQ(cluster("80/web.default.svc"), "outbound|80||web.default.svc.cluster.local");
  EXPECT_EQ(cluster("80/web.third"), "PassthroughCluster");
  EXPECT_EQ(cluster("80/default.svc.cluster.local"), "PassthroughCluster");
  for (const char* nothing :
       {"http.80/web", "/web", "80/", "80/*", "80/*.web", "0/web", "99999/web", "80x/web"})
    EXPECT_EQ(cluster(nothing), "") << nothing;
  EXPECT_EQ(cluster("80/" + std::string(kLongestAsked, 'a')), "");
}

/// A proxy that asks has all listeners, and of the rest what needs no request.
TEST(Asked, BeforeItAsksAProxyHasWhatMustBeThereBeforeTheFirstByte) {
  const Registry all = registry(kEverything + R"(---
apiVersion: v1
kind: Service
metadata: {name: tcp}
spec: {clusterIP: 10.96.0.3, ports: [{name: tcp, port: 9000}, {name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bytes}
spec: {hosts: [tcp], tcp: [{route: [{destination: {host: web, port: {number: 80}}}]}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens}
spec: {jwtRules: [{issuer: me, jwksUri: 'http://exact.example.com:80/keys'}]}
)");
  const auto names = [](const Snapshot& snapshot, XdsType type) {
    std::vector<std::string> out;
    for (const auto& entry : snapshot.group(type).resources) out.emplace_back(entry.first);
    return out;
  };
  for (const ProxyNode& node : {sidecar_at("10.0.0.1", true), intercepted_at("10.0.0.1")}) {
    const Snapshot snapshot = build_outbound(all, asking(node));
    EXPECT_TRUE(snapshot.on_demand);
    EXPECT_EQ(names(snapshot, XdsType::kListener), names(build_outbound(all, node), XdsType::kListener));
    EXPECT_TRUE(names(snapshot, XdsType::kVirtualHost).empty());
    const auto table = decoded<RouteConfiguration>(snapshot.group(XdsType::kRoute).resources.get("80"));
    EXPECT_TRUE(table.vhds().config_source().has_ads());
    EXPECT_EQ(table.virtual_hosts_size(), 0);
    const auto& clusters = snapshot.group(XdsType::kCluster).resources;
    EXPECT_TRUE(clusters.contains("outbound|9000||tcp.default.svc.cluster.local"));
    EXPECT_TRUE(clusters.contains("outbound|80||web.default.svc.cluster.local")) << "its bytes go there";
    EXPECT_TRUE(clusters.contains("outbound|80||exact.example.com")) << "the keys of tokens";
    EXPECT_FALSE(clusters.contains("outbound|80||web.other.svc.cluster.local"));
    EXPECT_EQ(clusters.contains("outbound|80||sniffed.default.svc.cluster.local"), node.intercepted());
  }
}

TEST(Asked, AClusterByItsName) {
  const Registry all = registry(kEverything);
  const auto node = asking(sidecar_at("10.0.0.1", true));
  const MeshView view(all, node, MeshView::Scope::kRoutes);
  const std::string name = "outbound|80||web.other.svc.cluster.local";
  const AskedPart part = build_asked_cluster(name, view);
  EXPECT_TRUE(part.resources.group(XdsType::kCluster).resources.contains(name));
  EXPECT_TRUE(part.resources.group(XdsType::kEndpoint).resources.contains(name));
  EXPECT_EQ(part.hosts, std::set<std::string>{"web.other.svc.cluster.local"});
  EXPECT_TRUE(build_asked_cluster("outbound|80|v9|web.other.svc.cluster.local", view)
                  .resources.group(XdsType::kCluster)
                  .resources.empty());
}

}  // namespace
}  // namespace remora::istio::test
