#include "remora/config/balancer.h"
#include "translate/cluster.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class BalancerTest : public TranslateTest {
 protected:
  std::shared_ptr<const ClusterConfig> translate(const std::string& yaml) {
    const auto cluster = translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>("name: a\n" + yaml),
                                           {"1", true}, context_);
    return cluster.config;
  }
  /// A cluster with one typed policy; `fields` as a flow map's content.
  static std::string typed(const std::string& type, const std::string& fields) {
    return "load_balancing_policy: {policies: [{typed_extension_config: {name: p, typed_config: {\"@type\": "
           "type.googleapis.com/" +
           type + (fields.empty() ? "" : ", ") + fields + "}}}]}\n";
  }
  static std::string envoys(const std::string& type, const std::string& fields) {
    return typed("envoy.extensions.load_balancing_policies." + type, fields);
  }
  static std::string ours(const std::string& name, const std::string& fields) {
    return typed("xds.type.v3.TypedStruct",
                 "type_url: type.googleapis.com/remora.load_balancing_policies.v1." + name + ", value: {" +
                     fields + "}");
  }
};

constexpr const char* kWeighted = "locality_lb_config: {locality_weighted_lb_config: {}}";

TEST_F(BalancerTest, MostClustersSayNothing) {
  const auto config = translate("lb_policy: LEAST_REQUEST\n");
  ASSERT_TRUE(config) << errors();
  EXPECT_EQ(config->balancer, nullptr);
}

TEST_F(BalancerTest, LocalitiesAreWeightedInEverySpelling) {
  for (const std::string& yaml :
       {std::string("common_lb_config: {locality_weighted_lb_config: {}}\n"),
        envoys("round_robin.v3.RoundRobin", kWeighted), envoys("random.v3.Random", kWeighted),
        envoys("least_request.v3.LeastRequest", kWeighted),
        envoys("ring_hash.v3.RingHash", "locality_weighted_lb_config: {}"),
        envoys("maglev.v3.Maglev", "locality_weighted_lb_config: {}"),
        envoys("wrr_locality.v3.WrrLocality",
               "endpoint_picking_policy: {policies: [{typed_extension_config: {name: q, typed_config: "
               "{\"@type\": "
               "type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random}}}]}")}) {
    const auto config = translate(yaml);
    ASSERT_TRUE(config) << errors();
    ASSERT_NE(config->balancer, nullptr) << yaml;
    EXPECT_TRUE(config->balancer->locality_weighted) << yaml;
  }
}

TEST_F(BalancerTest, SlowStartInEverySpelling) {
  const std::string settings =
      "slow_start_config: {slow_start_window: 60s, aggression: {default_value: 2, runtime_key: k}, "
      "min_weight_percent: {value: 25}}";
  for (const std::string& yaml :
       {"lb_policy: ROUND_ROBIN\nround_robin_lb_config: {" + settings + "}\n",
        "lb_policy: LEAST_REQUEST\nleast_request_lb_config: {" + settings + "}\n",
        envoys("round_robin.v3.RoundRobin", settings), envoys("least_request.v3.LeastRequest", settings)}) {
    const auto config = translate(yaml);
    ASSERT_TRUE(config) << errors();
    ASSERT_TRUE(config->balancer && config->balancer->slow_start) << yaml;
    EXPECT_EQ(*config->balancer->slow_start, (SlowStart{std::chrono::seconds(60), 2, 25})) << yaml;
  }
  const auto config = translate("round_robin_lb_config: {slow_start_config: {slow_start_window: 1s}}\n");
  ASSERT_TRUE(config) << errors();
  EXPECT_EQ(*config->balancer->slow_start, (SlowStart{std::chrono::seconds(1), 1, 10}));
}

TEST_F(BalancerTest, FullScanUnderBothNames) {
  for (const char* fields : {"selection_method: FULL_SCAN", "enable_full_scan: true"}) {
    const auto config = translate(envoys("least_request.v3.LeastRequest", fields));
    ASSERT_TRUE(config) << errors();
    EXPECT_TRUE(config->balancer->full_scan);
  }
  EXPECT_EQ(translate(envoys("least_request.v3.LeastRequest", "enable_full_scan: false"))->balancer, nullptr);
}

TEST_F(BalancerTest, LocalitiesHaveTheirWeights) {
  const auto cluster = translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(R"(
name: a
load_assignment:
  cluster_name: a
  endpoints:
  - {locality: {zone: x}, load_balancing_weight: 3, priority: 1}
  - {locality: {zone: y}}
  - {load_balancing_weight: 9}
  - {locality: {zone: x}, load_balancing_weight: 5}
  - {locality: {zone: x}, load_balancing_weight: 4, priority: 1}
)"),
                                         {"1", true}, context_);
  ASSERT_TRUE(cluster.config) << errors();
  const auto& weights = cluster.endpoints->locality_weights;
  ASSERT_EQ(weights.size(), 2u) << "who has no locality or no weight is not there";
  EXPECT_EQ(weights[0].weight, 4u) << "the last one counts";
  EXPECT_EQ(weights[0].priority, 1u);
  EXPECT_EQ(weights[1].locality->zone, "x");
  EXPECT_EQ(weights[1].weight, 5u);
}

