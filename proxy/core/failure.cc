#include "remora/core/failure.h"

#include <array>
#include <utility>

namespace remora {
namespace {

struct FlagNames {
  std::string_view brief;
  std::string_view full;
};

/// In the order of the bits of ResponseFlag.
constexpr std::array<FlagNames, 28> kFlags = {{
    {"LH", "FailedLocalHealthCheck"},
    {"UH", "NoHealthyUpstream"},
    {"UT", "UpstreamRequestTimeout"},
    {"LR", "LocalReset"},
    {"UR", "UpstreamRemoteReset"},
    {"UF", "UpstreamConnectionFailure"},
    {"UC", "UpstreamConnectionTermination"},
    {"UO", "UpstreamOverflow"},
    {"NR", "NoRouteFound"},
    {"DI", "DelayInjected"},
    {"FI", "FaultInjected"},
    {"RL", "RateLimited"},
    {"UAEX", "UnauthorizedExternalService"},
    {"DC", "DownstreamConnectionTermination"},
    {"URX", "UpstreamRetryLimitExceeded"},
    {"SI", "StreamIdleTimeout"},
    {"IH", "InvalidEnvoyRequestHeaders"},
    {"DPE", "DownstreamProtocolError"},
    {"UMSDR", "UpstreamMaxStreamDurationReached"},
    {"NC", "NoClusterFound"},
    {"OM", "OverloadManagerTerminated"},
    {"DT", "DurationTimeout"},
    {"UPE", "UpstreamProtocolError"},
    {"DR", "DownstreamRemoteReset"},
    {"NFCF", "NoFilterConfigFound"},
    {"DF", "DnsResolutionFailed"},
    {"DO", "DropOverload"},
    {"UDO", "UnconditionalDropOverload"},
}};

constexpr std::string_view kBegunDetail = "upstream_reset_after_response_started";
constexpr std::string_view kNotBegunDetail = "upstream_reset_before_response_started";
constexpr std::string_view kReasonMark = "reset reason: ";

#define REMORA_RESET_BODY "upstream connect error or disconnect/reset before headers. reset reason: "
#define REMORA_RESET_DETAIL "upstream_reset_before_response_started"

using Flag = ResponseFlag;

/// In the order of Failure: status, flag, details, reset reason, body, charged to the host.
/// Details, flags and bodies were checked against Envoy 1.40.
constexpr std::array<FailureInfo, static_cast<size_t>(Failure::kLocalReset) + 1> kFailures = {{
    /* kNone */ {0, Flag::kNone, "", "", "", false},
    /* kConnectFailure */
    {503, Flag::kUpstreamConnectionFailure, REMORA_RESET_DETAIL "{remote_connection_failure}",
     "remote connection failure", REMORA_RESET_BODY "remote connection failure", true},
    /* kConnectTimeout */
    {503, Flag::kUpstreamConnectionFailure, REMORA_RESET_DETAIL "{connection_timeout}", "connection timeout",
     REMORA_RESET_BODY "connection timeout", true},
    /* kConnectionTermination */
    {503, Flag::kUpstreamConnectionTermination, REMORA_RESET_DETAIL "{connection_termination}",
     "connection termination", REMORA_RESET_BODY "connection termination", true},
    /* kUpstreamReset */
    {503, Flag::kUpstreamRemoteReset, REMORA_RESET_DETAIL "{remote_reset}", "remote reset",
     REMORA_RESET_BODY "remote reset", true},
    /* kRefusedStream */
    {503, Flag::kUpstreamRemoteReset, REMORA_RESET_DETAIL "{remote_refused_stream_reset}",
     "remote refused stream reset", REMORA_RESET_BODY "remote refused stream reset", true},
    /* kUpstreamProtocolError */
    {502, Flag::kUpstreamProtocolError, REMORA_RESET_DETAIL "{protocol_error}", "protocol error",
     REMORA_RESET_BODY "protocol error", true},
    /* kUpstreamHeadersTooLarge: to Envoy one more protocol error */
    {502, Flag::kUpstreamProtocolError, REMORA_RESET_DETAIL "{protocol_error}", "protocol error",
     REMORA_RESET_BODY "protocol error", true},
    /* kOverflow */
    {503, Flag::kUpstreamOverflow, REMORA_RESET_DETAIL "{overflow}", "overflow", REMORA_RESET_BODY "overflow",
     false},
    /* kNoHealthyUpstream */
    {503, Flag::kNoHealthyUpstream, "no_healthy_upstream", "", "no healthy upstream", false},
    /* kNoCluster */ {503, Flag::kNoClusterFound, "cluster_not_found", "", "", false},
    /* kNoRoute */ {404, Flag::kNoRouteFound, "route_not_found", "", "", false},
    /* kUpstreamTimeout */
    {504, Flag::kUpstreamRequestTimeout, "response_timeout", "", "upstream request timeout", true},
    /* kPerTryTimeout */
    {504, Flag::kUpstreamRequestTimeout, "upstream_per_try_timeout", "", "upstream request timeout", true},
    /* kPerTryIdleTimeout */
    {504, Flag::kUpstreamRequestTimeout, "upstream_per_try_idle_timeout", "", "upstream request timeout",
     true},
    /* kMaintenance */ {503, Flag::kUpstreamOverflow, "maintenance_mode", "", "maintenance mode", false},
    /* kDownstreamDisconnect */
    {0, Flag::kDownstreamConnectionTermination, "downstream_remote_disconnect", "", "", false},
    /* kDownstreamReset */ {0, Flag::kDownstreamRemoteReset, "http2.remote_reset", "", "", false},
    /* kDownstreamProtocolError */
    {400, Flag::kDownstreamProtocolError, "http1.codec_error", "", "Bad Request", false},
    /* kStreamIdleTimeout */
    {504, Flag::kStreamIdleTimeout, "stream_idle_timeout", "", "stream timeout", false},
    /* kRequestTimeout */ {408, Flag::kNone, "request_overall_timeout", "", "request timeout", false},
    /* kRequestHeaderTimeout */
    {408, Flag::kNone, "request_header_timeout", "", "request header timeout", false},
    /* kMaxStreamDuration */
    {504, Flag::kNone, "max_duration_timeout", "", "downstream duration timeout", false},
    /* kPayloadTooLarge */ {413, Flag::kNone, "request_payload_too_large", "", "Payload Too Large", false},
    /* kLocalReset */
    {503, Flag::kLocalReset, REMORA_RESET_DETAIL "{local_reset}", "local reset",
     REMORA_RESET_BODY "local reset", false},
}};

#undef REMORA_RESET_BODY
#undef REMORA_RESET_DETAIL

bool is_downstream_timeout(Failure failure) {
  return failure == Failure::kStreamIdleTimeout || failure == Failure::kRequestTimeout ||
         failure == Failure::kRequestHeaderTimeout || failure == Failure::kMaxStreamDuration;
}

void append_without_spaces(std::string_view text, std::string& out) {
  for (const char c : text) out += c == ' ' || (c >= '\t' && c <= '\r') ? '_' : c;
}

}  // namespace

template <typename Visit>
void ResponseFlags::each(Visit visit) const {
  for (uint64_t rest = order_; rest != 0; rest >>= 5) visit(kFlags[(rest & 31) - 1]);
}

void ResponseFlags::append_short(std::string& out) const {
  if (empty()) out += '-';
  const char* separator = "";
  each([&](const FlagNames& names) { out.append(std::exchange(separator, ",")).append(names.brief); });
}

void ResponseFlags::append_long(std::string& out) const {
  if (empty()) out += '-';
  const char* separator = "";
  each([&](const FlagNames& names) { out.append(std::exchange(separator, ",")).append(names.full); });
}

const FailureInfo& failure_info(Failure failure) { return kFailures[static_cast<size_t>(failure)]; }

uint16_t failure_status(Failure failure, bool request_complete) {
  if (is_downstream_timeout(failure)) return request_complete ? 504 : 408;
  return failure_info(failure).status;
}

void append_failure_details(Failure failure, bool response_begun, std::string_view transport_failure,
                            std::string& out) {
  const FailureInfo& info = failure_info(failure);
  if (info.reason.empty() || (!response_begun && transport_failure.empty())) {
    out += info.details;
    return;
  }
  out.append(response_begun ? kBegunDetail : kNotBegunDetail).append(1, '{');
  append_without_spaces(info.reason, out);
  if (!transport_failure.empty()) {
    out += '|';
    append_without_spaces(transport_failure, out);
  }
  out += '}';
}

void append_failure_body(Failure failure, bool retried, std::string& out) {
  const std::string_view body = failure_info(failure).body;
  const size_t mark = retried ? body.find(kReasonMark) : std::string_view::npos;
  if (mark == std::string_view::npos) {
    out += body;
    return;
  }
  out.append(body.substr(0, mark)).append("retried and the latest ").append(body.substr(mark));
}

}  // namespace remora
