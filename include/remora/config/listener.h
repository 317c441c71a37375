#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remora/config/access_log.h"
#include "remora/config/filter_chain.h"
#include "remora/config/header_case.h"
#include "remora/config/http2.h"
#include "remora/config/original_ip.h"
#include "remora/config/route_table.h"
#include "remora/config/socket.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"
#include "remora/http/path.h"

namespace remora {

class FilterFactory;
class ScopedRoutes;
struct LocalReplyConfig;  // local_reply.h

/// One entry of http_filters.
struct HttpFilterEntry {
  std::shared_ptr<const FilterFactory> factory;
  bool disabled = false;  // runs only where a route turns it on
};

/// Source: envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager. Defaults are
/// Envoy's.
struct HttpConnectionManagerConfig {
  enum class ServerHeader : uint8_t { kOverwrite, kAppendIfAbsent, kPassThrough };
  using EscapedSlashes = remora::EscapedSlashes;
  enum class Underscores : uint8_t { kAllow, kReject, kDrop };
  enum class ForwardClientCert : uint8_t {
    kSanitize,
    kForwardOnly,
    kAppendForward,
    kSanitizeSet,
    kAlwaysForwardOnly
  };
  /// kAuto: by ALPN or, without it, by the client's first bytes.
  enum class Codec : uint8_t { kAuto, kHttp1, kHttp2 };
  /// set_current_client_cert_details: what is said of the client's certificate beside By and Hash.
  struct ClientCertDetails {
    bool subject = false;
    bool cert = false;
    bool chain = false;
    bool dns = false;
    bool uri = false;
  };

  Codec codec = Codec::kAuto;
  std::string stat_prefix;
  // Routes: inline (`routes`), by name through RDS (`rds_name`), or one of both by the request's scope
  // (`scopes`); exactly one is set.
  std::shared_ptr<const RouteTable> routes;
  std::string rds_name;
  std::shared_ptr<const ScopedRoutes> scopes;
  /// In order; the router itself is not among them: it is the end of every chain.
  std::vector<HttpFilterEntry> filters;
  bool suppress_envoy_headers = false;  // router
  bool append_local_overload = false;   // x-envoy-local-overloaded with what overload answers
  std::vector<std::shared_ptr<const AccessLogConfig>> access_logs;
  // access_log_options: lines that are written before the end.
  bool log_new_requests = false;
  bool log_established_tunnels = false;
  Milliseconds log_interval{0};  // 0: none
  /// What the proxy's own answers look like; null: as they come.
  std::shared_ptr<const LocalReplyConfig> local_reply;

  // Limits.
  uint32_t max_request_headers_kb = 60;
  uint32_t max_headers_count = 100;
  uint32_t max_requests_per_connection = 0;  // 0: no limit
  // Timeouts; 0: none.
  Milliseconds idle_timeout{3600000};  // connection without a request
  Milliseconds max_connection_duration{0};
  Milliseconds max_stream_duration{0};
  Milliseconds stream_idle_timeout{300000};
  /// Of what is left of a response that is there whole; absent: `stream_idle_timeout`.
  std::optional<Milliseconds> stream_flush_timeout;
  Milliseconds request_timeout{0};
  Milliseconds request_headers_timeout{0};
  Milliseconds drain_timeout{5000};
  Milliseconds delayed_close_timeout{1000};

  // Identity of the peer and headers about the path.
  std::string server_name = "envoy";
  ServerHeader server_header = ServerHeader::kOverwrite;
  std::string via;
  bool use_remote_address = false;
  uint32_t xff_num_trusted_hops = 0;
  /// original_ip_detection_extensions: the first that finds an address decides; empty: the two members above.
  std::vector<OriginalIpDetection> original_ip;
  /// early_header_mutation_extensions: before anything else reads the request.
  std::vector<HeaderEdit> early_mutations;
  bool skip_xff_append = false;
  std::vector<CidrRange> internal_ranges;  // internal_address_config.cidr_ranges
  bool unix_sockets_internal = false;
  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;
  bool append_x_forwarded_port = false;
  std::string scheme;               // scheme_to_overwrite; "": as it came
  bool scheme_of_upstream = false;  // match_upstream: "https" where the upstream is spoken to through TLS
  ForwardClientCert forward_client_cert = ForwardClientCert::kSanitize;
  ClientCertDetails client_cert_details;

  // Path and host.
  bool normalize_path = false;
  bool merge_slashes = false;
  EscapedSlashes escaped_slashes = EscapedSlashes::kKeep;
  bool strip_matching_host_port = false;
  bool strip_any_host_port = false;
  bool strip_trailing_host_dot = false;
  Underscores underscores = Underscores::kAllow;

  // HTTP/1.
  bool allow_absolute_url = true;
  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool enable_trailers = false;
  HeaderCase header_case;  // of responses
  bool proxy_100_continue = false;

  Http2Options http2;

  std::vector<std::string> upgrades;  // enabled upgrade types, lower-case ("websocket")
};

enum class TrafficDirection : uint8_t { kUnspecified, kInbound, kOutbound };

/// Source: envoy.config.listener.v3.Listener.
struct ListenerConfig {
  std::string name;
  std::string version;  // of the LDS resource; "" for static ones
  bool added_via_api = false;
  /// Of the resource's content: equal means that it was not modified, only what its filters are told
  /// (extension discovery). 0: not computed.
  uint64_t hash = 0;
  Address address;
  std::vector<Address> additional_addresses;
  std::string stat_prefix;  // "": the address, ':' as '_'
  TrafficDirection direction = TrafficDirection::kUnspecified;
  std::vector<FilterChain> filter_chains;  // no two with equal matches
  /// For connections that none of the others match. Neither: the connection is closed.
  std::optional<FilterChain> default_filter_chain;
  std::vector<ListenerFilter> listener_filters;  // in order
  Milliseconds listener_filters_timeout{15000};  // 0: none
  bool continue_on_listener_filters_timeout = false;
  /// Connections are handed to the listener at their original destination, if there is one.
  bool use_original_dst = false;
  uint32_t buffer_limit = 1024 * 1024;  // per_connection_buffer_limit_bytes
  bool reuse_port = true;
  uint32_t tcp_backlog = 0;                 // 0: the system's maximum
  uint32_t max_connections_per_accept = 0;  // 0: this build's own bound
  bool bind_to_port = true;
  bool exact_balance = false;  // connection_balance_config: workers have as many connections as each other
  bool drain_modify_only = false;  // drain_type MODIFY_ONLY: not when the process or its health says so
  bool transparent = false;
  bool freebind = false;
  bool ignores_connection_limit = false;  // ignore_global_conn_limit
  bool bypasses_overload = false;         // bypass_overload_manager
  std::vector<SocketOption> socket_options;
  /// One line for every connection, at its end; also for those that no filter chain was found for (flag NR).
  std::vector<std::shared_ptr<const AccessLogConfig>> access_logs;
};

}  // namespace remora