TEST_F(BalancerTest, PoliciesOfOurs) {
  const auto ewma = translate(ours("PeakEwma", "decay: 5s, failure_latency: 2s, default_latency: 0.01s"));
  ASSERT_TRUE(ewma) << errors();
  EXPECT_EQ(ewma->lb_policy, LbPolicy::kPeakEwma);
  EXPECT_EQ(ewma->balancer->latency.decay, Milliseconds(5000));
  EXPECT_EQ(ewma->balancer->latency.failure_latency, Milliseconds(2000));
  EXPECT_EQ(ewma->balancer->latency.default_latency, Milliseconds(10));
  EXPECT_EQ(ewma->balancer->latency.choice_count, 2u);
  const auto prequal = translate(ours("Prequal", "hot_quantile: 0.5"));
  ASSERT_TRUE(prequal) << errors();
  EXPECT_EQ(prequal->lb_policy, LbPolicy::kPrequal);
  EXPECT_EQ(prequal->balancer->latency.choice_count, 5u);
  EXPECT_DOUBLE_EQ(prequal->balancer->latency.hot_quantile, 0.5);
}

TEST_F(BalancerTest, ZonesInBothSpellings) {
  const std::string fields =
      "zone_aware_lb_config: {routing_enabled: {value: 49.6}, min_cluster_size: 3, fail_traffic_on_panic: "
      "true";
  ZoneAware wanted{.routing_enabled = 50, .min_cluster_size = 3, .fail_traffic_on_panic = true};
  const auto classic = translate("common_lb_config: {" + fields + "}}\n");
  ASSERT_TRUE(classic && classic->balancer) << errors();
  EXPECT_EQ(classic->balancer->zones, wanted);
  wanted.by_weight = true;
  wanted.force_local_zone = 1;
  for (const char* force : {"force_locality_direct_routing: true", "force_local_zone: {}"}) {
    for (const char* policy :
         {"round_robin.v3.RoundRobin", "least_request.v3.LeastRequest", "random.v3.Random"}) {
      const auto config =
          translate(envoys(policy, "locality_lb_config: {" + fields +
                                       ", locality_basis: HEALTHY_HOSTS_WEIGHT, " + force + "}}"));
      ASSERT_TRUE(config && config->balancer) << errors();
      EXPECT_EQ(config->balancer->zones, wanted) << policy << force;
    }
  }
  const auto many =
      translate(envoys("round_robin.v3.RoundRobin",
                       "locality_lb_config: {zone_aware_lb_config: {force_local_zone: {min_size: 4}, "
                       "force_locality_direct_routing: true}}"));
  ASSERT_TRUE(many && many->balancer) << errors();
  EXPECT_EQ(many->balancer->zones.force_local_zone, 4u);
}

TEST_F(BalancerTest, WeightsFromReports) {
  const std::string type = "client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin";
  const auto plain = translate(envoys(type, ""));
  ASSERT_TRUE(plain) << errors();
  EXPECT_EQ(plain->lb_policy, LbPolicy::kClientSideWeighted);
  ASSERT_TRUE(plain->balancer);
  EXPECT_EQ(plain->balancer->reported, ReportedWeights());
  const auto config = translate(
      envoys(type,
             "blackout_period: 0s, weight_expiration_period: 60s, weight_update_period: 0.01s, "
             "error_utilization_penalty: 2.5, metric_names_for_computing_utilization: [mem_utilization], "
             "enable_oob_load_report: false, slow_start_config: {slow_start_window: 5s}"));
  ASSERT_TRUE(config) << errors();
  EXPECT_EQ(
      config->balancer->reported,
      (ReportedWeights{Milliseconds(0), Milliseconds(60000), Milliseconds(100), 2.5, {"mem_utilization"}}));
  EXPECT_EQ(config->balancer->slow_start->window, Milliseconds(5000));
  translate(envoys(type, "enable_oob_load_report: true"));
  translate(envoys(type, "error_utilization_penalty: -1"));
  EXPECT_NE(errors().find("typed_config.enable_oob_load_report"), std::string::npos) << errors();
  EXPECT_NE(errors().find("error_utilization_penalty"), std::string::npos) << errors();
}

std::string below(const std::string& type) {
  return "endpoint_picking_policy: {policies: [{typed_extension_config: {name: q, typed_config: {\"@type\": "
         "type.googleapis.com/" +
         type + "}}}]}";
}

