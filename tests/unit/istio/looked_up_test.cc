// Hosts whose endpoints proxies look up by name.
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/kubernetes_builders.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;

std::string service_entry(const std::string& spec) {
  return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ext}\nspec: {hosts: "
         "[api.example.test], " +
         spec + "}\n";
}

Cluster cluster_in(const Snapshot& snapshot, const std::string& name) {
  const auto& resource = snapshot.group(XdsType::kCluster).resources.get(name);
  google::protobuf::Any any;
  Cluster cluster;
  if (resource == nullptr) return cluster;
  EXPECT_TRUE(any.ParseFromString(resource->any) && any.UnpackTo(&cluster));
  return cluster;
}

Snapshot snapshot_of(const std::string& mesh, const ProxyNode& node = intercepted_at("127.0.0.1")) {
  return build_snapshot(registry(mesh), node);
}

/// "address:port" of each endpoint.
std::vector<std::string> endpoints_of(const Cluster& cluster) {
  std::vector<std::string> out;
  for (const auto& group : cluster.load_assignment().endpoints()) {
    for (const auto& endpoint : group.lb_endpoints()) {
      const auto& socket = endpoint.endpoint().address().socket_address();
      out.push_back(socket.address() + ':' + std::to_string(socket.port_value()));
    }
  }
  return out;
}

const std::string kHttp = "outbound|80||api.example.test";
const std::string kPorts = "ports: [{number: 80, name: http}]";

