#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "remora/core/address.h"
#include "remora/core/clock.h"
#include "remora/core/failure.h"
#include "remora/http/header_map.h"

namespace remora {

class FilterState;
struct ClusterConfig;
struct Route;
struct VirtualCluster;
struct VirtualHost;
struct Endpoint;
struct Metadata;
struct TlsInfo;
struct Workload;

enum class Protocol : uint8_t { kHttp10, kHttp11, kHttp2, kNone };
/// "HTTP/1.0", "HTTP/1.1", "HTTP/2", "-".
std::string_view protocol_name(Protocol protocol);

/// What a line of a log is written for. Source: envoy.data.accesslog.v3.AccessLogType.
enum class AccessLogType : uint8_t {
  kNotSet,
  kTcpConnectionEnd,
  kDownstreamStart,
  kDownstreamPeriodic,
  kDownstreamEnd,
  kDownstreamTunnelSuccessfullyEstablished,
  // Of one attempt at an upstream, in the router's logs.
  kUpstreamPoolReady,
  kUpstreamPeriodic,
  kUpstreamEnd,
};
[[nodiscard]] constexpr bool is_of_attempt(AccessLogType type) {
  return type >= AccessLogType::kUpstreamPoolReady;
}
/// Its name, "DownstreamEnd".
std::string_view access_log_type_name(AccessLogType type);

/// Messages of a gRPC call, by their frames' beginnings. Source: Envoy, grpc_stats.v3.FilterObject.
struct GrpcMessages {
  uint64_t request = 0;
  uint64_t response = 0;
};

/// What is known of one request/response exchange while it runs and when it is logged: the source of every
/// %OPERATOR% of access logs and header values, of filters and of statistics. Owned by the exchange; the
/// pointers are borrowed from configuration that the exchange keeps alive. Worker thread only.
struct ExchangeInfo {
  uint64_t connection_id = 0;
  uint64_t stream_id = 0;
  Protocol protocol = Protocol::kNone;

  // Times; a zero time_point: has not happened (yet).
  WallTime start_wall{};
  MonotonicTime start{};             ///< first byte of the request
  MonotonicTime request_received{};  ///< last byte of the request
  MonotonicTime upstream_first_sent{};
  MonotonicTime upstream_last_sent{};
  MonotonicTime upstream_first_received{};  ///< first byte of the response
  MonotonicTime upstream_last_received{};
  MonotonicTime downstream_first_sent{};
  MonotonicTime end{};  ///< last byte of the response sent, or the exchange given up

  uint64_t request_body_bytes = 0;   ///< %BYTES_RECEIVED%
  uint64_t response_body_bytes = 0;  ///< %BYTES_SENT%
  uint64_t request_header_bytes = 0;
  uint64_t response_header_bytes = 0;

  uint16_t response_code = 0;  ///< 0: no response was sent
  ResponseFlags flags;
  std::string_view details{};  ///< %RESPONSE_CODE_DETAILS%; static or held by `details_storage`
  std::string details_storage;
  std::string_view local_reply_body{};  ///< %LOCAL_REPLY_BODY%; held by the exchange while it is logged
  std::string_view upstream_transport_failure{};
  std::string_view termination_details{};  ///< %CONNECTION_TERMINATION_DETAILS%

  std::string_view filter_chain{};           ///< %FILTER_CHAIN_NAME%
  std::string_view requested_server_name{};  ///< %REQUESTED_SERVER_NAME%: SNI, by TLS or by the inspector
  const TlsInfo* downstream_tls = nullptr;   ///< null: plain text; the connection's
  const TlsInfo* upstream_tls = nullptr;     ///< of the last attempt that got a connection; null: plain text

  const Address* downstream_remote = nullptr;  ///< after XFF processing
  const Address* downstream_direct = nullptr;  ///< the peer of the socket
  const Address* downstream_local = nullptr;
  const Address* upstream_local = nullptr;
  const Endpoint* upstream_host = nullptr;  ///< the last one chosen
  uint32_t attempts = 0;                    ///< %UPSTREAM_REQUEST_ATTEMPT_COUNT%

  const VirtualHost* virtual_host = nullptr;
  const Route* route = nullptr;
  const VirtualCluster* virtual_cluster = nullptr;  ///< null: none, or nothing is forwarded
  /// The cluster that the route has chosen, whether or not it exists; empty where nothing is forwarded.
  std::string_view route_cluster{};
  const ClusterConfig* cluster = nullptr;
  /// Per-request metadata that filters set (%DYNAMIC_METADATA%); null until the first one does.
  Metadata* dynamic_metadata = nullptr;
  /// Objects that filters have left (%FILTER_STATE%); null until the first one does.
  const FilterState* filter_state = nullptr;
  /// Who the two peers said they are (Istio's metadata exchange, filters/peer_metadata); null if they did
  /// not.
  std::shared_ptr<const Workload> downstream_peer;
  std::shared_ptr<const Workload> upstream_peer;

  /// Heads and trailers as they stand; null while they do not exist.
  const HeaderMap* request = nullptr;
  const HeaderMap* response = nullptr;
  const HeaderMap* response_trailers = nullptr;

  /// Messages that have passed so far, once the filter grpc_stats counts them (its emit_filter_state).
  std::optional<GrpcMessages> grpc_messages;

  bool health_check = false;
  bool upgraded = false;
  AccessLogType log_type = AccessLogType::kNotSet;  ///< %ACCESS_LOG_TYPE%, while it is logged

  [[nodiscard]] uint64_t duration_ms() const { return elapsed_ms(start, end); }
};

}  // namespace remora