TEST_F(BalancerTest, ApertureAboveAnyPolicyWithoutHashes) {
  const auto plain = translate(ours("Aperture", ""));
  ASSERT_TRUE(plain) << errors();
  EXPECT_EQ(plain->lb_policy, LbPolicy::kLeastRequest);
  ASSERT_TRUE(plain->balancer && plain->balancer->aperture);
  EXPECT_EQ(*plain->balancer->aperture, Aperture());
  const std::string envoy = "envoy.extensions.load_balancing_policies.";
  const std::string own =
      "xds.type.v3.TypedStruct, type_url: type.googleapis.com/remora.load_balancing_policies.v1.PeakEwma, "
      "value: {choice_count: 3}";
  for (const auto& [type, policy] :
       {std::pair(envoy + "round_robin.v3.RoundRobin", LbPolicy::kRoundRobin),
        std::pair(envoy + "random.v3.Random", LbPolicy::kRandom), std::pair(own, LbPolicy::kPeakEwma)}) {
    const auto config = translate(ours("Aperture", "hosts: 5, peer_id: 2, num_peers: 9, " + below(type)));
    ASSERT_TRUE(config) << errors();
    EXPECT_EQ(config->lb_policy, policy);
    EXPECT_EQ(*config->balancer->aperture, (Aperture{.hosts = 5, .peers = 9, .peer = 2}));
  }
  EXPECT_EQ(translate(ours("Aperture", "peers_cluster: us"))->balancer->aperture->peers_cluster, "us");
  const auto weighted = translate(
      envoys("wrr_locality.v3.WrrLocality",
             below("xds.type.v3.TypedStruct, type_url: "
                   "type.googleapis.com/remora.load_balancing_policies.v1.Aperture, value: {hosts: 3}")));
  ASSERT_TRUE(weighted) << errors();
  EXPECT_TRUE(weighted->balancer->locality_weighted);
  EXPECT_EQ(weighted->balancer->aperture->hosts, 3u);
}

TEST_F(BalancerTest, WhatAnApertureCannotBeIsNamed) {
  const std::string path = "load_balancing_policy.policies[0].typed_extension_config.typed_config.value";
  const std::string envoy = "envoy.extensions.load_balancing_policies.";
  for (const auto& [fields, expected] : std::vector<std::pair<std::string, std::string>>{
           {"hosts: 0", path + ".hosts: must be a whole number from 1"},
           {"hosts: 1.5", path + ".hosts: must be a whole number"},
           {"hosts: many", path + ".hosts: must be a whole number"},
           {"peer_id: 1", path + ": peer_id and num_peers are there together"},
           {"peer_id: 3, num_peers: 3", path + ".peer_id: must be below num_peers"},
           {"peer_id: 0, num_peers: 3, peers_cluster: a", path + ".peers_cluster: cannot stand beside"},
           {"peers_cluster: ''", path + ".peers_cluster: must be the name"},
           {"width: 3", path + ".width: is not implemented"},
           {below(envoy + "ring_hash.v3.RingHash"),
            path + ".endpoint_picking_policy: ring_hash cannot stand below an aperture"},
           {below(envoy + "maglev.v3.Maglev"),
            path + ".endpoint_picking_policy: maglev cannot stand below an aperture"},
           {"endpoint_picking_policy: 3", path + ".endpoint_picking_policy: "},
           {below("nobody.knows.This"), path + ".endpoint_picking_policy: "},
           {below("xds.type.v3.TypedStruct, type_url: "
                  "type.googleapis.com/remora.load_balancing_policies.v1.Aperture, value: {}"),
            "value: cannot stand below another aperture"}}) {
    EXPECT_EQ(translate(ours("Aperture", fields)), nullptr) << fields;
    EXPECT_NE(errors().find(expected), std::string::npos) << expected << "\nin\n" << errors();
  }
}

TEST_F(BalancerTest, WhatCannotBeIsNamed) {
  translate(ours("Prequal", "decay: 5, choice_count: 17, hot_quantile: 1.5, probes: 3"));
  translate("common_lb_config: {locality_weighted_lb_config: {}}\n" + envoys("random.v3.Random", ""));
  translate("lb_subset_config: {locality_weight_aware: true, subset_selectors: [{keys: [v]}]}\n");
  translate(envoys("round_robin.v3.RoundRobin",
                   "slow_start_config: {slow_start_window: 0s, aggression: {runtime_key: k}}"));
  const std::string path = "load_balancing_policy.policies[0].typed_extension_config.typed_config.";
  const std::string text = errors();
  for (const std::string& expected :
       {path + "value.decay: must be a duration", path + "value.choice_count: must be a whole number",
        path + "value.hot_quantile: must be a number from 0 to 1", path + "value.probes: is not implemented",
        std::string("common_lb_config: zone_aware_lb_config, locality_weighted_lb_config"),
        std::string("lb_subset_config: locality_weight_aware needs locality_weighted_lb_config"),
        path + "slow_start_config.slow_start_window: must be",
        path + "slow_start_config.aggression: must be"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
}

}  // namespace
}  // namespace remora::xds
