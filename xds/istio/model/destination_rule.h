#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/locality_balancing.h"
#include "istio/text/scalar.h"

namespace remora::istio {

enum class LoadBalancer {
  kLeastRequest,
  kRoundRobin,
  kRandom,
  kConsistentHash,
  kPassthrough,  ///< where the connection wanted to go before it was intercepted
  kPeakEwma,     ///< ours, by annotation, as the next: docs/load-balancing.md
  kPrequal,
};

/// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-ConsistentHashLB
struct ConsistentHash {
  enum class Key { kHeader, kCookie, kSourceIp, kQueryParameter };
  Key key = Key::kHeader;
  bool use_source_ip = true;  ///< kSourceIp
  std::string name;           ///< of the header, the cookie or the parameter
  std::string cookie_path;
  std::optional<Duration> cookie_ttl;  ///< absent: clients bring their own
  std::vector<std::pair<std::string, std::string>> cookie_attributes;
  bool maglev = false;
  uint64_t size = 0;  ///< of the ring at least, or of Maglev's table; 0: Envoy's default
};

/// Of idle connections; what is absent takes the system's default.
struct TcpKeepalive {
  std::optional<uint32_t> probes;
  std::optional<Duration> time;
  std::optional<Duration> interval;
};

/// Retries under way, as a share of the requests under way.
struct RetryBudget {
  double percent = 20;
  uint32_t min_concurrency = 3;  ///< so many at once are always allowed
};

/// What is absent here takes Istio's default, which only the translation knows.
struct ConnectionPool {
  std::optional<uint32_t> max_connections;
  std::optional<Duration> connect_timeout;
  std::optional<uint32_t> http1_max_pending_requests;
  std::optional<uint32_t> http2_max_requests;
  std::optional<uint32_t> max_requests_per_connection;
  std::optional<uint32_t> max_retries;
  std::optional<Duration> idle_timeout;
  std::optional<Duration> tcp_idle_timeout;
  std::optional<Duration> max_connection_duration;
  std::optional<TcpKeepalive> tcp_keepalive;
  std::optional<uint32_t> max_concurrent_streams;
  bool upgrade_to_http2 = false;
  bool use_client_protocol = false;
};

/// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
struct ClientTls {
  enum class Mode { kDisable, kSimple, kMutual, kIstioMutual };
  Mode mode = Mode::kDisable;
  std::string client_certificate;  ///< files, as the proxy finds them
  std::string private_key;
  std::string ca_certificates;  ///< empty: the system's
  std::string ca_crl;           ///< empty: nobody is asked who has been revoked
  std::vector<std::string> subject_alt_names;
  std::string sni;
  bool insecure_skip_verify = false;
};

/// Settings of ejection by latency, by the names that the proxy knows them by. Ours, by annotation:
/// docs/outlier-detection.md.
using LatencyEjection = std::map<std::string, double>;

struct OutlierDetection {
  std::optional<uint32_t> consecutive_5xx_errors;
  std::optional<uint32_t> consecutive_gateway_errors;
  std::optional<uint32_t> consecutive_local_origin_failures;
  bool split_external_local_origin_errors = false;
  std::optional<Duration> interval;
  std::optional<Duration> base_ejection_time;
  std::optional<uint32_t> max_ejection_percent;
  std::optional<uint32_t> min_health_percent;
  std::optional<LatencyEjection> latency;  ///< absent: nobody is ejected for being slow
};

/// In which form the connections' own ends are told to the endpoints, before anything else is said.
enum class ProxyProtocol { kV1, kV2 };

/// The part of a policy that portLevelSettings replace and subsets override, setting by setting.
struct PolicySettings {
  std::optional<LoadBalancer> load_balancer;
  std::optional<ConsistentHash> consistent_hash;  ///< there for kConsistentHash
  std::optional<LocalityBalancing> localities;    ///< of load_balancer, as the next
  std::optional<Warmup> warmup;
  std::optional<ConnectionPool> connection_pool;
  std::optional<OutlierDetection> outlier_detection;
  std::optional<ClientTls> tls;
  std::optional<RetryBudget> retry_budget;      ///< of a whole service or subset, for all of its ports
  std::optional<ProxyProtocol> proxy_protocol;  ///< likewise
  /// To how many endpoints a proxy speaks, of a whole service, for all of its ports and subsets. Ours, by
  /// annotation: docs/load-balancing.md.
  std::optional<uint32_t> aperture;
};

struct TrafficPolicy {
  PolicySettings settings;
  std::map<uint16_t, PolicySettings> ports;

  /// What holds for `port`: its own settings where it has some (they replace, not merge), else the general
  /// ones.
  PolicySettings for_port(uint16_t port) const {
    const auto own = ports.find(port);
    if (own == ports.end()) return settings;
    PolicySettings of_port = own->second;
    of_port.retry_budget = settings.retry_budget;
    of_port.aperture = settings.aperture;
    of_port.proxy_protocol = settings.proxy_protocol;
    return of_port;
  }
};

struct Subset {
  std::string name;
  std::map<std::string, std::string> labels;
  TrafficPolicy traffic_policy;
};

/// https://istio.io/latest/docs/reference/config/networking/destination-rule/
struct DestinationRule {
  std::string host;
  TrafficPolicy traffic_policy;
  std::vector<Subset> subsets;
  std::vector<std::string> export_to;
  int host_line = 0;
};

}  // namespace remora::istio
