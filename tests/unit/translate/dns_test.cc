#include "remora/config/dns.h"

#include "translate/cluster.h"
#include "translate/dns.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

using namespace std::chrono_literals;  // NOLINT

class DnsTest : public TranslateTest {
 protected:
  TranslatedCluster translate(const std::string& yaml) {
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(yaml), {"5", true}, context_);
  }
  /// With one name, a.test:80.
  TranslatedCluster cluster(const std::string& type, const std::string& more = "") {
    return translate("name: c\n" + type + R"(
load_assignment:
  cluster_name: c
  endpoints:
  - lb_endpoints: [{endpoint: {address: {socket_address: {address: a.test, port_value: 80}}}}]
)" + more);
  }
};

constexpr const char* kDnsCluster = R"(cluster_type:
  name: envoy.clusters.dns
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
)";

TEST_F(DnsTest, TheOlderFields) {
  const auto result = translate(R"(
name: c
type: STRICT_DNS
dns_refresh_rate: 60s
dns_failure_refresh_rate: {base_interval: 1s, max_interval: 7s}
respect_dns_ttl: true
dns_jitter: 0.1s
dns_lookup_family: V4_ONLY
wait_for_warm_on_init: false
typed_dns_resolver_config:
  name: envoy.network.dns_resolver.cares
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
    resolvers: [{socket_address: {address: "::1", port_value: 5353, protocol: UDP}}]
    udp_max_queries: 100
    query_timeout_seconds: 2
    query_tries: 3
    rotate_nameservers: true
    edns0_max_payload_size: 1400
    dns_resolver_options: {use_tcp_for_dns_lookups: true, no_default_search_domain: true}
load_assignment:
  cluster_name: c
  policy: {overprovisioning_factor: 200}
  endpoints:
  - priority: 1
    locality: {zone: z}
    lb_endpoints:
    - {endpoint: {hostname: h, address: {socket_address: {address: a.test, port_value: 80}}}, load_balancing_weight: 3}
    - {endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 81}}}}
)");
  ASSERT_TRUE(result.config) << errors();
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(result.config->discovery, ClusterConfig::Discovery::kStrictDns);
  EXPECT_EQ(result.endpoints, nullptr) << "it waits for its names";
  ASSERT_NE(result.source, nullptr);
  EXPECT_EQ(result.source->kind, ResourceSource::Kind::kDns);
  EXPECT_EQ(result.source->fetch_timeout, 0ms);
  EXPECT_FALSE(result.source->is_waited_for);
  const DnsDiscovery& dns = *result.config->dns;
  EXPECT_FALSE(dns.one_host);
  EXPECT_EQ(dns.family, DnsLookupFamily::kV4Only);
  EXPECT_EQ(dns.refresh_rate, 60s);
  EXPECT_EQ(dns.failure_base, 1s);
  EXPECT_EQ(dns.failure_max, 7s);
  EXPECT_EQ(dns.jitter, 100ms);
  EXPECT_TRUE(dns.respect_ttl);
  EXPECT_EQ(dns.set.overprovisioning_percent, 200u);
  ASSERT_EQ(dns.targets.size(), 2u);
  EXPECT_EQ(dns.targets[0].name, "a.test");
  EXPECT_EQ(dns.targets[0].port, 80);
  EXPECT_EQ(dns.targets[0].host.hostname, "h");
  EXPECT_EQ(dns.targets[0].host.weight, 3u);
  EXPECT_EQ(dns.targets[0].host.priority, 1u);
  EXPECT_EQ(dns.targets[0].host.locality->zone, "z");
  EXPECT_EQ(dns.targets[1].name, "10.0.0.1");
  EXPECT_EQ(dns.targets[1].host.hostname, "10.0.0.1");
  ASSERT_TRUE(dns.resolver);
  DnsResolverConfig resolver;
  resolver.servers = {*Address::ip("::1", 5353)};
  resolver.udp_max_queries = 100;
  resolver.query_timeout = 2s;
  resolver.query_tries = 3;
  resolver.rotate_servers = true;
  resolver.edns_payload_size = 1400;
  resolver.use_tcp = resolver.no_search = true;
  EXPECT_EQ(*dns.resolver, resolver);
}

TEST_F(DnsTest, Defaults) {
  const auto result = cluster("type: LOGICAL_DNS");
  ASSERT_TRUE(result.config) << errors();
  EXPECT_EQ(result.config->discovery, ClusterConfig::Discovery::kLogicalDns);
  EXPECT_TRUE(result.source->is_waited_for);
  const DnsDiscovery& dns = *result.config->dns;
  EXPECT_TRUE(dns.one_host);
  EXPECT_EQ(dns.family, DnsLookupFamily::kAuto);
  EXPECT_EQ(dns.refresh_rate, 5s);
  EXPECT_EQ(dns.failure_base, 0s);
  EXPECT_FALSE(dns.respect_ttl);
  EXPECT_FALSE(dns.resolver) << "the bootstrap's";
}

