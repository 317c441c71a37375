#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "remora/config/matchers.h"
#include "remora/config/route.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"

namespace remora {

/// Active health checking of a cluster's hosts, as plain structs with Envoy's defaults. Built and validated
/// by xds/translate, immutable afterwards. Source: envoy.config.core.v3.HealthCheck.

/// Half-open ranges of HTTP statuses: from `first` up to but without `second`.
using StatusRanges = std::vector<std::pair<uint16_t, uint16_t>>;

/// A request whose answer's status (and body, where something is expected of it) decides.
struct HttpHealthCheck {
  std::string host;  // the authority; never empty: the cluster's name is the default
  std::string path;
  std::string method = "GET";
  std::string send;                  // the request's body
  std::vector<std::string> receive;  // must stand in the response's body, in this order
  uint64_t response_buffer = 1024;   // so many bytes of the body are looked at; 0: all of them
  HeaderMutations headers;
  StatusRanges expected{{200, 201}};
  StatusRanges retriable;                     // failures that only count towards unhealthy_threshold
  bool http2 = false;                         // codec_client_type
  std::optional<StringMatcher> service_name;  // of x-envoy-upstream-healthchecked-cluster
};

/// A connection, and what is said on it.
struct TcpHealthCheck {
  std::string send;
  std::vector<std::string> receive;  // must come in this order; empty: connecting is enough
};

/// A call of grpc.health.v1.Health/Check.
struct GrpcHealthCheck {
  std::string service_name;
  std::string authority;  // never empty: the cluster's name is the default
  HeaderMutations initial_metadata;
};

/// How the hosts of a cluster are asked, and what becomes of what they say.
struct HealthChecks {
  std::variant<HttpHealthCheck, TcpHealthCheck, GrpcHealthCheck> check;
  Milliseconds timeout{0};
  Milliseconds interval{0};
  Milliseconds initial_jitter{0};
  Milliseconds interval_jitter{0};
  uint32_t interval_jitter_percent = 0;
  uint32_t unhealthy_threshold = 0;
  uint32_t healthy_threshold = 0;
  bool reuse_connection = true;
  // As long as the cluster has never had a connection for traffic:
  Milliseconds no_traffic_interval{60000};
  Milliseconds no_traffic_healthy_interval{60000};
  // Defaults of these are set by the translation, from `interval`:
  Milliseconds unhealthy_interval{0};
  Milliseconds unhealthy_edge_interval{0};
  Milliseconds healthy_edge_interval{0};
  std::vector<std::string> alpn;        // instead of the cluster's; empty: the cluster's
  std::vector<std::string> event_logs;  // paths of files
  bool always_log_failures = false;
  bool always_log_successes = false;

  // Fields of the cluster that only mean something with health checks.
  bool ignore_health_on_host_removal = false;
  bool ignore_new_hosts_until_first_check = false;
  bool uneject_on_success = true;  // outlier_detection.successful_active_health_check_uneject_host
};

/// How one endpoint is checked. Source: envoy.config.endpoint.v3.Endpoint.HealthCheckConfig.
struct EndpointHealthCheck {
  Address address;               // where it is asked; empty: where it serves
  std::optional<uint16_t> port;  // instead of the address's
  std::string hostname;          // instead of the cluster's host or authority; "": that
  bool disabled = false;
  bool operator==(const EndpointHealthCheck&) const = default;
};

}  // namespace remora
