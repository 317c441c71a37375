#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "unit/istio/layout_rows.h"
#include "unit/istio/mesh_builders.h"

// The layout of an intercepted proxy against what a real istiod generated for the same mesh.
namespace remora::istio::test {
namespace {

/// istiod's answer (2026-08) for a sidecar at 127.0.0.1 with INTERCEPTION_MODE REDIRECT, in the words of
/// layout_rows.h.
const std::set<std::string> kIstiod{
    "0.0.0.0_443 0.0.0.0:443 outbound unbound",
    "0.0.0.0_443 chain - | name api.example.test | tcp outbound|443||api.example.test",
    "0.0.0.0_443 else PassthroughFilterChain | tcp PassthroughCluster",
    "0.0.0.0_443 look tls_inspector",
    "0.0.0.0_80 0.0.0.0:80 outbound unbound",
    "0.0.0.0_80 chain - | raw_buffer http/1.1 h2c | http table 80",
    "0.0.0.0_80 else PassthroughFilterChain | tcp PassthroughCluster",
    "0.0.0.0_80 look http_inspector",
    "0.0.0.0_9080 0.0.0.0:9080 outbound unbound",
    "0.0.0.0_9080 chain - | raw_buffer http/1.1 h2c | http table 9080",
    "0.0.0.0_9080 else PassthroughFilterChain | tcp PassthroughCluster",
    "0.0.0.0_9080 look http_inspector",
    "0.0.0.0_9090 0.0.0.0:9090 outbound unbound",
    "0.0.0.0_9090 chain - | raw_buffer http/1.1 h2c | http table 9090",
    "0.0.0.0_9090 else PassthroughFilterChain | tcp PassthroughCluster",
    "0.0.0.0_9090 look http_inspector",
    "10.96.0.20_5432 10.96.0.20:5432 outbound unbound",
    "10.96.0.20_5432 chain - | any | tcp outbound|5432||db.default.svc.cluster.local",
    "cluster BlackHoleCluster STATIC ROUND_ROBIN",
    "cluster InboundPassthroughCluster ORIGINAL_DST CLUSTER_PROVIDED from 127.0.0.6",
    "cluster PassthroughCluster ORIGINAL_DST CLUSTER_PROVIDED",
    "cluster inbound|9001|| ORIGINAL_DST CLUSTER_PROVIDED from 127.0.0.6",
    "cluster outbound|443||api.example.test STRICT_DNS LEAST_REQUEST",
    "cluster outbound|5432||db.default.svc.cluster.local EDS LEAST_REQUEST",
    "cluster outbound|80||api.example.test STRICT_DNS LEAST_REQUEST",
    "cluster outbound|9080|v1|reviews.default.svc.cluster.local EDS LEAST_REQUEST",
    "cluster outbound|9080|v2|reviews.default.svc.cluster.local EDS LEAST_REQUEST",
    "cluster outbound|9080||reviews.default.svc.cluster.local EDS LEAST_REQUEST",
    "cluster outbound|9090||ratings.default.svc.cluster.local EDS RING_HASH",
    "virtualInbound 0.0.0.0:15006 inbound",
    "virtualInbound chain 0.0.0.0_9001 | port 9001 tls | http inbound|http|9080 inbound|9001|| mtls",
    "virtualInbound chain virtualInbound | tls | tcp InboundPassthroughCluster mtls",
    "virtualInbound chain virtualInbound-blackhole | port 15006 | tcp BlackHoleCluster",
    ("virtualInbound chain virtualInbound-catchall-http | tls istio-http/1.0 istio-http/1.1 istio-h2 | http "
     "inbound|http|0 InboundPassthroughCluster mtls"),
    "virtualInbound look original_dst",
    "virtualInbound look tls_inspector not 15006",
    "virtualOutbound 0.0.0.0:15001 outbound original_dst",
    "virtualOutbound chain virtualOutbound-blackhole | port 15001 | tcp BlackHoleCluster",
    "virtualOutbound chain virtualOutbound-catchall-tcp | any | tcp PassthroughCluster",
};

/// The same mesh, as far as it is understood: authorization and tokens are not.
const std::string kMesh = R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews}
spec:
  hosts: [reviews.default.svc.cluster.local]
  addresses: [10.96.0.10]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: reviews}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v1}
spec: {address: 127.0.0.1, ports: {http: 9001}, labels: {app: reviews, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v2}
spec: {address: 127.0.0.2, ports: {http: 9002}, labels: {app: reviews, version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews.default.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.default.svc.cluster.local]
  addresses: [10.96.0.20]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp-pg, protocol: TCP}]
  endpoints: [{address: 127.0.0.3, ports: {tcp-pg: 5433}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ext}
spec:
  hosts: [api.example.test]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ratings}
spec:
  hosts: [ratings.default.svc.cluster.local]
  addresses: [10.96.0.30]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9090, name: grpc, protocol: GRPC}]
  endpoints: [{address: 127.0.0.4, ports: {grpc: 9091}, serviceAccount: ratings}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings}
spec:
  host: ratings.default.svc.cluster.local
  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}, tls: {mode: ISTIO_MUTUAL}}
)";

std::set<std::string> rows_of_ours() {
  ProxyNode node = intercepted_at("127.0.0.1");
  node.labels = {{"app", "reviews"}, {"version", "v1"}};
  const Snapshot snapshot = build_snapshot(registry(kMesh), node);
  EXPECT_EQ(texts(snapshot.notes), std::vector<std::string>{});
  std::set<std::string> rows;
  for (const auto& row : listener_rows(snapshot)) rows.insert(row);
  for (const auto& row : cluster_rows(snapshot)) rows.insert(row);
  return rows;
}

TEST(IstiodsLayout, IsOurs) {
  const auto ours = rows_of_ours();
  std::vector<std::string> missing;
  std::vector<std::string> more;
  std::set_difference(kIstiod.begin(), kIstiod.end(), ours.begin(), ours.end(), std::back_inserter(missing));
  std::set_difference(ours.begin(), ours.end(), kIstiod.begin(), kIstiod.end(), std::back_inserter(more));
  EXPECT_EQ(missing, std::vector<std::string>{});
  EXPECT_EQ(more, std::vector<std::string>{});
}

}  // namespace
}  // namespace remora::istio::test
