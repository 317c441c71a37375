#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora {

/// Envoy's response flags, one bit each (short names in access logs: "UH", "UF", ...).
/// Source: Envoy, access log usage, %RESPONSE_FLAGS%.
enum class ResponseFlag : uint32_t {
  kNone = 0,
  kFailedLocalHealthCheck = 1u << 0,             // LH
  kNoHealthyUpstream = 1u << 1,                  // UH
  kUpstreamRequestTimeout = 1u << 2,             // UT
  kLocalReset = 1u << 3,                         // LR
  kUpstreamRemoteReset = 1u << 4,                // UR
  kUpstreamConnectionFailure = 1u << 5,          // UF
  kUpstreamConnectionTermination = 1u << 6,      // UC
  kUpstreamOverflow = 1u << 7,                   // UO
  kNoRouteFound = 1u << 8,                       // NR
  kDelayInjected = 1u << 9,                      // DI
  kFaultInjected = 1u << 10,                     // FI
  kRateLimited = 1u << 11,                       // RL
  kUnauthorizedExternalService = 1u << 12,       // UAEX
  kDownstreamConnectionTermination = 1u << 13,   // DC
  kUpstreamRetryLimitExceeded = 1u << 14,        // URX
  kStreamIdleTimeout = 1u << 15,                 // SI
  kInvalidEnvoyRequestHeaders = 1u << 16,        // IH
  kDownstreamProtocolError = 1u << 17,           // DPE
  kUpstreamMaxStreamDurationReached = 1u << 18,  // UMSDR
  kNoClusterFound = 1u << 19,                    // NC
  kOverloadManager = 1u << 20,                   // OM
  kDurationTimeout = 1u << 21,                   // DT
  kUpstreamProtocolError = 1u << 22,             // UPE
  kDownstreamRemoteReset = 1u << 23,             // DR
  kNoFilterConfigFound = 1u << 24,               // NFCF
  kDnsResolutionFailed = 1u << 25,               // DF
  kDropOverload = 1u << 26,                      // DO
  kUnconditionalDropOverload = 1u << 27,         // UDO
};

/// A set of ResponseFlag that remembers in which order its members came: logs show "URX,UC" as Envoy does.
class ResponseFlags {
 public:
  void set(ResponseFlag flag) {
    const auto bit = static_cast<uint32_t>(flag);
    if (bit == 0 || (bits_ & bit) != 0) return;
    const int count = std::popcount(bits_);
    if (count < kOrdered) order_ |= static_cast<uint64_t>(std::countr_zero(bit) + 1) << (5 * count);
    bits_ |= bit;
  }
  [[nodiscard]] bool has(ResponseFlag flag) const { return (bits_ & static_cast<uint32_t>(flag)) != 0; }
  [[nodiscard]] bool empty() const { return bits_ == 0; }
  void clear() { bits_ = 0, order_ = 0; }
  /// The members as one number, without their order.
  [[nodiscard]] uint32_t bits() const { return bits_; }
  /// The same members in the same order: the same text.
  bool operator==(const ResponseFlags&) const = default;
  /// Appends the short names joined by commas, or "-" for the empty set.
  void append_short(std::string& out) const;
  /// Appends the long names ("NoHealthyUpstream") joined by commas, or "-".
  void append_long(std::string& out) const;

 private:
  template <typename Visit>
  void each(Visit visit) const;

  static constexpr int kOrdered = 12;  // further members are in the set, but not shown
  uint32_t bits_ = 0;
  uint64_t order_ = 0;  // five bits a member: its bit's number plus one
};

/// Why a message, a stream or a connection attempt ended before its natural end.
/// A Failure knows its side and what a caller is told; proxy/local_reply.cc is the only place that answers
/// with it.
enum class Failure : uint8_t {
  kNone,
  // Upstream side.
  kConnectFailure,         ///< TCP (or TLS) could not be established: refused, unreachable
  kConnectTimeout,         ///< not established within the cluster's connect_timeout
  kConnectionTermination,  ///< the upstream connection ended before the response was complete
  kUpstreamReset,          ///< the upstream reset the stream (HTTP/2 RST_STREAM)
  kRefusedStream,  ///< the upstream has not touched the request (REFUSED_STREAM, GOAWAY): safe to send again
  kUpstreamProtocolError,    ///< the upstream's bytes are not valid HTTP
  kUpstreamHeadersTooLarge,  ///< response head over max_response_headers_kb or max_headers_count
  kOverflow,                 ///< a circuit breaker is open
  kNoHealthyUpstream,        ///< the cluster has no host to choose
  kNoCluster,                ///< the route names a cluster that does not exist
  kNoRoute,                  ///< no virtual host or route matches
  kUpstreamTimeout,          ///< the route's timeout
  kPerTryTimeout,            ///< retry_policy.per_try_timeout, no retry left
  kPerTryIdleTimeout,        ///< retry_policy.per_try_idle_timeout, no retry left
  kMaintenance,              ///< the cluster is in maintenance mode
  // Downstream side.
  kDownstreamDisconnect,     ///< the client went away
  kDownstreamReset,          ///< the client reset the stream (HTTP/2 RST_STREAM)
  kDownstreamProtocolError,  ///< the client's bytes are not valid HTTP
  kStreamIdleTimeout,        ///< nothing moved for stream_idle_timeout
  kRequestTimeout,           ///< the request was not received within request_timeout
  kRequestHeaderTimeout,     ///< the request's head was not received within request_headers_timeout
  kMaxStreamDuration,        ///< max_stream_duration
  kPayloadTooLarge,          ///< a buffered body exceeds its limit
  // This process.
  kLocalReset,  ///< we gave up: shutdown deadline, host removed
};

/// What is known about a Failure, for the answer, the access log and the retry decision.
struct FailureInfo {
  uint16_t status;  ///< the status a caller is answered with when no response has begun; 0: just close
  ResponseFlag flag;
  std::string_view details;  ///< Envoy's response code detail, when no response had begun
  std::string_view
      reason;  ///< Envoy's reset reason ("connection termination"); "" if it is not an upstream reset
  std::string_view body;  ///< Envoy's body of the local reply
  bool upstream;          ///< true: charged to the upstream host
};

/// Never fails; the table is complete.
const FailureInfo& failure_info(Failure failure);

/// The status of the answer: timeouts of the downstream side are 408 while the request is still arriving,
/// else 504.
uint16_t failure_status(Failure failure, bool request_complete);
/// Appends the response code detail with all that is known: for upstream resets whether a response had begun,
/// and what the transport said ("delayed connect error: Connection refused"; may be empty). Spaces become
/// underscores.
void append_failure_details(Failure failure, bool response_begun, std::string_view transport_failure,
                            std::string& out);
/// Appends the body of the answer; `retried`: this was not the first attempt.
void append_failure_body(Failure failure, bool retried, std::string& out);

}  // namespace remora
