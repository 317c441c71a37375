#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remora/config/header_case.h"
#include "remora/config/http2.h"
#include "remora/config/matchers.h"
#include "remora/config/metadata.h"
#include "remora/config/route.h"
#include "remora/config/socket.h"
#include "remora/config/tls.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"
#include "remora/core/rare.h"

namespace remora {

/// Plain structs for envoy.config.cluster.v3 and envoy.config.endpoint.v3. Defaults are Envoy's. Built and
/// validated by xds/translate, immutable afterwards, shared by all threads.

struct DnsDiscovery;         // dns.h
struct HealthChecks;         // health_check.h
struct EndpointHealthCheck;  // health_check.h
struct BalancerSettings;     // balancer.h
struct DynamicForward;       // dynamic_forward.h
struct LatencyEjection;      // latency_ejection.h
struct ProxyHeader;          // proxy_header.h

struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;
  bool operator==(const Locality&) const = default;
};

/// Of endpoints without one.
const std::shared_ptr<const Locality>& no_locality();

/// Source: envoy.config.core.v3.HealthStatus, as the control plane reports it.
enum class EndpointHealth : uint8_t { kUnknown, kHealthy, kUnhealthy, kDraining, kTimeout, kDegraded };

struct Endpoint {
  Address address;
  std::string address_text;  // address.to_string(), for logs without formatting
  /// Further addresses of the same host, tried one after the other where the first does not answer at once.
  RareList<Address> additional_addresses;
  std::string hostname;
  uint32_t weight = 1;
  uint32_t priority = 0;
  EndpointHealth health = EndpointHealth::kUnknown;
  bool canary = false;                                       // metadata envoy.lb canary
  std::shared_ptr<const Locality> locality = no_locality();  // never null; endpoints share it
  std::shared_ptr<const Metadata> metadata;                  // never null
  /// How it is checked where it differs from others; null: as the cluster says.
  std::shared_ptr<const EndpointHealthCheck> health_check;
};

/// The share of one locality's hosts of one priority, where localities are weighted. Source:
/// envoy.config.endpoint.v3.LocalityLbEndpoints.
struct LocalityWeight {
  std::shared_ptr<const Locality> locality;  // never null
  uint32_t priority = 0;
  uint32_t weight = 0;
};

/// Each endpoint is there once, however many versions of a set, and however many hosts, know of it.
using EndpointList = std::vector<std::shared_ptr<const Endpoint>>;

/// A share of requests that hosts are spared, because their owner says so. Source:
/// envoy.config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload.
struct DropOverload {
  std::string category;
  uint32_t per_million = 0;
  bool operator==(const DropOverload&) const = default;
};

/// Everything of one ClusterLoadAssignment (or of a static cluster's load_assignment).
struct EndpointSet {
  std::string cluster_name;  // the assignment's name: the EDS service name, or the cluster's
  EndpointList endpoints;    // unique addresses
  uint32_t overprovisioning_percent = 140;
  RareList<LocalityWeight> locality_weights;  // of localities that have one, which is never 0
  RareList<DropOverload> drops;               // drop_overloads, in order
  Milliseconds stale_after{0};                // endpoint_stale_after; 0: never
};

/// Circuit breakers of one priority. Source: envoy.config.cluster.v3.CircuitBreakers.Thresholds.
struct Thresholds {
  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests = 1024;
  uint32_t max_retries = 3;
  std::optional<double> retry_budget_percent;  // overrides max_retries
  uint32_t retry_budget_min = 3;
  bool track_remaining = false;
  bool operator==(const Thresholds&) const = default;
};