TEST(LookedUp, IsAsIstiodWritesIt) {
  const Snapshot snapshot =
      snapshot_of(service_entry("location: MESH_EXTERNAL, resolution: DNS, ports: [{number: 443, name: tls, "
                                "protocol: TLS}, {number: 80, name: "
                                "http, protocol: HTTP}]"));
  Cluster cluster = cluster_in(snapshot, "outbound|443||api.example.test");
  envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig cares;
  ASSERT_TRUE(cluster.typed_dns_resolver_config().typed_config().UnpackTo(&cares));
  EXPECT_EQ(cares.ShortDebugString(), "udp_max_queries { value: 100 }");
  cluster.mutable_typed_dns_resolver_config()->clear_typed_config();
  // From a real istiod's answer (2026-08), without the filters and the name for statistics that ours has not.
  Cluster istiod;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"pb(
        name: "outbound|443||api.example.test"
        type: STRICT_DNS
        connect_timeout { seconds: 10 }
        lb_policy: LEAST_REQUEST
        load_assignment {
          cluster_name: "outbound|443||api.example.test"
          endpoints {
            locality {}
            lb_endpoints {
              endpoint { address { socket_address { address: "api.example.test" port_value: 443 } } }
              metadata {
                filter_metadata {
                  key: "istio"
                  value {
                    fields {
                      key: "workload"
                      value { string_value: "ext;default;ext;;Kubernetes" }
                    }
                  }
                }
              }
              load_balancing_weight { value: 1 }
            }
            load_balancing_weight { value: 1 }
          }
        }
        circuit_breakers {
          thresholds {
            max_connections { value: 4294967295 }
            max_pending_requests { value: 4294967295 }
            max_requests { value: 4294967295 }
            max_retries { value: 4294967295 }
          }
        }
        dns_refresh_rate { seconds: 60 }
        dns_jitter { nanos: 100000000 }
        respect_dns_ttl: true
        dns_lookup_family: V4_ONLY
        typed_dns_resolver_config { name: "envoy.network.dns_resolver.cares" }
        common_lb_config { healthy_panic_threshold {} }
        metadata {
          filter_metadata {
            key: "istio"
            value {
              fields {
                key: "external"
                value { bool_value: true }
              }
              fields {
                key: "services"
                value {
                  list_value {
                    values {
                      struct_value {
                        fields {
                          key: "host"
                          value { string_value: "api.example.test" }
                        }
                        fields {
                          key: "name"
                          value { string_value: "api.example.test" }
                        }
                        fields {
                          key: "namespace"
                          value { string_value: "default" }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      )pb",
      &istiod));
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(istiod, cluster)) << difference;
  EXPECT_EQ(endpoints_of(cluster_in(snapshot, kHttp)), std::vector<std::string>{"api.example.test:80"});
  EXPECT_TRUE(snapshot.group(XdsType::kEndpoint).resources.empty()) << "nothing comes over EDS";
}

TEST(LookedUp, OnTheTargetPortOrTheEndpointsOwn) {
  const std::string ports = "resolution: DNS, ports: [{number: 80, name: http, targetPort: 8080}]";
  EXPECT_EQ(endpoints_of(cluster_in(snapshot_of(service_entry(ports)), kHttp)),
            std::vector<std::string>{"api.example.test:8080"});
  const auto several = cluster_in(
      snapshot_of(service_entry(ports + ", endpoints: [{address: a.test, ports: {http: 81}, locality: r/z}, "
                                        "{address: b.test, locality: r/z, weight: 3}, {address: 10.0.0.1}]")),
      kHttp);
  EXPECT_EQ(endpoints_of(several), (std::vector<std::string>{"a.test:81", "b.test:8080", "10.0.0.1:8080"}));
  EXPECT_EQ(several.load_assignment().endpoints(0).locality().zone(), "z");
  EXPECT_EQ(several.load_assignment().endpoints(0).lb_endpoints(1).load_balancing_weight().value(), 3U);
}

TEST(LookedUp, OneAddressOfOneNameInTurn) {
  const auto one = cluster_in(snapshot_of(service_entry("resolution: DNS_ROUND_ROBIN, " + kPorts)), kHttp);
  EXPECT_EQ(one.type(), Cluster::LOGICAL_DNS);
  EXPECT_EQ(endpoints_of(one), std::vector<std::string>{"api.example.test:80"});
  const std::string selecting =
      service_entry("resolution: DNS_ROUND_ROBIN, workloadSelector: {labels: {app: api}}, " + kPorts);
  const auto none = cluster_in(snapshot_of(selecting), kHttp);
  EXPECT_EQ(none.type(), Cluster::STRICT_DNS) << "Envoy refuses a LOGICAL_DNS cluster without its endpoint";
  EXPECT_EQ(endpoints_of(none), std::vector<std::string>{});
}

TEST(LookedUp, AlsoWorkloadsWithNames) {
  const std::string workload =
      "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\n"
      "spec: {address: w.example.test, labels: {app: api}}\n";
  const std::string selector = ", workloadSelector: {labels: {app: api}}, " + kPorts;
  const auto by_name = snapshot_of(service_entry("resolution: DNS" + selector) + workload);
  EXPECT_EQ(endpoints_of(cluster_in(by_name, kHttp)), std::vector<std::string>{"w.example.test:80"});
  const Registry static_mesh = registry(service_entry("resolution: STATIC" + selector) + workload);
  EXPECT_TRUE(static_mesh.services()[0].ports[0].endpoints.empty()) << "nobody would look it up";
}

TEST(LookedUp, SubsetsHaveTheEndpointsWithTheirLabels) {
  const std::string rule =
      "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: ext}\n"
      "spec: {host: api.example.test, subsets: [{name: v2, labels: {version: v2}}]}\n";
  const auto snapshot =
      snapshot_of(service_entry("resolution: DNS, " + kPorts +
                                ", endpoints: [{address: a.test, labels: {version: v1}}, {address: "
                                "b.test, labels: {version: v2}}]") +
                  rule);
  EXPECT_EQ(endpoints_of(cluster_in(snapshot, "outbound|80|v2|api.example.test")),
            std::vector<std::string>{"b.test:80"});
}

TEST(LookedUp, InTheFamilyThatTheWorkloadHas) {
  const auto family = [](std::vector<std::string> addresses) {
    ProxyNode node = sidecar_at(addresses.front());
    node.addresses = std::move(addresses);
    return cluster_in(snapshot_of(service_entry("resolution: DNS, " + kPorts), node), kHttp)
        .dns_lookup_family();
  };
  EXPECT_EQ(family({"127.0.0.1"}), Cluster::V4_ONLY);
  EXPECT_EQ(family({"fd00::1"}), Cluster::V6_ONLY);
  EXPECT_EQ(family({"127.0.0.1", "fd00::1"}), Cluster::V4_ONLY);
  ProxyNode four = sidecar_at("127.0.0.1");
  ProxyNode six = four;
  six.addresses = {"fd00::1"};
  EXPECT_NE(four.outbound_key(), six.outbound_key());
}

TEST(LookedUp, AGrpcClientLooksUpOneName) {
  ProxyNode node = sidecar_at("127.0.0.1");
  node.grpc = true;
  const auto one = cluster_in(snapshot_of(service_entry("resolution: DNS, " + kPorts), node), kHttp);
  EXPECT_EQ(one.type(), Cluster::LOGICAL_DNS);
  EXPECT_FALSE(one.has_typed_dns_resolver_config());
  const auto two = snapshot_of(
      service_entry("resolution: DNS, " + kPorts + ", endpoints: [{address: a.test}, {address: b.test}]"),
      node);
  EXPECT_TRUE(cluster_in(two, kHttp).name().empty());
  EXPECT_EQ(texts(two.notes).size(), 1U);
}

TEST(LookedUp, WhatASelectorPicksFollowsThePods) {
  Inventory inventory;
  const Registry before(
      resources(service_entry("resolution: DNS, workloadSelector: {labels: {app: api}}, " + kPorts)), {},
      &inventory);
  Registry mesh = before;
  const ProxyNode node = intercepted_at("127.0.0.1");
  const Snapshot empty = build_outbound(mesh, node);
  EXPECT_EQ(endpoints_of(cluster_in(empty, kHttp)), std::vector<std::string>{});
  inventory.put(Inventory::Kind::kPod, pod("p", "10.1.0.1", "'app':'api'"));
  const auto changes = mesh.update_endpoints(inventory.take_changes());
  ASSERT_EQ(changes.size(), 1U);
  const auto now = update_outbound(mesh, node, empty, changes);
  EXPECT_EQ(endpoints_of(cluster_in(*now, kHttp)), std::vector<std::string>{"10.1.0.1:80"});
}

}  // namespace
}  // namespace remora::istio::test
