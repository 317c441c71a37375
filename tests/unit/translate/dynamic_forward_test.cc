#include "translate/dynamic_forward.h"

#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

using namespace std::chrono_literals;  // NOLINT

class DynamicForwardTest : public TranslateTest {
 protected:
  /// `cache` and `more`: members of the flow mappings of the cache and of the cluster's type.
  TranslatedCluster cluster(const std::string& cache, const std::string& rest = {},
                            const std::string& more = {}) {
    const std::string yaml = "name: up\nlb_policy: CLUSTER_PROVIDED\n" + rest + R"(
cluster_type:
  name: envoy.clusters.dynamic_forward_proxy
  typed_config: {"@type": type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig,
    dns_cache_config: {)" + cache +
                             "}" + more + "}\n";
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(yaml), {"5", true}, context_);
  }
};

TEST_F(DynamicForwardTest, Defaults) {
  const auto made = cluster("name: names");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_TRUE(made.complete());
  EXPECT_TRUE(made.endpoints->endpoints.empty());
  EXPECT_EQ(made.config->discovery, ClusterConfig::Discovery::kDynamicForward);
  ASSERT_NE(made.config->dynamic_forward, nullptr);
  EXPECT_EQ(made.config->dynamic_forward->default_port, 80);
  EXPECT_EQ(made.config->dynamic_forward->cache->config(), DnsCacheConfig{.name = "names"});
  EXPECT_TRUE(made.config->auto_sni);
  EXPECT_TRUE(made.config->auto_san_validation);
  EXPECT_EQ(warnings(), "");
}

TEST_F(DynamicForwardTest, Settings) {
  const auto made = cluster(R"(name: names, dns_lookup_family: V4_PREFERRED, dns_refresh_rate: 7s,
      dns_min_refresh_rate: 2s, host_ttl: 9s, max_hosts: 11, dns_query_timeout: 0s, use_tcp_for_dns_lookups: true,
      dns_failure_refresh_rate: {base_interval: 1s}, dns_cache_circuit_breaker: {max_pending_requests: 3},
      preresolve_hostnames: [{address: A.test, port_value: 443}, {address: "::1", port_value: 80}])");
  ASSERT_TRUE(made.config) << errors();
  DnsCacheConfig wanted{.name = "names",
                        .family = DnsLookupFamily::kV4Preferred,
                        .refresh_rate = 7s,
                        .min_refresh_rate = 2s,
                        .host_ttl = 9s,
                        .query_timeout = 0s,
                        .failure_base = 1s,
                        .failure_max = 10s,
                        .max_hosts = 11,
                        .max_pending_requests = 3,
                        .preresolve = {"a.test:443", "[::1]:80"},
                        .resolver = DnsResolverConfig()};
  wanted.resolver->use_tcp = true;
  EXPECT_EQ(made.config->dynamic_forward->cache->config(), wanted);
}

TEST_F(DynamicForwardTest, WithTlsThePortIsAnotherOne) {
  const auto made = cluster("name: names", R"(
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    common_tls_context: {validation_context: {trusted_ca: {inline_string: unread}}}
)");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_EQ(made.config->dynamic_forward->default_port, 443);
}

TEST_F(DynamicForwardTest, VersionsOfAClusterShareTheCache) {
  const auto first = cluster("name: names");
  const auto second = cluster("name: names", "connect_timeout: 7s");
  ASSERT_TRUE(second.config) << errors();
  EXPECT_EQ(first.config->dynamic_forward->cache, second.config->dynamic_forward->cache);
  EXPECT_FALSE(cluster("name: names, max_hosts: 7").config);
  EXPECT_EQ(errors(),
            "cluster_type.typed_config.dns_cache_config: the DNS cache 'names' is in use with different "
            "settings\n");
}

constexpr const char* kTyped = R"(
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {}}
)";

TEST_F(DynamicForwardTest, NamesAreSentAndCheckedUnlessItIsSaidOtherwise) {
  EXPECT_FALSE(cluster("name: names", "upstream_http_protocol_options: {auto_sni: true}\n").config);
  EXPECT_FALSE(cluster("name: names", kTyped).config);
  const std::string line =
      ": must have auto_sni and auto_san_validation true unless allow_insecure_cluster_options is set\n";
  EXPECT_EQ(errors(), line + line);
  const auto insecure = cluster("name: names", kTyped, ", allow_insecure_cluster_options: true");
  ASSERT_TRUE(insecure.config) << errors();
  EXPECT_FALSE(insecure.config->auto_sni);
}

TEST_F(DynamicForwardTest, Refused) {
  EXPECT_FALSE(cluster("").config);
  EXPECT_FALSE(cluster("name: names, max_hosts: 0").config);
  EXPECT_FALSE(cluster("name: names, key_value_config: {config: {name: x}}").config);
  EXPECT_FALSE(cluster("name: names, disable_dns_refresh_on_failure: true").config);
  EXPECT_FALSE(cluster("name: names, preresolve_hostnames: [{address: a b, port_value: 1}]").config);
  EXPECT_FALSE(
      cluster("name: names, max_hosts: 1, preresolve_hostnames: [{address: a, port_value: 1}, {address: b, "
              "port_value: 1}]")
          .config);
  EXPECT_FALSE(cluster("name: names", {}, ", allow_coalesced_connections: true").config);
  EXPECT_FALSE(cluster("name: names", "load_assignment: {cluster_name: up}\n").config);
  EXPECT_FALSE(cluster("name: names", "outlier_detection: {}\n").config);
  for (const char* text :
       {"dns_cache_config.name: ", "dns_cache_config.max_hosts: ", "dns_cache_config.key_value_config",
        "dns_cache_config.disable_dns_refresh_on_failure",
        "dns_cache_config.preresolve_hostnames[0]: must be",
        "dns_cache_config.preresolve_hostnames: are more than max_hosts",
        "cluster_type.typed_config.allow_coalesced_connections",
        "load_assignment: a dynamic forward proxy has no", "outlier_detection: "}) {
    EXPECT_NE(errors().find(text), std::string::npos) << text << '\n' << errors();
  }
}

}  // namespace
}  // namespace remora::xds