/// Source: envoy.config.cluster.v3.OutlierDetection; semantics in proxy/upstream/outlier.h.
struct OutlierDetection {
  uint32_t consecutive_5xx = 5;
  uint32_t consecutive_gateway_failure = 5;
  uint32_t consecutive_local_origin_failure = 5;
  Milliseconds interval{10000};
  Milliseconds base_ejection_time{30000};
  Milliseconds max_ejection_time{300000};
  Milliseconds max_ejection_time_jitter{0};
  uint32_t max_ejection_percent = 10;
  uint32_t enforcing_consecutive_5xx = 100;
  uint32_t enforcing_consecutive_gateway_failure = 0;
  uint32_t enforcing_consecutive_local_origin_failure = 100;
  uint32_t enforcing_success_rate = 100;
  uint32_t enforcing_local_origin_success_rate = 100;
  uint32_t success_rate_minimum_hosts = 5;
  uint32_t success_rate_request_volume = 100;
  uint32_t success_rate_stdev_factor = 1900;
  uint32_t failure_percentage_threshold = 85;
  uint32_t enforcing_failure_percentage = 0;
  uint32_t enforcing_failure_percentage_local_origin = 0;
  uint32_t failure_percentage_minimum_hosts = 5;
  uint32_t failure_percentage_request_volume = 50;
  bool split_external_local_origin_errors = false;
  bool always_eject_one_host = false;
  std::shared_ptr<const LatencyEjection> latency;  // ours: hosts that are slower than the others; null: off
};

enum class LbPolicy : uint8_t {
  kRoundRobin,
  kLeastRequest,
  kRandom,
  kRingHash,
  kMaglev,
  kPeakEwma,            ///< ours: latency times requests under way, the lesser of two
  kPrequal,             ///< ours: hot and cold hosts by requests in flight, then latency
  kClientSideWeighted,  ///< weights from the load that hosts report (ORCA)
};

/// How kRingHash and kMaglev spread hashes over hosts. Source:
/// envoy.config.cluster.v3.Cluster.RingHashLbConfig, MaglevLbConfig and
/// CommonLbConfig.ConsistentHashingLbConfig.
struct ConsistentHash {
  bool maglev = false;  // a Maglev table; else a ring
  uint64_t minimum_ring_size = 1024;
  uint64_t maximum_ring_size = 8 * 1024 * 1024;
  bool murmur = false;               // MURMUR_HASH_2 places hosts on the ring; else xxHash64
  uint64_t table_size = 65537;       // Maglev; a prime
  bool use_hostname = false;         // hosts are placed by name, not by address
  uint32_t hash_balance_factor = 0;  // percent of the average load that a host may have; 0: any
  std::vector<HashPolicy> policies;  // instead of the route's; empty: the route's
};

/// Source: envoy.config.cluster.v3.Cluster.LbSubsetConfig.
struct LbSubset {
  enum class Fallback : uint8_t { kNotDefined, kNoFallback, kAnyEndpoint, kDefaultSubset, kKeysSubset };
  struct Selector {
    std::vector<std::string> keys;              // sorted
    Fallback fallback = Fallback::kNotDefined;  // kNotDefined: the cluster's
    std::vector<std::string> fallback_keys;     // kKeysSubset: sorted, a proper subset of keys
    bool single_host_per_subset = false;
  };
  Fallback fallback = Fallback::kNoFallback;
  SubsetMatch default_subset;
  std::vector<Selector> selectors;
  bool panic_mode_any = false;
  bool list_as_any = false;
};

/// How a cluster's hosts are spoken to. Source: envoy.extensions.upstreams.http.v3.HttpProtocolOptions.
enum class UpstreamProtocol : uint8_t {
  kHttp1,
  kHttp2,
  kDownstream,  ///< use_downstream_protocol_config: what the request came in
  kAuto,        ///< auto_config: what ALPN agrees on; HTTP/1.1 without an agreement
};

/// One of transport_socket_matches: hosts whose metadata "envoy.transport_socket_match" has all of `match`
/// are reached through `tls`.
struct TransportSocketMatch {
  std::string name;
  SubsetMatch match;                                // sorted by key; empty: every host
  std::shared_ptr<const UpstreamTls> tls;           // null: plain text
  std::shared_ptr<const ProxyHeader> proxy_header;  // null: connections begin without one
};

/// A cluster without hosts of its own: a request goes where its connection wanted to go before the kernel
/// redirected it. Source: envoy.config.cluster.v3.Cluster.OriginalDstLbConfig.
struct OriginalDst {
  std::string header;            // lower-case: names the address instead, "1.2.3.4:80"; "": no header does
  std::optional<uint16_t> port;  // instead of the destination's
  Milliseconds cleanup_interval{5000};
};

/// Which of a host's addresses is tried first, and how many of that family before one of the other. Source:
/// envoy.config.cluster.v3.UpstreamConnectionOptions.HappyEyeballsConfig.
struct HappyEyeballs {
  enum class First : uint8_t { kDefault, kV4, kV6 };
  First first = First::kDefault;  // kDefault: that of the first address
  uint32_t first_count = 1;
  bool operator==(const HappyEyeballs&) const = default;
};

