#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remora/core/clock.h"

namespace remora {

/// A host that has just come gets less than its weight, and more from moment to moment, until `window` is
/// over. Of kRoundRobin, kLeastRequest and kClientSideWeighted. Source:
/// envoy.config.cluster.v3.Cluster.SlowStartConfig.
struct SlowStart {
  Milliseconds window{0};          ///< above 0
  double aggression = 1.0;         ///< above 0; 1: the weight grows evenly, more: early, less: late
  double min_weight_percent = 10;  ///< of its weight, 0 to 100: what it has at least
  bool operator==(const SlowStart&) const = default;
};

/// How kPeakEwma and kPrequal learn and choose by response times. Ours; docs/load-balancing.md.
struct LatencyAware {
  Milliseconds decay{10000};           ///< how long ago a response still counts for 1/e
  Milliseconds default_latency{30};    ///< of a host that has not answered yet
  Milliseconds failure_latency{1000};  ///< what a failed request counts as at least
  uint32_t choice_count = 2;           ///< hosts that are drawn and compared, at least 2
  double hot_quantile = 0.84;          ///< kPrequal: hosts with more requests under way are hot; 0 to 1
  bool operator==(const LatencyAware&) const = default;
};

/// How kClientSideWeighted makes weights of what hosts say of their load (ORCA). Source:
/// envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.
struct ReportedWeights {
  Milliseconds blackout_period{10000};     ///< how long a host must have reported before it is believed
  Milliseconds expiration_period{180000};  ///< how long a report is believed
  Milliseconds update_period{1000};        ///< between two looks at the reports; at least 100 ms
  double error_penalty = 0;                ///< what a share of errors adds to the utilization; not negative
  /// Whose maximum is the utilization where a report has no application_utilization: "mem_utilization",
  /// "named_metrics.queue".
  std::vector<std::string> metrics;
  bool operator==(const ReportedWeights&) const = default;
};

/// How requests stay in the zone of their proxy, where there is a local cluster. Source:
/// envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig.
struct ZoneAware {
  uint32_t routing_enabled = 100;            ///< percent of requests that go by zones
  uint64_t min_cluster_size = 6;             ///< healthy hosts below which zones do not count
  bool fail_traffic_on_panic = false;        ///< in panic nobody is chosen, instead of anybody
  std::optional<uint32_t> force_local_zone;  ///< that many healthy hosts in the own zone take all requests
  bool by_weight = false;                    ///< hosts count by weight, not each as one
  bool operator==(const ZoneAware&) const = default;
};

/// Of a cluster's hosts only some are spoken to; proxies of the same kind ("peers") share the hosts among
/// themselves so that all hosts together get the same. Not where hosts are chosen by hash. Ours;
/// docs/load-balancing.md.
struct Aperture {
  uint32_t hosts = 12;        ///< so many at least are spoken to, as far as there are so many; at least 1
  std::string peers_cluster;  ///< whose hosts this proxy and its peers are; "": the bootstrap's local cluster
  uint32_t peers = 0;         ///< how many there are; 0: `peers_cluster` says it
  uint32_t peer = 0;          ///< with `peers`: which one this is, below it
  bool operator==(const Aperture&) const = default;
};

/// What few clusters say of their load balancing. Beside ClusterConfig::lb_policy and its parameters.
struct BalancerSettings {
  /// Requests of a priority are spread over its localities by EndpointSet::locality_weights, then within one.
  /// Source: locality_weighted_lb_config.
  bool locality_weighted = false;
  /// The same within subsets. Source: envoy.config.cluster.v3.Cluster.LbSubsetConfig.locality_weight_aware.
  bool subsets_locality_weighted = false;
  /// kLeastRequest with equal weights: the least of all hosts, not of `choice_count` drawn ones.
  bool full_scan = false;
  std::optional<SlowStart> slow_start;
  LatencyAware latency;
  ReportedWeights reported;
  ZoneAware zones;
  std::optional<Aperture> aperture;
  bool operator==(const BalancerSettings&) const = default;
};

}  // namespace remora