TEST_F(DnsTest, OlderWaysToNameTheResolver) {
  const auto resolver = [&](const std::string& fields) {
    const auto result = cluster("type: STRICT_DNS", fields);
    EXPECT_TRUE(result.config) << errors();
    return result.config ? *result.config->dns->resolver : DnsResolverConfig();
  };
  const std::string server = "[{socket_address: {address: 10.0.0.9, port_value: 53}}]";
  for (const auto& fields : {"dns_resolvers: " + server + "\nuse_tcp_for_dns_lookups: true",
                             "dns_resolution_config: {resolvers: " + server +
                                 ", dns_resolver_options: {use_tcp_for_dns_lookups: true}}"}) {
    const auto found = resolver(fields);
    ASSERT_EQ(found.servers.size(), 1u) << fields;
    EXPECT_EQ(found.servers[0].to_string(), "10.0.0.9:53");
    EXPECT_TRUE(found.use_tcp);
  }
  EXPECT_TRUE(resolver("use_tcp_for_dns_lookups: true").use_tcp);
}

TEST_F(DnsTest, TheTypedCluster) {
  const auto result = cluster(std::string(kDnsCluster) + R"(    dns_refresh_rate: 7s
    dns_failure_refresh_rate: {base_interval: 2s}
    dns_jitter: 1s
    respect_dns_ttl: true
    dns_lookup_family: ALL
    all_addresses_in_single_endpoint: true
    typed_dns_resolver_config:
      name: envoy.network.dns_resolver.cares
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
        resolvers: [{socket_address: {address: 127.0.0.1, port_value: 5353}}]
)",
                              "dns_refresh_rate: 9s");
  ASSERT_TRUE(result.config) << errors();
  EXPECT_EQ(result.config->discovery, ClusterConfig::Discovery::kLogicalDns);
  const DnsDiscovery& dns = *result.config->dns;
  EXPECT_EQ(dns.refresh_rate, 7s);
  EXPECT_EQ(dns.failure_max, 20s) << "ten times the base";
  EXPECT_EQ(dns.family, DnsLookupFamily::kAll);
  EXPECT_TRUE(dns.one_host);
  EXPECT_EQ(dns.resolver->servers.size(), 1u);
  EXPECT_EQ(warnings(),
            "dns_refresh_rate: has no effect: only clusters of type STRICT_DNS and LOGICAL_DNS read it\n");
  EXPECT_EQ(cluster(kDnsCluster).config->discovery, ClusterConfig::Discovery::kStrictDns);
}

TEST_F(DnsTest, TypesByNameAlone) {
  EXPECT_TRUE(cluster("cluster_type: {name: envoy.cluster.logical_dns}").config->dns->one_host);
  EXPECT_FALSE(cluster("cluster_type: {name: envoy.cluster.strict_dns}").config->dns->one_host);
  EXPECT_EQ(errors(), "");
}

TEST_F(DnsTest, WhatCannotWorkIsNamed) {
  const auto errors_of = [&](const std::string& type, const std::string& more = "") {
    report_ = {};
    EXPECT_FALSE(cluster(type, more).config);
    return errors();
  };
  EXPECT_EQ(
      errors_of("cluster_type: {name: envoy.clusters.unheard}"),
      "cluster_type.typed_config: is required: the cluster type 'envoy.clusters.unheard' cannot be found by "
      "name\n");
  EXPECT_EQ(errors_of("type: STRICT_DNS", "dns_failure_refresh_rate: {base_interval: 2s, max_interval: 1s}"),
            "dns_failure_refresh_rate.max_interval: must not be below base_interval\n");
  EXPECT_NE(errors_of("type: STRICT_DNS", "dns_refresh_rate: 0s").find("dns_refresh_rate: "),
            std::string::npos);
  EXPECT_EQ(
      errors_of("type: STRICT_DNS", "dns_resolvers: [{socket_address: {address: ns.test, port_value: 53}}]"),
      "dns_resolvers[0].socket_address.address: \"ns.test\" is not an IP address\n");
  EXPECT_EQ(errors_of("type: STRICT_DNS", "dns_resolvers: [{pipe: {path: /x}}]"),
            "dns_resolvers[0]: must be an IP address\n");
  report_ = {};
  translate(R"(
name: c
type: LOGICAL_DNS
load_assignment:
  cluster_name: c
  endpoints:
  - lb_endpoints:
    - {endpoint: {address: {socket_address: {address: a.test, port_value: 80}}}}
    - {endpoint: {address: {pipe: {path: /x}}}}
)");
  EXPECT_EQ(errors(),
            "load_assignment.endpoints[0].lb_endpoints[1].endpoint.address: must be a socket_address: it is "
            "resolved\n");
  report_ = {};
  translate("{name: c, type: LOGICAL_DNS, load_assignment: {cluster_name: c}}");
  EXPECT_EQ(errors(), "load_assignment: must have exactly one endpoint for one logical host\n");
}

TEST_F(DnsTest, AClusterWithoutNamesWaitsForNothing) {
  const auto result = translate("{name: c, type: STRICT_DNS, load_assignment: {cluster_name: c}}");
  ASSERT_TRUE(result.config) << errors();
  EXPECT_EQ(result.source, nullptr);
  EXPECT_TRUE(result.complete());
}

TEST_F(DnsTest, AnotherVersionKeepsTheAnswersUnlessItResolvesOtherwise) {
  const std::string key = cluster("type: STRICT_DNS").endpoints_key;
  EXPECT_EQ(cluster("type: STRICT_DNS", "connect_timeout: 9s").endpoints_key, key);
  EXPECT_NE(cluster("type: STRICT_DNS", "dns_refresh_rate: 9s").endpoints_key, key);
  EXPECT_NE(cluster("type: LOGICAL_DNS").endpoints_key, key);
}

}  // namespace
}  // namespace remora::xds