/// Connections that are opened before requests need them, as multiples of what is needed. Source:
/// envoy.config.cluster.v3.Cluster.PreconnectPolicy.
struct Preconnect {
  double per_upstream_ratio = 1.0;
  double predictive_ratio = 1.0;
  bool operator==(const Preconnect&) const = default;
};

/// Source: envoy.config.cluster.v3.Cluster.
struct ClusterConfig {
  enum class Discovery : uint8_t {
    kStatic,
    kEds,
    kOriginalDst,
    kStrictDns,
    kLogicalDns,
    kAggregate,
    kDynamicForward,
  };
  std::string name;
  RareValue<std::string> alt_stat_name;  // "" : name
  bool added_via_api = false;
  bool auto_sni = false;             // SNI from the request's host, or from auto_sni_header
  bool auto_san_validation = false;  // the certificate must name that host
  bool enable_trailers = false;      // HTTP/1 trailers towards the upstream
  Discovery discovery = Discovery::kStatic;
  LbPolicy lb_policy = LbPolicy::kRoundRobin;
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
  RareValue<std::string> eds_service_name;                // "": the cluster's own name
  Rare<OriginalDst> original_dst;                         // set for kOriginalDst
  std::shared_ptr<const DnsDiscovery> dns;                // set for kStrictDns and kLogicalDns
  RareList<std::string> aggregate;                        // kAggregate: clusters, the most wanted first
  std::shared_ptr<const DynamicForward> dynamic_forward;  // set for kDynamicForward
  std::shared_ptr<const HealthChecks> health_checks;      // null: hosts are not asked
  std::shared_ptr<const BalancerSettings> balancer;       // slow start, localities, zones; null: none of them
  uint32_t choice_count = 2;                              // least request
  uint32_t panic_threshold_percent = 50;                  // 0: no panic
  double active_request_bias = 1.0;                       // least request, unequal weights
  Rare<ConsistentHash> consistent_hash;                   // set for kRingHash and kMaglev
  Rare<LbSubset> subset;
  Milliseconds connect_timeout{5000};
  Thresholds default_priority;
  RareValue<Thresholds> high_priority;
  Rare<OutlierDetection> outlier;
  Milliseconds idle_timeout{3600000};        // of pooled connections; 0: none
  Milliseconds max_connection_duration{0};   // 0: none
  uint32_t max_requests_per_connection = 0;  // 0: no limit
  uint32_t buffer_limit = 1024 * 1024;       // per_connection_buffer_limit_bytes
  uint32_t max_response_headers_kb = 80;     // HTTP/1
  uint32_t max_headers_count = 100;
  HeaderCase header_case;                          // of HTTP/1 requests
  uint32_t max_connections_per_host = UINT32_MAX;  // per_host_thresholds
  RareValue<Http2Options> http2;
  RareList<SocketOption> socket_options;  // of every connection; TCP keep-alive is among them
  bool close_on_health_failure = false;   // connections end with their host's health
  bool close_on_host_set_change = false;  // all connections end when hosts come or go
  bool pool_per_downstream = false;       // connections are used for one downstream connection only
  RareValue<HappyEyeballs> happy_eyeballs;
  RareValue<Preconnect> preconnect;
  std::shared_ptr<const UpstreamBind> bind;  // null: the kernel chooses where connections come from
  std::shared_ptr<const UpstreamTls> tls;    // null: plain text
  RareList<TransportSocketMatch> transport_socket_matches;  // the first that matches a host wins over `tls`
  RareValue<std::string> auto_sni_header;                   // override_auto_sni_header, lower-case
  std::shared_ptr<const Metadata> metadata;                 // never null
  std::shared_ptr<const ProxyHeader> proxy_header;  // beside `tls`; null: connections begin without one
};

/// The name of its endpoints: of the ClusterLoadAssignment where it is of type EDS.
inline const std::string& endpoints_name(const ClusterConfig& config) {
  return config.eds_service_name->empty() ? config.name : *config.eds_service_name;
}

/// The name that statistics use: alt_stat_name or name, ':' replaced by '_' as in Envoy.
std::string cluster_stat_name(const ClusterConfig& config);

}  // namespace remora
